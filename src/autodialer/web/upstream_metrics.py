"""How Zoho and 8x8 fare, for /metrics: as this process has met them since it was started."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from autodialer.service.services import Services
from autodialer.service.upstreams import BOUNDS, Latency, UpstreamState
from autodialer.web.families import counter

_LABELS = ("upstream", "kind")


def upstream_metrics(services: Services) -> Iterator[Metric]:
    """All of them."""
    states = {name: upstream.state for name, upstream in services.means.upstreams.items()}
    yield from _requests(states)
    yield from _health(states, services.means.wall_clock.now())
    stored = services.callbacks.stored_count
    yield counter("callbacks_stored", "Callbacks that this process stored, repeated ones among them", stored)


def _requests(states: Mapping[str, UpstreamState]) -> Iterator[Metric]:
    took = HistogramMetricFamily(
        "autodialer_upstream_request_duration_seconds", "From a request to its answer, or its failing", labels=_LABELS
    )
    failed = CounterMetricFamily(
        "autodialer_upstream_requests_failed",
        "Requests that got no answer, or 401, 403, 408, 429 or a server's error",
        labels=_LABELS,
    )
    for name, state in states.items():
        for kind, latency in state.latencies.items():
            took.add_metric([name, kind], _buckets(latency), latency.seconds)
            failed.add_metric([name, kind], latency.failed)
    yield took
    yield failed


def _buckets(latency: Latency) -> list[tuple[str, float]]:
    return list(zip((*map(str, BOUNDS), "+Inf"), accumulate(latency.counts), strict=True))


def _health(states: Mapping[str, UpstreamState], now: datetime) -> Iterator[Metric]:
    failing = GaugeMetricFamily(
        "autodialer_upstream_failing", "1 when the last that was heard was bad", labels=["upstream"]
    )
    outage = GaugeMetricFamily(
        "autodialer_upstream_failing_seconds",
        "From the first to the last failure since it last went well",
        labels=["upstream"],
    )
    failure = GaugeMetricFamily(
        "autodialer_upstream_last_failure_timestamp_seconds", "0: none since the start", labels=["upstream"]
    )
    success = GaugeMetricFamily(
        "autodialer_upstream_last_success_timestamp_seconds", "0: none since the start", labels=["upstream"]
    )
    paused = GaugeMetricFamily(
        "autodialer_upstream_paused_seconds", "For how long it wants to be left alone still", labels=["upstream"]
    )
    for name, state in states.items():
        failing.add_metric([name], int(state.is_failing))
        outage.add_metric([name], state.failing_for.total_seconds())
        failure.add_metric([name], state.last_error_at.timestamp() if state.last_error_at else 0)
        success.add_metric([name], state.last_success_at.timestamp() if state.last_success_at else 0)
        left = (state.paused_until - now).total_seconds() if state.paused_until else 0.0
        paused.add_metric([name], max(0.0, left))
    yield failing
    yield outage
    yield failure
    yield success
    yield paused
