"""The example services, run for real: in this process, to look inside, or as one of their own."""

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


def load(name):
    """Import an example anew."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@asynccontextmanager
async def fastapi_service(module):
    """Serve the FastAPI example in this loop; give its URL."""
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
async def aiohttp_service(module):
    """Serve the aiohttp example in this loop; give its URL."""
    runner = web.AppRunner(module.make_app(), handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


SERVICES = {"fastapi_service": fastapi_service, "aiohttp_service": aiohttp_service}


@contextmanager
def service_process(name, **settings):
    """Run an example as a process of its own; give the process and its URL."""
    child = subprocess.Popen(
        [sys.executable, "-X", "dev", EXAMPLES / f"{name}.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PORT": "0", "PYTHONUNBUFFERED": "1"} | settings,
    )
    try:
        said = b""
        while not (found := re.search(rb"http://127\.0\.0\.1:[1-9]\d*", said)):
            said += (line := child.stdout.readline())
            assert line, said.decode()
        yield child, found[0].decode()
    finally:
        child.kill()
        child.communicate()
