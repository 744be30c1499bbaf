"""pytest fixtures: a sandbox panel for each test, and a client for it.

To enable them, add one line to the ``conftest.py`` in the root folder of your tests::

    pytest_plugins = ["vairosms_async.sandbox.plugin"]

    async def test_my_service(vairosms_client, vairosms_panel):
        assert (await vairosms_client.get_gonderim(52)).is_final
        assert vairosms_panel.requests == 1

``vairosms_panel`` needs only pytest, and works in tests without an event loop too.
``vairosms_client`` needs pytest-asyncio (0.24 or newer, in either mode) or anyio's plugin.
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from vairosms_async import RetryPolicy, VairoSMSClient
from vairosms_async._polling import Intervals

from ._panel import SandboxPanel

_MARK = "vairosms_panel"


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line(
        "markers", f"{_MARK}(**options): options of SandboxPanel for the fixture {_MARK}"
    )


@pytest.fixture
def vairosms_panel(request: pytest.FixtureRequest) -> Iterator[SandboxPanel]:
    """A `SandboxPanel` for this test, running in a thread.

    ``@pytest.mark.vairosms_panel(packets=50, latency=0.1)`` sets its options, for a test, a class
    or (as ``pytestmark``) a module. If several marks set an option, the nearest one wins.

    While the panel runs, the environment variables ``VAIROSMS_API_KEY`` and ``VAIROSMS_BASE_URL``
    point to it, so clients that your code creates use it. A client created earlier, at import or in
    a fixture that does not use this one, does not.

    While the panel runs, `VairoSMSClient.wait_gonderim` and `VairoSMSClient.wait_gonderimler` poll
    at intervals of at most 0.05 seconds in this process, whatever intervals your code sets. So code
    that waits for a packet costs no real seconds::

        def test_waits_until_the_packet_is_final(vairosms_panel):
            vairosms_panel.add_pending(7002, final_after=0.1)
            assert my_service.wait(7002) == "SONLANDI"
    """
    options: dict[str, Any] = {}
    for mark in request.node.iter_markers(_MARK):
        if mark.args:
            pytest.fail(f"pass the options of the mark {_MARK} by name, as in packets=50")
        options = mark.kwargs | options
    with SandboxPanel(**options) as panel, pytest.MonkeyPatch.context() as environment:
        environment.setenv("VAIROSMS_API_KEY", panel.api_key)
        environment.setenv("VAIROSMS_BASE_URL", panel.base_url)
        environment.setattr(Intervals, "longest", 0.05)
        yield panel


@pytest.fixture
def vairosms_client(
    request: pytest.FixtureRequest,
    vairosms_panel: SandboxPanel,  # noqa: ARG001 (it must run first)
) -> VairoSMSClient:
    """A `VairoSMSClient` for ``vairosms_panel``, on the test's event loop, closed after the test.

    It polls every 0.01 to 0.05 seconds. It retries without back-off, but waits for ``Retry-After``.
    To change its options, call
    `VairoSMSClient.with_options`.
    """
    client: VairoSMSClient = request.getfixturevalue(_client_fixture_name(request))
    return client


def _client_fixture_name(request: pytest.FixtureRequest) -> str:
    # pytest-asyncio and anyio each run only their own async fixtures, and pytest-asyncio needs one
    # fixture for each loop scope.
    mark = request.node.get_closest_marker("asyncio")  # in auto mode every async test has it
    if mark is None and "anyio_backend" in request.fixturenames:
        backend = request.getfixturevalue("anyio_backend")
        if backend != "asyncio" and backend[0] != "asyncio":
            pytest.fail("aiohttp needs asyncio: let your fixture anyio_backend return 'asyncio'")
        return "_vairosms_client_anyio"
    if _ini(request.config, "asyncio_mode") is None or "_vairosms_client_function" not in globals():
        pytest.fail("vairosms_client needs pytest-asyncio >= 0.24, or anyio and @pytest.mark.anyio")
    scope = _ini(request.config, "asyncio_default_test_loop_scope") or "function"
    if mark is not None:
        scope = mark.kwargs.get("loop_scope") or mark.kwargs.get("scope") or scope
    return f"_vairosms_client_{scope}"


def _ini(config: pytest.Config, name: str) -> Any:
    try:
        return config.getini(name)
    except ValueError:  # no plugin defines it
        return None


def _client_fixture() -> Callable[[], AsyncGenerator[VairoSMSClient]]:
    # A new function for each fixture, as pytest-asyncio stores the loop scope on the function.
    async def client() -> AsyncGenerator[VairoSMSClient]:
        retry = RetryPolicy(initial_delay=0.0)
        async with VairoSMSClient(retry=retry, poll_interval=0.01) as client:
            yield client

    return client


_vairosms_client_anyio = pytest.fixture(_client_fixture(), name="_vairosms_client_anyio")

if find_spec("pytest_asyncio") is not None:
    import pytest_asyncio

    def _with_loop_scope(scope: Any) -> Callable[..., Any]:
        name = f"_vairosms_client_{scope}"
        return pytest_asyncio.fixture(_client_fixture(), loop_scope=scope, name=name)

    # pytest-asyncio before 0.24 has no loop_scope. The tests run with newer versions only.
    if "loop_scope" in inspect.signature(pytest_asyncio.fixture).parameters:  # pragma: no branch
        for _scope in ("function", "class", "module", "package", "session"):
            globals()[f"_vairosms_client_{_scope}"] = _with_loop_scope(_scope)
