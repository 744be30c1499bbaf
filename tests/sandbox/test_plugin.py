"""The pytest plugin, as the test suites of users meet it: each a pytest run of its own."""

import errno
import os
import threading
import urllib.request
from concurrent.futures import Future

import pytest

from tests.helpers import KEY
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel

# The users' runs have settings of their own, which make errors of warnings; what comes before
# those are read (pytest 9.0 on Python 3.12.1 has some) is none.
pytestmark = pytest.mark.filterwarnings("ignore")

LOOKUP = """
async def test_lookup(vairosms_client, vairosms_panel):
    assert (await vairosms_client.get_gonderim(52)).is_final
    assert vairosms_panel.requests == 1
    await check()
"""

# What is ignored is pytest-asyncio's advice to those who have not chosen, and that an entry point
# has the name of a module.
SETTINGS = """
[tool.pytest.ini_options]
filterwarnings = [
  "error",
  "ignore:The configuration option .asyncio_default_fixture",
  "ignore:Module already imported so cannot be rewritten",
]
"""
ASYNCIO, ANYIO = "asyncio", "anyio"  # names of entry points

# The client is closed by the loop it was used on, while that runs: what was opened is closed.
CHECK = """
import asyncio
loops = []

async def check():
    loops.append(asyncio.get_running_loop())
"""


@pytest.fixture
def users_tests(pytester, monkeypatch):
    """Give what runs a user's tests, with a conftest.py of one line."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they have not what we have
    pytester.makeconftest('pytest_plugins = ["vairosms_async.sandbox.plugin"]')

    def run(source, *plugins, settings=SETTINGS, ini="", **outcomes):
        pytester.makepyprojecttoml(settings + ini)
        pytester.makepyfile(CHECK + source)
        args = [arg for plugin in plugins for arg in ("-p", plugin)]
        result = pytester.runpytest_inprocess("--strict-markers", *args)
        result.assert_outcomes(**(outcomes or {"passed": 1}))
        return result

    return run


def test_pytest_asyncio_in_strict_mode(users_tests):
    users_tests("import pytest\n@pytest.mark.asyncio" + LOOKUP, ASYNCIO)


def test_pytest_asyncio_in_auto_mode(users_tests):
    users_tests(LOOKUP, ASYNCIO, ini="asyncio_mode = 'auto'")


@pytest.mark.parametrize("plugins", [[ANYIO], [ANYIO, ASYNCIO], [ASYNCIO, ANYIO]])
def test_anyio(users_tests, plugins):
    """With and without pytest-asyncio beside it."""
    backend = "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    users_tests(backend + "\n@pytest.mark.anyio" + LOOKUP, *plugins)


@pytest.mark.parametrize("backend", ["('asyncio', {'debug': True})", "('trio', {})", "'trio'"])
def test_anyio_on_a_backend_with_options(users_tests, backend):
    source = f"import pytest\n@pytest.fixture\ndef anyio_backend():\n    return {backend}\n"
    source += "\n@pytest.mark.anyio" + LOOKUP
    if "asyncio" in backend:
        users_tests(source, ANYIO)
    else:
        result = users_tests(source, ANYIO, errors=1)
        result.stdout.fnmatch_lines(["*aiohttp needs asyncio: let your fixture anyio_backend*"])


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_a_wider_loop(users_tests, scope):
    """The client of each test is opened and closed on the loop that the tests share."""
    mark = f"import pytest\npytestmark = pytest.mark.asyncio(loop_scope='{scope}')\n"
    two = "\n".join(["class TestIt:", *LOOKUP.splitlines(), *LOOKUP.splitlines()])
    two = two.replace("\n", "\n    ").replace("(vairosms", "(self, vairosms")
    two = two.replace("test_lookup", "test_first", 1)
    users_tests(mark + two + "\n        assert len(set(loops)) == 1\n", ASYNCIO, passed=2)


def test_a_wider_loop_by_the_settings(users_tests):
    ini = "asyncio_mode = 'auto'\nasyncio_default_test_loop_scope = 'session'"
    two = LOOKUP + LOOKUP.replace("test_lookup", "test_again")
    users_tests(two, ASYNCIO, ini=ini, passed=2)


def test_anyios_mark_where_pytest_asyncio_takes_every_test(users_tests):
    """In its auto mode the test is pytest-asyncio's, whatever its mark, and so is the client."""
    backend = "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    source = backend + "\n@pytest.mark.anyio" + LOOKUP
    users_tests(source, ANYIO, ASYNCIO, ini="asyncio_mode = 'auto'")


def test_a_wider_loop_in_the_old_words(users_tests):
    mark = "import pytest\npytestmark = pytest.mark.asyncio(scope='module')\n"
    ignore = "filterwarnings = ['ignore::DeprecationWarning', 'ignore:The configuration option']\n"
    users_tests(mark + LOOKUP, ASYNCIO, settings="[tool.pytest.ini_options]\n" + ignore)


def test_their_own_fixtures_on_top(users_tests):
    """A service that is torn down while its client is still open."""
    users_tests(
        """
        import pytest_asyncio

        @pytest_asyncio.fixture
        async def service(vairosms_client):
            yield vairosms_client.get_gonderim
            assert (await vairosms_client.get_gonderim(61)).log

        import pytest
        @pytest.mark.asyncio
        async def test_it(service, vairosms_panel):
            assert (await service(52)).is_final
        """.replace("\n        ", "\n"),
        ASYNCIO,
    )


def test_a_test_without_an_event_loop(users_tests):
    users_tests(
        """
        import asyncio, os
        from vairosms_async import VairoSMSClient

        async def my_own_code():
            async with VairoSMSClient() as client:  # settings from the environment
                return await client.get_gonderim(52)

        def test_it(vairosms_panel):
            assert asyncio.run(my_own_code()).is_final
            assert os.environ["VAIROSMS_BASE_URL"] == vairosms_panel.base_url
        """.replace("\n        ", "\n"),
    )


def test_a_client_in_a_test_without_an_event_loop(users_tests):
    users_tests("def test_it(vairosms_client):\n    assert repr(vairosms_client)", ASYNCIO)


def test_the_environment_is_as_before(users_tests):
    users_tests(
        """
        import os, pytest

        @pytest.fixture(autouse=True)
        def before(request):
            os.environ["VAIROSMS_API_KEY"] = "mine"
            yield
            assert os.environ["VAIROSMS_API_KEY"] == "mine"
            assert "VAIROSMS_BASE_URL" not in os.environ

        def test_it(vairosms_panel):
            assert os.environ["VAIROSMS_API_KEY"] == vairosms_panel.api_key != "mine"
        """.replace("\n        ", "\n")
    )


def test_marks_give_the_panel_options(users_tests):
    users_tests(
        """
        import pytest
        pytestmark = [
            pytest.mark.asyncio, pytest.mark.vairosms_panel(packets=70, api_key="of-the-module")
        ]

        @pytest.mark.vairosms_panel(packets=80)
        async def test_nearest(vairosms_client, vairosms_panel):
            assert vairosms_panel.api_key == "of-the-module"
            assert (await vairosms_client.get_gonderim(80)).id == 80

        async def test_module(vairosms_client):
            assert (await vairosms_client.get_gonderim(70)).id == 70
            with pytest.raises(LookupError):
                try:
                    await vairosms_client.get_gonderim(71)
                except Exception as exc:
                    raise LookupError from exc
        """.replace("\n        ", "\n"),
        ASYNCIO,
        passed=2,
    )


def test_a_mark_without_names_is_refused(users_tests):
    source = "import pytest\n@pytest.mark.vairosms_panel(50)\ndef test_it(vairosms_panel): pass"
    result = users_tests(source, errors=1)
    result.stdout.fnmatch_lines(["*takes options by their names, as in packets=50*"])


def test_faults_are_retried_at_once(users_tests):
    users_tests(
        """
        import pytest
        from vairosms_async.sandbox import Fault

        @pytest.mark.asyncio
        async def test_it(vairosms_client, vairosms_panel):
            vairosms_panel.fail(Fault("html", 503), times=3)
            assert (await vairosms_client.get_gonderim(52)).is_final
            assert vairosms_panel.requests == 4
        """.replace("\n        ", "\n"),
        ASYNCIO,
    )


def test_without_a_library_it_says_what_is_missing(users_tests):
    result = users_tests("def test_it(vairosms_client): pass", errors=1)
    result.stdout.fnmatch_lines(["*vairosms_client needs pytest-asyncio >= 0.24, or anyio*"])


def test_without_pytest_asyncio_installed(users_tests, pytester):
    """As in an environment where there is only anyio."""
    pytester.makepyfile(pytest_asyncio="raise ModuleNotFoundError(name='pytest_asyncio')")
    backend = "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    hidden = "import importlib.util as u\nf = u.find_spec\n"
    hidden += "u.find_spec = lambda name: None if name == 'pytest_asyncio' else f(name)\n"
    pytester.makeconftest(hidden + 'pytest_plugins = ["vairosms_async.sandbox.plugin"]')
    users_tests(backend + "\n@pytest.mark.anyio" + LOOKUP, ANYIO)


# ---- the panel in a thread ----------------------------------------------------------------------


def test_a_panel_in_a_thread():
    before = threading.active_count()
    with SandboxPanel(KEY) as panel:
        url = f"{panel.base_url}/GonderimBilgisi/52?api_key=x"
        panel.fail(Fault("status", 401))
        with pytest.raises(urllib.error.HTTPError) as raised, urllib.request.urlopen(url):
            pass
        raised.value.close()
        assert panel.requests == 1
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="not running"):
        _ = panel.base_url


async def test_a_panel_in_a_thread_beside_a_loop():
    """Packets may be added from the test's thread; the panel's own clock counts."""
    with SandboxPanel(KEY) as panel:
        packet = {"id": 7000, "paket_durum": 0}
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            given = dict(panel._find(52)) | packet
            now = panel._clock
            panel.add_gonderim(given, then=given | {"paket_durum": 1}, after=3600)
            assert not (await client.get_gonderim(7000)).is_final
            panel._clock = lambda: now() + 3600
            assert (await client.get_gonderim(7000)).is_final


def test_a_panel_in_a_thread_that_cannot_stop():
    class Panel(SandboxPanel):
        async def stop(self):
            await super().stop()
            raise OSError("no")

    with pytest.raises(OSError, match="no"), Panel(KEY):
        pass


@pytest.mark.parametrize("can_start", [True, False])
def test_ctrl_c_while_a_panel_starts_in_its_thread(monkeypatch, can_start):
    """It is raised, and the panel stops as soon as it has started."""
    may_start = threading.Event()

    class Panel(SandboxPanel):
        async def start(self):
            may_start.wait(10)  # until after Ctrl-C
            if not can_start:
                raise OSError("no")
            await super().start()

    def interrupted(self):
        monkeypatch.undo()
        raise KeyboardInterrupt

    panel = Panel(KEY)
    monkeypatch.setattr(Future, "result", interrupted)
    with pytest.raises(KeyboardInterrupt), panel:
        pass
    may_start.set()
    for thread in threading.enumerate():
        if thread.name == "Panel":
            thread.join(10)
            assert not thread.is_alive()
    if can_start:
        with panel:  # again
            assert panel.base_url


def test_a_panel_in_a_thread_that_cannot_start():
    with SandboxPanel(KEY) as panel:
        port = int(panel.base_url.split(":")[2].split("/")[0])
        with pytest.raises(OSError, match=r".") as caught, SandboxPanel(KEY, port=port):
            pass
        assert caught.value.errno == errno.EADDRINUSE
        with pytest.raises(RuntimeError, match="already"), panel:
            pass
        assert os.environ.get("VAIROSMS_API_KEY") is None
    assert not [t for t in threading.enumerate() if t.name == "SandboxPanel"]
    with panel:  # again
        assert panel.base_url
