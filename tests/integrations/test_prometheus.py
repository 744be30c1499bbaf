"""The example that exports the figures of a client to Prometheus."""

import runpy

from prometheus_client import CollectorRegistry, generate_latest

from tests.helpers import ROOT
from vairosms_async.sandbox import Fault

ClientCollector = runpy.run_path(str(ROOT / "examples/prometheus_metrics.py"))["ClientCollector"]


async def test_exports_each_figure(panel, client):
    registry = CollectorRegistry()
    registry.register(ClientCollector(client))
    panel.fail(Fault(status=500))
    await client.gather_gonderimler(range(1, 11))
    samples = {
        sample.name.removesuffix("_total"): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }
    stats = client.stats()
    assert samples == {
        "vairosms_in_flight": 0,
        "vairosms_limit": stats.limit,
        "vairosms_retry_budget": stats.retry_budget,
        "vairosms_requests": 11,
        "vairosms_retries": 1,
        "vairosms_refusals": 0,
        "vairosms_timeouts": 0,
        "vairosms_paused_seconds": 0,
    }
    assert b"# TYPE vairosms_requests_total counter" in generate_latest(registry)
