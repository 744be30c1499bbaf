"""Uses of the public API that type checkers must accept, and the types they must infer.

mypy and pyright check this file in strict mode. It never runs.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, assert_type
from zoneinfo import ZoneInfo

import aiohttp
import numpy as np
import pytest
from aiolimiter import AsyncLimiter

from vairosms_async import (
    ClientStats,
    Gonderim,
    GonderimDict,
    GonderimLog,
    GonderimLogDict,
    GonderimResult,
    PaketDurum,
    RetryPolicy,
    VairoSMSAPIError,
    VairoSMSClient,
    VairoSMSError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSTimeoutError,
    gonderim_from_dict,
    gonderim_to_dict,
    redact_url,
)
from vairosms_async.cluster import bulk_check
from vairosms_async.sandbox import Fault, NginxRateLimit, SandboxPanel, SandboxRequest
from vairosms_async.sandbox.plugin import pytest_configure


async def ids_from_database() -> AsyncIterator[int]:
    yield 52


async def lookups(client: VairoSMSClient, several: bool) -> None:
    assert_type(await client.get_gonderim(52), Gonderim)
    assert_type(await client.get_gonderim("52"), Gonderim)
    assert_type(await client.get_gonderim(np.int64(52)), Gonderim)

    assert_type(await client.gather_gonderimler([52, "61"]), list[Gonderim])
    assert_type(await client.gather_gonderimler(range(9), return_exceptions=False), list[Gonderim])
    outcomes = await client.gather_gonderimler({52}, return_exceptions=True, max_concurrency=4)
    assert_type(outcomes, list[Gonderim | VairoSMSError])
    assert_type(
        await client.gather_gonderimler((i for i in "52"), return_exceptions=several),
        list[Gonderim | VairoSMSError],
    )

    results = client.iter_gonderimler(ids_from_database(), max_concurrency=4)
    assert_type(results, AsyncGenerator[GonderimResult, None])
    async for result in results:
        assert_type(result.id, int | str)
        assert_type(result.ok, bool)
        assert_type(result.gonderim, Gonderim | None)
        assert_type(result.error, VairoSMSError | None)
        assert_type(result.unwrap(), Gonderim)


async def waits(client: VairoSMSClient) -> None:
    assert_type(await client.wait_gonderim("52", timeout=3600, poll_interval=5), Gonderim)
    assert_type(await client.wait_gonderim(52, poll_interval=None), Gonderim)
    results = client.wait_gonderimler(ids_from_database(), max_poll_interval=120, changes=True)
    assert_type(results, AsyncGenerator[GonderimResult, None])
    error = (await anext(results)).error
    if isinstance(error, VairoSMSTimeoutError):
        assert_type(error.last, Gonderim | None)


def records(gonderim: Gonderim, log: GonderimLog) -> None:
    assert_type(gonderim.id, int)
    assert_type(gonderim.created_at, datetime | None)
    assert_type(gonderim.gecerlilik_suresi, timedelta | None)
    assert_type(gonderim.paket_durum, PaketDurum)
    assert_type(gonderim.is_final, bool)
    assert_type(gonderim.log, GonderimLog | None)
    assert_type(log.hata_kodu, str | None)
    assert_type(gonderim_to_dict(gonderim), GonderimDict)
    assert_type(gonderim.sms_baslik, str | None)
    assert_type(gonderim.numara_toplam, int | None)
    assert_type(gonderim.kredi_toplam, int | None)
    assert_type(gonderim.extra, Mapping[str, Any])
    assert_type(gonderim.unreadable, Mapping[str, Any])
    assert_type(log.id, int | None)
    assert_type(log.mesaj, str | None)
    assert_type(log.extra, Mapping[str, Any])
    assert_type(log.unreadable, Mapping[str, Any])
    fields = gonderim_to_dict(gonderim)
    assert_type(fields["id"], int)
    if isinstance(fields["kredi_toplam"], int):
        total: int = fields["kredi_toplam"] + 1
        print(total)
    failed: GonderimLogDict = {"mesaj": "INVALID_SOURCE_ADDRESS", "id": "unreadable"}
    packet: GonderimDict = {**fields, "kredi_toplam": "unreadable", "log": failed}
    assert_type(gonderim_from_dict(packet), Gonderim)
    assert_type(gonderim_from_dict({}, ZoneInfo("Europe/Istanbul")), Gonderim)
    assert_type(redact_url("https://x"), str)


def errors(error: VairoSMSError) -> None:
    assert_type(error.gonderim_id, int | None)
    assert_type(error.retryable, bool)
    if isinstance(error, VairoSMSTimeoutError):
        assert_type(error.last, Gonderim | None)
        assert_type(error.last_error, VairoSMSError | None)
    if isinstance(error, VairoSMSResponseError):
        assert_type(error.status, int | None)
    if isinstance(error, VairoSMSAPIError):
        assert_type(error.status, int)
        assert_type(error.kod, str | None)
    if isinstance(error, VairoSMSRateLimitError):
        assert_type(error.retry_after, float | None)


async def all_options(session: aiohttp.ClientSession) -> None:
    async with (
        SandboxPanel("key", latency=(0.0, 0.1), rate_limit=(50, 1)) as panel,
        VairoSMSClient(
            panel.api_key,
            base_url=panel.base_url,
            session=session,
            max_concurrency=8,
            timeout=None,
            retry=RetryPolicy(attempts=2),
            tz=ZoneInfo("Europe/Istanbul"),
            poll_interval=0.5,
            max_poll_interval=30,
        ) as client,
    ):
        panel.fail(Fault("html", 503), Fault(retry_after=3), times=2, id=52)
        assert_type(client.with_options(timeout=5, tz=None), VairoSMSClient)
        assert_type(client.with_options(poll_interval=1, max_poll_interval=5.5), VairoSMSClient)
        panel.latency = 0.5
        assert_type(panel.latency, float)
        assert_type(panel.requests_by_id[52], int)
        assert_type(panel.request_log, deque[SandboxRequest])
        assert_type(panel.request_log[0].status, int | None)
        assert_type(client.stats(), ClientStats)
        assert_type(client.stats().limit, float)
        panel.capacity = (32, 0.05)
        panel.capacity = None
        panel.rate_limit = NginxRateLimit(50, burst=10)


async def on_a_cluster() -> None:
    async with aclosing(bulk_check(range(9), workers=2, max_concurrency=64)) as results:
        async for result in results:
            assert_type(result, GonderimResult)


def panel_in_a_thread(config: pytest.Config) -> None:
    pytest_configure(config)
    with SandboxPanel(packets=50) as panel:
        assert_type(panel, SandboxPanel)
        panel.add_gonderim(7000)
        panel.add_gonderim(np.int64(7000), sms_baslik=None, after=3, then={"paket_durum": -1})
        panel.add_gonderim({"id": "7000", "yeni": 1}, id=7001, omit=["log"])
        panel.add_failed(7001, "MESSAGE_TOO_LONG", kredi_toplam="2.00")
        panel.add_pending("7002", final_after=0.1, log=[])
        client = VairoSMSClient(panel.api_key, rate_limiter=AsyncLimiter(50, 1))
        assert_type(client, VairoSMSClient)


@pytest.mark.asyncio
async def test_lookup(vairosms_client: VairoSMSClient, vairosms_panel: SandboxPanel) -> None:
    assert_type((await vairosms_client.get_gonderim(52)).is_final, bool)
    assert_type(vairosms_panel.requests, int)


def misuse_of_the_panel(panel: SandboxPanel) -> None:
    panel.add_gonderim(7000, baslik="")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    panel.add_failed(7000, paket_durum=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    panel.add_gonderim(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Fault("timeout")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def misuse(client: VairoSMSClient) -> None:
    await client.get_gonderim(5.2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.get_gonderim(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.gather_gonderimler(52)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    client.with_options(poll_interval=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.with_options(max_concurrency=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    VairoSMSClient("key", 16)  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    panel = Gonderim()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    panel.id = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
