"""The pytest plugin in users' test suites: each test runs pytest on a suite that it writes."""

import pytest

# The suites turn warnings into errors in their own settings. pytest 9.0 on Python 3.12.1 warns
# before it reads those; that must not fail the outer test.
pytestmark = pytest.mark.filterwarnings("ignore")

LOOKUP_TEST = """
async def test_lookup(vairosms_client, vairosms_panel):
    assert (await vairosms_client.get_gonderim(52)).is_final
    assert vairosms_panel.requests == 1
    await note_loop()
"""

# Ignored: pytest-asyncio's advice to set a loop scope, and a warning about running in this process.
SETTINGS = """
[tool.pytest.ini_options]
filterwarnings = [
  "error",
  "ignore:The configuration option .asyncio_default_fixture",
  "ignore:Module already imported so cannot be rewritten",
]
"""
ASYNCIO, ANYIO = "asyncio", "anyio"  # entry points of the plugins

# If a client were not closed on its own loop, its ResourceWarning would fail the suite.
LOOP_NOTES = """
import asyncio
loops = []

async def note_loop():
    loops.append(asyncio.get_running_loop())
"""

ANYIO_ON_ASYNCIO = """
import pytest

@pytest.fixture
def anyio_backend():
    return 'asyncio'

@pytest.mark.anyio
"""


@pytest.fixture
def run_suite(pytester, monkeypatch):
    """Give a function that runs a user's test suite with a one-line conftest.py."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # users lack our plugins
    pytester.makeconftest('pytest_plugins = ["vairosms_async.sandbox.plugin"]')

    def run_suite(source, *plugins, settings=SETTINGS, ini="", **outcomes):
        pytester.makepyprojecttoml(settings + ini)
        pytester.makepyfile(LOOP_NOTES + source)
        args = [arg for plugin in plugins for arg in ("-p", plugin)]
        result = pytester.runpytest_inprocess("--strict-markers", *args)
        result.assert_outcomes(**(outcomes or {"passed": 1}))
        return result

    return run_suite


def test_works_with_pytest_asyncio_in_strict_mode(run_suite):
    run_suite("import pytest\n@pytest.mark.asyncio" + LOOKUP_TEST, ASYNCIO)


def test_works_with_pytest_asyncio_in_auto_mode(run_suite):
    run_suite(LOOKUP_TEST, ASYNCIO, ini="asyncio_mode = 'auto'")


@pytest.mark.parametrize(
    "plugins",
    [
        pytest.param([ANYIO], id="anyio"),
        pytest.param([ANYIO, ASYNCIO], id="anyio-then-asyncio"),
        pytest.param([ASYNCIO, ANYIO], id="asyncio-then-anyio"),
    ],
)
def test_works_with_anyio_with_and_without_pytest_asyncio(run_suite, plugins):
    run_suite(ANYIO_ON_ASYNCIO + LOOKUP_TEST, *plugins)


def test_works_with_anyio_on_asyncio_with_options(run_suite):
    source = ANYIO_ON_ASYNCIO.replace("'asyncio'", "('asyncio', {'debug': True})")
    run_suite(source + LOOKUP_TEST, ANYIO)


@pytest.mark.parametrize("backend", ["('trio', {})", "'trio'"], ids=["with-options", "name"])
def test_anyio_on_trio_fails_with_advice(run_suite, backend):
    source = ANYIO_ON_ASYNCIO.replace("'asyncio'", backend)
    result = run_suite(source + LOOKUP_TEST, ANYIO, errors=1)
    result.stdout.fnmatch_lines(["*aiohttp needs asyncio: let your fixture anyio_backend*"])


def test_pytest_asyncio_runs_anyio_tests_in_auto_mode(run_suite):
    """It runs each test regardless of its mark, so the client must use its loop."""
    run_suite(ANYIO_ON_ASYNCIO + LOOKUP_TEST, ANYIO, ASYNCIO, ini="asyncio_mode = 'auto'")


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_clients_use_a_loop_that_tests_share(run_suite, scope):
    mark = f"import pytest\npytestmark = pytest.mark.asyncio(loop_scope='{scope}')\n"
    two = "\n".join(["class TestIt:", *LOOKUP_TEST.splitlines(), *LOOKUP_TEST.splitlines()])
    two = two.replace("\n", "\n    ").replace("(vairosms", "(self, vairosms")
    two = two.replace("test_lookup", "test_first", 1)
    run_suite(mark + two + "\n        assert len(set(loops)) == 1\n", ASYNCIO, passed=2)


def test_clients_use_the_loop_scope_of_the_settings(run_suite):
    ini = "asyncio_mode = 'auto'\nasyncio_default_test_loop_scope = 'session'"
    two = LOOKUP_TEST + LOOKUP_TEST.replace("test_lookup", "test_again")
    run_suite(two, ASYNCIO, ini=ini, passed=2)


def test_clients_use_the_scope_argument_that_loop_scope_replaced(run_suite):
    mark = "import pytest\npytestmark = pytest.mark.asyncio(scope='module')\n"
    ignore = "filterwarnings = ['ignore::DeprecationWarning', 'ignore:The configuration option']\n"
    run_suite(mark + LOOKUP_TEST, ASYNCIO, settings="[tool.pytest.ini_options]\n" + ignore)


def test_the_client_is_open_while_dependent_fixtures_are_torn_down(run_suite):
    run_suite(
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


def test_the_panel_serves_tests_without_an_event_loop(run_suite):
    run_suite(
        """
        import asyncio, os
        from vairosms_async import VairoSMSClient

        async def my_own_code():
            async with VairoSMSClient() as client:
                return await client.get_gonderim(52)

        def test_it(vairosms_panel):
            assert asyncio.run(my_own_code()).is_final
            assert os.environ["VAIROSMS_BASE_URL"] == vairosms_panel.base_url
        """.replace("\n        ", "\n"),
    )


def test_a_client_can_be_used_in_a_sync_test(run_suite):
    run_suite("def test_it(vairosms_client):\n    assert repr(vairosms_client)", ASYNCIO)


def test_restores_the_environment(run_suite):
    run_suite(
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


def test_marks_set_the_options_of_the_panel(run_suite):
    run_suite(
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


def test_rejects_positional_options_in_a_mark(run_suite):
    source = "import pytest\n@pytest.mark.vairosms_panel(50)\ndef test_it(vairosms_panel): pass"
    result = run_suite(source, errors=1)
    result.stdout.fnmatch_lines(
        ["*pass the options of the mark vairosms_panel by name, as in packets=50*"]
    )


def test_the_client_retries_without_waiting(run_suite):
    run_suite(
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


def test_the_client_polls_quickly(run_suite):
    run_suite(
        """
        import pytest, time

        @pytest.mark.asyncio
        async def test_it(vairosms_client, vairosms_panel):
            vairosms_panel.add_pending(7002, final_after=0.1)
            vairosms_panel.add_pending(7003, final_after=0.1)
            began = time.perf_counter()
            assert (await vairosms_client.wait_gonderim(7002, timeout=3600)).is_final
            results = vairosms_client.wait_gonderimler([7002, 7003], poll_interval=10)
            assert {result.id async for result in results} == {7002, 7003}
            assert time.perf_counter() - began < 10  # poll_interval
        """.replace("\n        ", "\n"),
        ASYNCIO,
    )


def test_code_under_test_waits_without_costing_seconds(run_suite):
    run_suite(
        """
        import asyncio, pytest
        from vairosms_async import VairoSMSClient

        async def final_state(panel, gonderim_id, paket_durum, intervals):
            panel.add_gonderim(gonderim_id, paket_durum=0)
            # 20 s is shorter than the intervals of the last two cases.
            async with asyncio.timeout(20), VairoSMSClient() as client:
                waiting = asyncio.create_task(
                    client.wait_gonderim(gonderim_id, timeout=3600, **intervals)
                )
                while panel.requests_by_id[gonderim_id] < 3:
                    await asyncio.sleep(0.01)
                panel.add_gonderim(gonderim_id, paket_durum=paket_durum)
                return (await waiting).paket_durum

        @pytest.mark.parametrize("intervals", [
            {}, {"poll_interval": 30}, {"poll_interval": 600, "max_poll_interval": 3600}
        ])
        def test_it(vairosms_panel, intervals):
            assert asyncio.run(final_state(vairosms_panel, 7002, 1, intervals)) == 1
            assert asyncio.run(final_state(vairosms_panel, 7003, -1, intervals)) == -1
        """.replace("\n        ", "\n"),
        passed=3,
    )


def test_waits_poll_at_their_own_intervals_after_the_test(run_suite):
    run_suite(
        """
        import asyncio, pytest
        from vairosms_async import VairoSMSClient, VairoSMSTimeoutError
        from vairosms_async.sandbox import SandboxPanel

        def polls(panel, timeout):
            async def poll():
                async with VairoSMSClient("a-key", base_url=panel.base_url) as client:
                    with pytest.raises(VairoSMSTimeoutError):
                        await client.wait_gonderim(7002, timeout=timeout)

            panel.add_pending(7002)
            asyncio.run(poll())
            return panel.requests

        @pytest.mark.vairosms_panel(api_key="a-key")
        def test_with_the_fixture(vairosms_panel):
            assert polls(vairosms_panel, timeout=3) > 2

        def test_without_it():
            with SandboxPanel("a-key") as panel:
                assert polls(panel, timeout=0.5) <= 2
        """.replace("\n        ", "\n"),
        passed=2,
    )


def test_the_client_names_the_missing_plugin(run_suite):
    result = run_suite("def test_it(vairosms_client): pass", errors=1)
    result.stdout.fnmatch_lines(["*vairosms_client needs pytest-asyncio >= 0.24, or anyio*"])


def test_works_where_only_anyio_is_installed(run_suite, pytester):
    pytester.makepyfile(pytest_asyncio="raise ModuleNotFoundError(name='pytest_asyncio')")
    hide_it = "import importlib.util as u\nf = u.find_spec\n"
    hide_it += "u.find_spec = lambda name: None if name == 'pytest_asyncio' else f(name)\n"
    pytester.makeconftest(hide_it + 'pytest_plugins = ["vairosms_async.sandbox.plugin"]')
    run_suite(ANYIO_ON_ASYNCIO + LOOKUP_TEST, ANYIO)
