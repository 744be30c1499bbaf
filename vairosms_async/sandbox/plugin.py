"""pytest fixtures: a sandbox panel for each test, and a client for it.

One line in the ``conftest.py`` of your tests' root folder switches them on::

    pytest_plugins = ["vairosms_async.sandbox.plugin"]

    async def test_my_service(vairosms_client, vairosms_panel):
        assert (await vairosms_client.get_gonderim(52)).is_final
        assert vairosms_panel.requests == 1

``vairosms_panel`` needs nothing but pytest, and serves tests without an event loop too;
``vairosms_client`` needs pytest-asyncio (0.24 or newer), in either mode, or anyio's
plugin.
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from vairosms_async import RetryPolicy, VairoSMSClient

from ._panel import SandboxPanel

_MARK = "vairosms_panel"


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the mark."""
    config.addinivalue_line(
        "markers", f"{_MARK}(**options): options of SandboxPanel for the fixture {_MARK}"
    )


@pytest.fixture
def vairosms_panel(request: pytest.FixtureRequest) -> Iterator[SandboxPanel]:
    """A `SandboxPanel` for this test, running in a thread of its own.

    ``@pytest.mark.vairosms_panel(packets=50, latency=0.1)`` gives it options, on a test, a class or
    (``pytestmark``) a module; where several give the same one, the nearest counts. While it runs,
    the environment's ``VAIROSMS_API_KEY`` and ``VAIROSMS_BASE_URL`` name it, and a client that your
    code makes meanwhile talks to it. One that was made before, at import or in a fixture that does
    not ask for this one, does not.
    """
    options: dict[str, Any] = {}
    for mark in request.node.iter_markers(_MARK):
        if mark.args:
            pytest.fail(f"the mark {_MARK} takes options by their names, as in packets=50")
        options = mark.kwargs | options
    with SandboxPanel(**options) as panel, pytest.MonkeyPatch.context() as environment:
        environment.setenv("VAIROSMS_API_KEY", panel.api_key)
        environment.setenv("VAIROSMS_BASE_URL", panel.base_url)
        yield panel


@pytest.fixture
def vairosms_client(
    request: pytest.FixtureRequest,
    vairosms_panel: SandboxPanel,  # noqa: ARG001 (it has to run first)
) -> VairoSMSClient:
    """A `VairoSMSClient` for ``vairosms_panel``, on the test's event loop, closed after the test.

    It retries without waiting; `VairoSMSClient.with_options` gives other options.
    """
    client: VairoSMSClient = request.getfixturevalue(_fixture_for(request))
    return client


def _fixture_for(request: pytest.FixtureRequest) -> str:
    # Each library runs an async fixture on its own loop, and tells its fixtures by their
    # decorators. So there is one for either, and one a scope of pytest-asyncio's loops.
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
    except ValueError:  # no plugin has it
        return None


def _make_client() -> Callable[[], AsyncGenerator[VairoSMSClient]]:
    # A function of its own for each fixture: pytest-asyncio notes on it whose loop it is for.
    async def client() -> AsyncGenerator[VairoSMSClient]:
        async with VairoSMSClient(retry=RetryPolicy(initial_delay=0.0)) as client:
            yield client

    return client


_vairosms_client_anyio = pytest.fixture(_make_client(), name="_vairosms_client_anyio")

if find_spec("pytest_asyncio") is not None:
    import pytest_asyncio

    def _on_loop(scope: Any) -> Callable[..., Any]:
        name = f"_vairosms_client_{scope}"
        return pytest_asyncio.fixture(_make_client(), loop_scope=scope, name=name)

    # Not before 0.24, which is not what the tests run on.
    if "loop_scope" in inspect.signature(pytest_asyncio.fixture).parameters:  # pragma: no branch
        _vairosms_client_function = _on_loop("function")
        _vairosms_client_class = _on_loop("class")
        _vairosms_client_module = _on_loop("module")
        _vairosms_client_package = _on_loop("package")
        _vairosms_client_session = _on_loop("session")
