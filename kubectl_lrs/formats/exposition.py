"""Prometheus' text form: samples to text and back. Must not know what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from kubectl_lrs.model.metrics import Sample

if TYPE_CHECKING:
    from prometheus_client.core import Metric


def text_of(samples: Iterable[Sample], meanings: Mapping[str, str]) -> str:
    """All of them as gauges. `meanings`: name → what it says; a name that is not in it goes without."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.registry import Collector

    families: dict[str, GaugeMetricFamily] = {}
    for each in samples:
        family = families.setdefault(each.name, GaugeMetricFamily(each.name, meanings.get(each.name, "")))
        family.add_sample(each.name, dict(each.labels), each.value)

    class _Given(Collector):
        def collect(self) -> Iterable[Metric]:
            return families.values()

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given())
    return generate_latest(registry).decode()


def samples_of(text: str) -> list[Sample]:
    """What stands there. ValueError where it is not this form."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        return [
            Sample(each.name, tuple(sorted(each.labels.items())), float(each.value))
            for family in text_string_to_metric_families(text)
            for each in family.samples
        ]
    except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:  # its reader knows of no errors of its own
        raise ValueError(f"not Prometheus' text form: {error}") from error
