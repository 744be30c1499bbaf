"""Ways to run web services: in the test's event loop, or in a child process."""

import asyncio
import importlib.util
import os
import re
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from aiohttp import web

from tests.helpers import EXAMPLES


def import_example(name):
    """Return a new module object of an example, even if it was imported before."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def serve_fastapi_example(module):
    """Serve the FastAPI example in the running event loop. Yield its URL."""
    server = module.Server(uvicorn.Config(module.app, port=0, log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
        assert not serving.done()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def serve_aiohttp_example(module):
    """Serve the aiohttp example in the running event loop. Yield its URL."""
    runner = web.AppRunner(module.make_app(), handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


SERVICES = {"fastapi_service": serve_fastapi_example, "aiohttp_service": serve_aiohttp_example}


@contextmanager
def server_process(*arguments, folder=None, **settings):
    """Run a server in a child process. Yield the process and the server's URL.

    Args:
        arguments: Python's arguments, such as a program.
        folder: The current folder of the process. None: that of the tests.
        settings: Environment variables for it.
    """
    child = subprocess.Popen(
        [sys.executable, "-X", "dev", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=os.environ | {"PYTHONUNBUFFERED": "1"} | settings,
    )
    try:
        output = b""
        while not (url := re.search(rb"http://127\.0\.0\.1:[1-9]\d*", output)):
            output += (line := child.stdout.readline())
            assert line, output.decode()
        yield child, url[0].decode()
    finally:
        child.kill()
        child.communicate()


def service_process(name, **settings):
    """Run an example, such as ``"fastapi_service"``, as `server_process` does."""
    return server_process(EXAMPLES / f"{name}.py", PORT="0", **settings)
