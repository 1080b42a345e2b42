"""/health says that the process lives; /ready what it lacks, and 503 when it lacks something. Both to anybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from fmi.celery import HEARTBEAT_KEY
from fmi.telemetry import readiness

pytestmark = pytest.mark.django_db
NO_BROKER = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}}
WELL = {"database": "ok", "migrations": "ok", "broker": "ok", "worker": "ok"}


@pytest.fixture
def heartbeat() -> Iterator[None]:
    cache.set(HEARTBEAT_KEY, {"host": "test"}, timeout=20)
    yield
    cache.delete(HEARTBEAT_KEY)


def test_it_lives_whatever_else_is_gone(client: Client, settings: Any, django_assert_num_queries: Any) -> None:
    settings.CACHES = NO_BROKER
    with django_assert_num_queries(0):
        response = client.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "version": "0.1.0"})
    assert "no-store" in response["Cache-Control"]


@pytest.mark.usefixtures("heartbeat")
def test_all_is_well(client: Client) -> None:
    response = client.get("/ready")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "version": "0.1.0", **WELL}
    assert "no-store" in response["Cache-Control"]


def test_without_a_worker_it_is_not_ready(client: Client) -> None:
    cache.delete(HEARTBEAT_KEY)
    response = client.get("/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "degraded", "version": "0.1.0", **WELL, "worker": "no heartbeat"}


@pytest.mark.usefixtures("heartbeat")
def test_a_migration_that_is_not_applied_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    known = readiness.known_migrations() | {("trades", "9999_not_there")}
    monkeypatch.setattr(readiness, "known_migrations", lambda: known)
    response = client.get("/ready")
    assert response.status_code == 503
    assert response.json()["migrations"] == "not applied: trades.9999_not_there"


def test_without_a_broker_the_worker_is_unknown(client: Client, settings: Any) -> None:
    settings.CACHES = NO_BROKER
    body = client.get("/ready").json()
    assert (body["broker"], body["worker"]) == ("unreachable", "unknown")
