"""Look into what was built: the wheel has the package and nothing else, the sdist builds the same.

Its argument is the folder that has both.
"""

import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

DIST = Path(sys.argv[1])
ROOT = Path(__file__).parent.parent


def tracked(folder: str) -> set[str]:
    """Name the files of a folder that are under version control."""
    listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, check=True)
    return set(listed.stdout.decode().splitlines())


def contents(wheel: Path) -> dict[str, bytes]:
    """Read a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def fail(*words: object) -> None:
    """Say what is wrong, and end."""
    print(*words, file=sys.stderr)
    sys.exit(1)


[wheel], [sdist] = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
held = contents(wheel)
info = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
expected = tracked("vairosms_async") | {
    f"{info}/{name}"
    for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
}
if set(held) != expected or "vairosms_async/py.typed" not in held:
    fail("the wheel has", sorted(set(held) - expected), "and lacks", sorted(expected - set(held)))

metadata = HeaderParser().parsestr(held[f"{info}/METADATA"].decode())
needs = [need for need in metadata.get_all("Requires-Dist", []) if "extra" not in need]
needs = sorted(need.split(">")[0].strip() for need in needs)
if needs != ["aiohttp", "attrs", "cattrs"]:
    fail("the wheel needs", needs)
version = (ROOT / "vairosms_async" / "_version.py").read_text("utf-8")
if f'"{metadata["Version"]}"' not in version:
    fail("the wheel is of version", metadata["Version"])
scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
entries = held[f"{info}/entry_points.txt"].decode()
if any(f"{name} = {target}" not in entries for name, target in scripts.items()):
    fail("the wheel lacks a command")

with tempfile.TemporaryDirectory() as folder:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    [source] = Path(folder).iterdir()
    again = Path(folder, "again")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", again, source],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    [rebuilt] = again.glob("*.whl")
    if rebuilt.read_bytes() != wheel.read_bytes():
        fail("the sdist builds another wheel")
print(f"{wheel.name}: {len(held)} files; the sdist builds the same.")
