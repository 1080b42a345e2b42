"""/health says what works, to anybody, and 503 when something does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from fmi.celery import HEARTBEAT_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def heartbeat() -> Iterator[None]:
    cache.set(HEARTBEAT_KEY, {"host": "test"}, timeout=20)
    yield
    cache.delete(HEARTBEAT_KEY)


@pytest.mark.usefixtures("heartbeat")
def test_all_is_well(client: Client) -> None:
    response = client.get("/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "version": "0.1.0",
        "database": "ok",
        "broker": "ok",
        "worker": "ok",
    }
    assert "no-store" in response["Cache-Control"]


def test_without_a_worker_it_is_degraded(client: Client) -> None:
    cache.delete(HEARTBEAT_KEY)
    response = client.get("/health")
    assert response.status_code == 503
    assert response.json() | {"version": ""} == {
        "status": "degraded",
        "version": "",
        "database": "ok",
        "broker": "ok",
        "worker": "no heartbeat",
    }


def test_without_a_broker_the_worker_is_unknown(client: Client, settings: object) -> None:
    settings.CACHES = {  # type: ignore[attr-defined]
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    body = client.get("/health").json()
    assert (body["broker"], body["worker"]) == ("unreachable", "unknown")
