"""The alerts and the dashboard ask for metrics, labels and values that the product tells."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery.signals import task_failure, task_postrun, task_prerun
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from fmi.telemetry.names import METRICS
from reference.models import Participant
from tests.factories.chain import Chain
from tests.factories.market import login
from tests.factories.scraping import forget_counts, scrape

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[3]
ENDS = {"gauge": ("",), "counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
LABELS_OF = {
    f"{name}{end}": {*described.labels, *({"le"} if end == "_bucket" else ())}
    for name, described in METRICS.items()
    for end in ENDS[described.kind.value]
}


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    forget_counts()


def asked() -> list[tuple[str, str, str]]:
    """Return each expression of rules and panels: who asks, the expression, the words that it fills in."""
    rules = yaml.safe_load((ROOT / "deploy/alerts.yml").read_text())["groups"]
    panels = json.loads((ROOT / "deploy/grafana/dashboards/fmi.json").read_text())["panels"]
    alerts = [(rule["alert"], rule["expr"], str(rule["annotations"])) for group in rules for rule in group["rules"]]
    return alerts + [
        (panel["title"], target["expr"], target["legendFormat"])
        for panel in panels
        for target in panel.get("targets", [])
    ]


def selectors() -> list[tuple[str, str, dict[str, str]]]:
    """Return who asks for which metric, where which labels have which values (regular expressions, anchored)."""
    found = []
    for who, expression, _ in asked():
        for metric, inside in re.findall(r"(\w+)\{([^}]*)\}", expression):
            matchers = re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', inside)
            assert len(matchers) == inside.count('"') / 2, f"{who}: this test cannot read {inside}"
            patterns = {"=~": "{}", "=": "{}", "!=": "(?!{}$).*"}
            values = {label: patterns[sign].format(value) for label, sign, value in matchers}
            found.append((who, metric, values))
    return found


def test_metrics_exist_under_their_names(client: Client) -> None:
    text = client.get("/metrics").content.decode()
    families = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert families == {name: described.kind.value for name, described in METRICS.items()}
    for path in ("deploy/alerts.yml", "deploy/grafana/dashboards/fmi.json"):
        named = set(re.findall(r"\bfmi_[a-z_]+", (ROOT / path).read_text()))
        assert named, path
        assert named <= set(LABELS_OF), named - set(LABELS_OF)


def test_every_label_that_is_asked_for_is_one_of_the_metrics() -> None:
    for who, expression, words in asked():
        metrics = [name for name in re.findall(r"\b(?:fmi_[a-z_]+|up)\b", expression) if name != "up"]
        grouped = re.findall(r"by \(([^)]*)\)", expression)
        kept = {label.strip() for inside in grouped for label in inside.split(",")}
        have = set().union(*(LABELS_OF[name] for name in metrics))
        assert kept <= have, who
        filled_in = set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", words))
        assert filled_in <= (kept or have), who
    for who, metric, values in selectors():
        assert set(values) <= LABELS_OF.get(metric, {"job"}), who


def test_every_value_that_is_asked_for_is_one_that_is_told(chain: Chain, client: Client, settings: Any) -> None:
    """Each selector, and each alternative in it, finds a sample once a report, a fault and lost work have been."""
    alpha = login(participant=Participant.objects.get(code="ALPHA"), name="alpha")
    report = chain.fields("T", "ALPHA", "BRAVO")
    assert alpha.post("/api/v1/trades", report, content_type="application/json").status_code == 201
    end_tasks("SUCCESS", "FAILURE")
    url, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": settings.REDIS_URL}}
    assert alpha.post("/logout/").status_code == 503, "an answer with an error of ours"
    settings.REDIS_URL = url
    told = scrape(client)
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())["scrape_configs"]
    told["up", (("job", job["job_name"]),)] = 1
    assert len(selectors()) > 10
    for who, metric, values in selectors():
        samples = [dict(labels) for name, labels in told if name == metric]
        assert any(fits(sample, values) for sample in samples), f"{who}: no {metric} with {values}"
        for label, pattern in values.items():
            for one in pattern.split("|"):
                assert any(re.fullmatch(one, sample[label]) for sample in samples), f"{who}: {label} is never {one}"


def fits(sample: dict[str, str], values: dict[str, str]) -> bool:
    return all(re.fullmatch(pattern, sample[label]) for label, pattern in values.items())


def end_tasks(*states: str) -> None:
    """End tasks as Celery tells it, and lose one."""
    task: Any = type("Task", (), {"name": "trades.match", "request": object()})()
    for number, state in enumerate(states):
        task_prerun.send(sender=task.name, task_id=str(number), task=task)
        task_postrun.send(sender=task.name, task_id=str(number), task=task, state=state)
    task_failure.send(sender=task, task_id="lost")


def test_the_test_tells_a_value_that_nobody_tells() -> None:
    assert fits({"state": "LATE"}, {"state": "LATE"})
    assert not fits({"state": "LATE"}, {"state": "LATER"})
    assert fits({"route": "logout/"}, {"route": "(?!ready$).*"})
    assert not fits({"route": "ready"}, {"route": "(?!ready$).*"})
    assert {"fmi_http_requests_total", "fmi_business_steps", "up"} <= {metric for _, metric, _ in selectors()}
