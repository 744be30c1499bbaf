"""The figures of a client as Prometheus metrics. Needs prometheus-client.

    python3 examples/prometheus_metrics.py   # looks up packets of an embedded sandbox panel

In your service, register one `ClientCollector` per client. `prometheus_client.make_asgi_app` or
`start_http_server` then serves the metrics.
"""

import asyncio
from collections.abc import Iterator

from prometheus_client import REGISTRY, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel


class ClientCollector(Collector):
    """Reads `VairoSMSClient.stats` each time Prometheus asks for the metrics."""

    def __init__(self, client: VairoSMSClient) -> None:
        self._client = client

    def collect(self) -> Iterator[Metric]:
        """Return one metric per figure."""
        stats = self._client.stats()
        for name, text, value in (
            ("in_flight", "Lookups in flight", stats.in_flight),
            ("limit", "Limit on lookups in flight", stats.limit),
            ("retry_budget", "Tokens left for retries", stats.retry_budget),
        ):
            yield GaugeMetricFamily(f"vairosms_{name}", text, value=value)
        for name, text, value in (
            ("requests", "Requests sent", stats.requests),
            ("retries", "Requests that repeated an earlier one", stats.retries),
            ("refusals", "Answers with HTTP 429 or 503", stats.refusals),
            ("timeouts", "Requests without an answer in time", stats.timeouts),
            ("paused_seconds", "Seconds without a request", stats.paused),
        ):
            yield CounterMetricFamily(f"vairosms_{name}", text, value=value)


async def main() -> None:
    """Look up packets, and print the metrics."""
    async with (
        SandboxPanel() as panel,
        VairoSMSClient(panel.api_key, base_url=panel.base_url) as client,
    ):
        REGISTRY.register(ClientCollector(client))
        await client.gather_gonderimler(range(1, 101))
        print(generate_latest(REGISTRY).decode())


if __name__ == "__main__":
    asyncio.run(main())
