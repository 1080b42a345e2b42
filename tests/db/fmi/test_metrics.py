"""/metrics: what it tells, what processes count together, and to whom it answers."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest
from celery.signals import task_failure, task_postrun, task_prerun
from django.test import Client

from fmi.telemetry import figures
from fmi.telemetry.counters import Counters, read_counters
from reference import rate_limits
from reference.models import Participant
from tests.factories.chain import Chain
from tests.factories.market import login
from tests.factories.scraping import forget_counts, scrape

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    forget_counts()


def post(chain: Chain, client: Client, **changes: Any) -> Any:
    return client.post("/api/v1/trades", chain.fields("T", "ALPHA", "BRAVO") | changes, content_type="application/json")


def test_it_tells_states_requests_refusals_and_tasks(chain: Chain, client: Client) -> None:
    alpha = login(participant=Participant.objects.get(code="ALPHA"), name="alpha")
    assert post(chain, alpha).status_code == 201
    assert post(chain, alpha, quantity="0").status_code == 422
    alpha.get("/api/v1/nothing-here")
    for state in ("SUCCESS", "FAILURE"):
        task = type("Task", (), {"name": "trades.match", "request": object()})()
        task_prerun.send(sender="trades.match", task_id="1", task=task)
        task_postrun.send(sender="trades.match", task_id="1", task=task, state=state)
    task_failure.send(sender=task, task_id="2")
    found = scrape(client)
    route = ("route", "api/v1/trades")
    assert found["fmi_http_requests_total", (("method", "POST"), route, ("status", "201"))] == 1
    assert found["fmi_http_requests_total", (("method", "POST"), route, ("status", "422"))] == 1
    assert found["fmi_http_requests_total", (("method", "GET"), ("route", "none"), ("status", "404"))] == 1
    assert found["fmi_http_request_seconds_bucket", (("le", "+Inf"), ("method", "POST"), route)] == 2
    assert found["fmi_http_request_seconds_count", (("method", "POST"), route)] == 2
    assert 0 < found["fmi_http_request_seconds_sum", (("method", "POST"), route)] < 60
    assert found["fmi_trades", (("status", "NEW"),)] == 1
    assert found["fmi_waiting", (("what", "trades to match"),)] == 1
    assert found["fmi_outbox_waiting", (("sink", "tasks"),)] == 1
    assert sum(value for (name, _), value in found.items() if name == "fmi_refusals_total") == 2
    states = {labels[0][1]: value for (name, labels), value in found.items() if name == "fmi_tasks_total"}
    assert states == {"SUCCESS": 1, "FAILURE": 1, "LOST": 1}
    assert not any(value for (name, _), value in found.items() if name == "fmi_figures_failed")


def test_processes_add_up_and_a_fork_counts_nothing_twice() -> None:
    ours = Counters()
    ours.add(("fmi_refusals", "x"), 5)
    fork = multiprocessing.get_context("fork")

    def count() -> None:
        for _ in range(100):
            ours.add(("fmi_refusals", "x"))
        ours.flush()

    children = [fork.Process(target=count) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    ours.flush()
    assert read_counters() == {("fmi_refusals", "x"): 205.0}


def test_without_valkey_counts_are_kept_and_the_rest_is_told(client: Client, settings: Any) -> None:
    ours, url = Counters(), settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    ours.add(("fmi_refusals", "x"))
    ours.flush()
    assert ("fmi_build_info", (("version", "0.1.0"),)) in scrape(client)
    settings.REDIS_URL = url
    ours.flush()
    assert read_counters()["fmi_refusals", "x"] == 1


def test_what_passes_uncounted_is_told_once_valkey_is_back(
    chain: Chain, client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = login(participant=Participant.objects.get(code="ALPHA"), name="alpha")
    assert scrape(client)["fmi_rate_limits_uncounted_total", ()] == 0, "so that a scrape sees the first one happen"
    monkeypatch.setattr(rate_limits, "_silent_until", 0.0)
    url, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    for _ in range(3):
        assert "RateLimit" not in alpha.get("/api/v1/trades")
    away = scrape(client)
    assert not [name for name, _ in away if name == "fmi_rate_limits_uncounted_total"]
    assert away["fmi_ready", (("part", "broker"),)] == 0
    settings.REDIS_URL = url
    assert scrape(client)["fmi_rate_limits_uncounted_total", ()] == 3


def test_a_group_that_cannot_be_read_leaves_the_others(
    chain: Chain, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setitem(figures.GROUPS, "risk", fail)
    found = scrape(client)
    assert found["fmi_figures_failed", (("group", "risk"),)] == 1
    assert found["fmi_figures_failed", (("group", "states"),)] == 0


@pytest.mark.parametrize(
    ("token", "behind_proxy", "headers", "address", "status"),
    [
        ("", False, {}, "127.0.0.1", 200),
        ("", False, {}, "::1", 200),
        ("", False, {}, "10.0.0.7", 403),
        ("", True, {}, "127.0.0.1", 403),
        ("", False, {"x-forwarded-for": "127.0.0.1"}, "127.0.0.1", 403),
        ("", False, {"authorization": "Bearer "}, "10.0.0.7", 403),
        ("secret", False, {}, "127.0.0.1", 401),
        ("secret", False, {"authorization": "Bearer wrong"}, "127.0.0.1", 401),
        ("secret", True, {"authorization": "Bearer secret"}, "10.0.0.7", 200),
    ],
)
def test_only_the_token_or_the_machine_itself_is_answered(
    client: Client, settings: Any, token: str, behind_proxy: bool, headers: dict[str, str], address: str, status: int
) -> None:
    settings.METRICS_TOKEN, settings.BEHIND_PROXY = token, behind_proxy
    answer = client.get("/metrics", headers=headers, REMOTE_ADDR=address)
    assert answer.status_code == status
    assert (b"fmi_trades" in answer.content) is (status == 200)
