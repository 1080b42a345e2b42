"""What a scrape of /metrics finds, as Prometheus's own reader reads it."""

from __future__ import annotations

from django.core.cache import cache
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from fmi.telemetry import figures
from fmi.telemetry.counters import HASH, counters, valkey

# Name and labels, sorted -> value.
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def forget_counts() -> None:
    """Begin with nothing counted, and with figures that are read anew."""
    counters.flush()
    valkey().delete(HASH)
    forget_figures()


def forget_figures() -> None:
    """Have the next scrape read every figure."""
    cache.delete_many([f"figures:{group}" for group in figures.GROUPS])


def scrape(client: Client, **headers: str) -> Samples:
    """Return what /metrics tells."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }
