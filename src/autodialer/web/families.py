"""Figures in the shape in which Prometheus wants them. All names begin with `autodialer_`."""

from collections.abc import Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

_PREFIX = "autodialer_"


def gauge(name: str, meaning: str, value: float) -> Metric:
    """One figure that goes up and down."""
    return GaugeMetricFamily(_PREFIX + name, meaning, value=value)


def gauges(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    """One for each value of a label."""
    family = GaugeMetricFamily(_PREFIX + name, meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def counter(name: str, meaning: str, value: float) -> Metric:
    """One that only grows; `_total` is added to its name."""
    return CounterMetricFamily(_PREFIX + name, meaning, value=value)


def counters(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    """One for each value of a label."""
    family = CounterMetricFamily(_PREFIX + name, meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
