"""The page Operations and /api/v1/modules: what is wrong comes first, and participants do not read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from celery.signals import task_postrun, task_prerun
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from fmi.celery import HEARTBEAT_KEY, WORKERS_HASH
from fmi.telemetry import figures
from fmi.telemetry.counters import FAILURES_HASH, HASH, counters, valkey
from tests.factories.chain import Chain


@pytest.fixture(autouse=True)
def a_worker_and_nothing_counted(db: None) -> Any:
    counters.flush()
    valkey().delete(HASH, FAILURES_HASH, WORKERS_HASH)
    cache.delete_many([f"figures:{group}" for group in figures.GROUPS])
    cache.set(HEARTBEAT_KEY, {"host": "test"}, timeout=20)
    beat = {"at": timezone.now().isoformat(), "children": 2}
    valkey().hset(WORKERS_HASH, "here", json.dumps(beat))
    valkey().hset(WORKERS_HASH, "gone", json.dumps(beat | {"at": "2008-09-15T00:00:00+00:00"}))
    yield
    valkey().delete(HASH, FAILURES_HASH, WORKERS_HASH)
    cache.delete(HEARTBEAT_KEY)


def run(name: str, state: str) -> None:
    task = type("Task", (), {"name": name, "request": object()})()
    task_prerun.send(sender=name, task_id="1", task=task)
    task_postrun.send(sender=name, task_id="1", task=task, state=state)


def test_failures_come_first_and_all_is_told(operator: Client, chain: Chain) -> None:
    page = operator.get("/operations/").content.decode()
    assert "Every part is in order" in page
    assert "No task here" in page
    operator.post("/api/v1/trades", {"trade_id": 1}, content_type="application/json")
    run("settlement.match", "SUCCESS")
    run("trades.match", "FAILURE")
    cache.delete(HEARTBEAT_KEY)
    page = operator.get("/operations/").content.decode()
    assert page.index("worker is not in order: no heartbeat") < page.index("trades.match failed at")
    assert page.index('<th scope="row">trades.match') < page.index('<th scope="row">settlement.match')
    assert "here" in page
    assert ">gone<" not in page
    assert '<a href="/problems/' in page
    narrowed = operator.get("/operations/?failed=true").content.decode()
    assert '<th scope="row">settlement.match' not in narrowed
    csv: Any = operator.get("/operations/?task=settlement&format=csv")
    assert b"".join(csv.streaming_content).decode().splitlines()[1].startswith("settlement.match,1,0,")


def test_modules_tell_their_state_and_what_waits(operator: Client, auditor: Client, chain: Chain) -> None:
    operator.post("/api/v1/trades", chain.fields("T", "ALPHA", "BRAVO"), content_type="application/json")
    found = {module["name"]: module for module in auditor.get("/api/v1/modules").json()}
    assert list(found) == ["trades", "clearing", "settlement", "ledger", "events", "reference"]
    assert {module["state"] for module in found.values()} == {"OK"}
    assert {module["version"] for module in found.values()} == {"0.1.0"}
    assert found["events"]["queue_depth"] == sum(found["events"]["waiting"].values()) > 0
    assert found["trades"]["last_activity_at"] is not None
    for module in found.values():
        for address in module["links"].values():
            assert auditor.get(address).status_code == 200, address
    cache.delete(HEARTBEAT_KEY)
    states = {module["name"]: module["state"] for module in auditor.get("/api/v1/modules").json()}
    assert (states["trades"], states["ledger"]) == ("WAITING", "OK")


def test_participants_read_neither(alpha: Client) -> None:
    assert alpha.get("/operations/").status_code == 403
    assert alpha.get("/api/v1/modules").status_code == 403
    assert "Operations" not in alpha.get("/").content.decode()
