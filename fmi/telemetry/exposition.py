"""GET /metrics: every figure in Prometheus's text format, for whoever shows the token."""

from __future__ import annotations

import hmac
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from fmi.problems import problem_response
from fmi.telemetry.counters import REQUEST_EDGES, TASK_EDGES, Key, read_counters
from fmi.telemetry.figures import Sample, read_figures
from fmi.telemetry.names import METRICS, Described, Kind

EDGES = {"fmi_http_request_seconds": REQUEST_EDGES, "fmi_task_seconds": TASK_EDGES}
# Any of these says that somebody else has asked, through a proxy on this machine.
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP")
log = logging.getLogger(__name__)


@never_cache
@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer a scrape."""
    if not may_scrape(request):
        status = HTTPStatus.UNAUTHORIZED if settings.METRICS_TOKEN else HTTPStatus.FORBIDDEN
        detail = "Send the bearer token of METRICS_TOKEN; without that setting, ask from the machine itself."
        refused = problem_response(code="not-permitted", status=status, detail=detail)
        if settings.METRICS_TOKEN:
            refused["WWW-Authenticate"] = "Bearer"
        return refused
    return HttpResponse(write_metrics(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def may_scrape(request: HttpRequest) -> bool:
    """Tell whether a request shows the token, or, where none is set, comes from this machine and through nobody."""
    if settings.METRICS_TOKEN:
        shown = request.META.get("HTTP_AUTHORIZATION", "")
        return hmac.compare_digest(shown.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    if settings.BEHIND_PROXY or any(name in request.META for name in FORWARDED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def write_metrics() -> bytes:
    """Return every figure as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape())
    return generate_latest(registry)


class _Scrape(Collector):
    """One scrape: what is read at once, under the names of METRICS."""

    def collect(self) -> Iterator[Metric]:
        """Yield the families in the order of METRICS; one without a sample is described all the same."""
        gauges: dict[str, list[Sample]] = defaultdict(list)
        for sample in read_figures():
            gauges[sample[0]].append(sample)
        counted = _counted()
        for name, described in METRICS.items():
            if described.kind is Kind.GAUGE:
                yield _gauge(name, described, gauges[name])
            elif described.kind is Kind.COUNTER:
                yield _counter(name, described, counted)
            else:
                yield _histogram(name, described, counted)


def _counted() -> dict[str, dict[Key, float]]:
    """Return the counters by name and labels; none where Valkey does not answer, which /ready tells.

    One without labels is 0 before its first: from no sample to one, rate() and increase() see nothing happen.
    """
    found: dict[str, dict[Key, float]] = defaultdict(dict)
    try:
        counted = read_counters()
        for name, described in METRICS.items():
            if described.kind is Kind.COUNTER and not described.labels:
                found[name][()] = 0.0
        for key, value in counted.items():
            found[key[0]][key[1:]] = value
    except (RedisError, OSError) as error:
        log.warning("counters cannot be read: %s", error)
    return found


def _gauge(name: str, described: Described, samples: Iterable[Sample]) -> Metric:
    family = GaugeMetricFamily(name, described.text, labels=described.labels)
    for _, labels, value in samples:
        family.add_metric(labels, value)
    return family


def _counter(name: str, described: Described, counted: dict[str, dict[Key, float]]) -> Metric:
    family = CounterMetricFamily(name, described.text, labels=described.labels)
    for labels, value in sorted(counted[name].items()):
        family.add_metric(labels, value)
    return family


def _histogram(name: str, described: Described, counted: dict[str, dict[Key, float]]) -> Metric:
    family = HistogramMetricFamily(name, described.text, labels=described.labels)
    edges = [*map(str, EDGES[name]), "+Inf"]
    buckets: dict[Key, list[float]] = {}
    for (*labels, place), value in counted[f"{name}_bucket"].items():
        buckets.setdefault(tuple(labels), [0.0] * len(edges))[int(place)] = value
    for key, counts in sorted(buckets.items()):
        cumulated = [sum(counts[: place + 1]) for place in range(len(edges))]
        family.add_metric(key, list(zip(edges, cumulated, strict=True)), counted[f"{name}_sum"].get(key, 0.0))
    return family
