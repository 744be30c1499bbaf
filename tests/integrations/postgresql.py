"""PostgreSQL of Debian's package, for the test of the example with a database."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

_INITDB = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))  # the client alone has none
PROGRAMS = _INITDB[-1].parent if _INITDB else None


@contextmanager
def run_postgresql():
    """Run a server with an empty database. Yield the environment variables that lead to it."""
    # The server refuses to run as root.
    user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    # The path of a socket may have 107 characters, so the folder is not in pytest's.
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    data = folder / "data"
    if user:
        shutil.chown(folder, **user)

    def run(program, *args):
        command = [PROGRAMS / program, "-D", data, *args]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **user)

    try:
        run("initdb", "--username=test", "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        run("pg_ctl", "start", "--wait", "--log", folder / "log", "--options", options)
        try:
            yield {"PGHOST": str(folder), "PGUSER": "test", "PGDATABASE": "postgres"}
        finally:
            run("pg_ctl", "stop", "--wait", "--mode=immediate")
    finally:
        shutil.rmtree(folder)
