"""FastAPI, Django and Flask with the guide's code, behind real servers."""

import asyncio
from itertools import product, starmap

import aiohttp
import pytest

from tests.helpers import EXAMPLES, KEY, assert_no_key
from tests.integrations.services import server_process
from tests.project.documents import block_with, page

pytestmark = pytest.mark.slow

FILES = ("service.py", "views.py", "urls.py", "app.py")

SETTINGS = """
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
SECRET_KEY = "secret"
"""

UVICORN = ("-m", "uvicorn", "--port", "0")

WSGI = """
from wsgiref.simple_server import make_server

with make_server("127.0.0.1", 0, app) as server:
    print(f"http://127.0.0.1:{server.server_port}")
    server.serve_forever()
"""
DJANGO_WSGI = (
    f"from django.core.wsgi import get_wsgi_application\napp = get_wsgi_application()\n{WSGI}"
)
FLASK_WSGI = f"from app import app\n{WSGI}"


@pytest.mark.parametrize(
    ("arguments", "views"),
    [
        pytest.param([*UVICORN, "service:app"], ["gonderim"], id="FastAPI"),
        pytest.param(
            [*UVICORN, "--app-dir", EXAMPLES, "fastapi_service:app"],
            ["gonderim"],
            id="FastAPI, the example",
        ),
        pytest.param(
            [*UVICORN, "--factory", "django.core.asgi:get_asgi_application"],
            ["gonderim", "sync/gonderim"],
            id="Django, ASGI",
        ),
        pytest.param(["-c", DJANGO_WSGI], ["gonderim", "sync/gonderim"], id="Django, WSGI"),
        pytest.param(["-c", FLASK_WSGI], ["gonderim"], id="Flask, WSGI"),
    ],
)
async def test_a_real_server_answers_concurrent_requests(panel, tmp_path, arguments, views):
    for name in FILES:
        code = block_with(page("guides/web-service.md"), f"# {name}")
        tmp_path.joinpath(name).write_text(code)
    tmp_path.joinpath("settings.py").write_text(SETTINGS)
    environment = {
        "DJANGO_SETTINGS_MODULE": "settings",
        "VAIROSMS_API_KEY": KEY,
        "VAIROSMS_BASE_URL": panel.base_url,
    }
    with server_process(*arguments, folder=tmp_path, **environment) as (child, url):
        async with aiohttp.ClientSession() as session:

            async def get(view, gonderim_id):
                async with session.get(f"{url}/{view}/{gonderim_id}") as response:
                    if response.status in {404, 422}:
                        return "missing"
                    return (await response.json())["paket_durum"]

            requests = list(product(views, (52, 61, 0, 9999, 2**64)))
            answers = await asyncio.gather(*starmap(get, requests))
        child.terminate()
        output = (await asyncio.to_thread(child.communicate, timeout=20))[0].decode()
    assert answers == [1, -1, "missing", "missing", "missing"] * len(views)
    assert panel.requests_by_id == dict.fromkeys((52, 61, 9999), len(views))
    for word in ("Traceback", "ResourceWarning"):
        assert word not in output
    assert_no_key(output)
