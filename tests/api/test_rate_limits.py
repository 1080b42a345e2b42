"""Rate limits: exact however many ask at once, told in headers, and open where Valkey is gone."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import redis
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from reference import rate_limits
from reference.rate_limits import Limit, Taken, clear, peek, read_limits, take, uncounted


def test_of_200_at_once_exactly_50_pass_and_a_new_window_begins_with_the_first(settings: LazySettings) -> None:
    name = f"test:{uuid4()}"
    redis.Redis.from_url(settings.REDIS_URL).script_flush()
    gate = threading.Barrier(40)

    def ask(_: int) -> list[Taken]:
        gate.wait()
        return [take(name=name, limit=50, window_seconds=30) for _ in range(5)]

    with ThreadPoolExecutor(40) as threads:
        answers = [taken for many in threads.map(ask, range(40)) for taken in many]
    assert len(answers) == 200
    assert sum(taken.allowed for taken in answers) == 50
    assert sorted(taken.remaining for taken in answers if taken.allowed) == list(range(50))
    assert all(taken.is_counted and 0 < taken.reset_seconds <= 30 for taken in answers)
    # What is refused is not counted, and looking takes nothing.
    assert peek(name=name, limit=51, window_seconds=30).allowed
    assert not peek(name=name, limit=50, window_seconds=30).allowed
    clear(name=name)
    first = take(name=name, limit=3, window_seconds=0.2, count=2)
    assert (first.allowed, first.remaining) == (True, 1)
    assert not take(name=name, limit=3, window_seconds=0.2, count=2).allowed
    time.sleep(first.reset_seconds + 0.01)
    assert take(name=name, limit=3, window_seconds=0.2, count=3).allowed


def test_a_store_that_is_gone_limits_nobody_and_is_told(
    settings: LazySettings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "_silent_until", 0.0)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    before = uncounted()
    with caplog.at_level(logging.WARNING):
        answers = [take(name="anybody", limit=1, window_seconds=60) for _ in range(3)]
    assert [(taken.allowed, taken.is_counted) for taken in answers] == [(True, False)] * 3
    assert uncounted() == before + 3
    assert len([line for line in caplog.records if "Valkey does not answer" in line.message]) == 1


def test_the_setting_is_read_or_refused_by_name() -> None:
    assert read_limits(text={"default": "50/60"}) == {"default": Limit("default", 50, 60)}
    for wrong in ("50", "0/60", "50/0", "a/b", "50/60 "):
        with pytest.raises(ImproperlyConfigured, match="RATE_LIMITS: default="):
            read_limits(text={"default": wrong})


def test_the_api_tells_what_is_left_and_refuses_what_is_too_much(
    settings: LazySettings, alpha: Client, bravo: Client, client: Client
) -> None:
    settings.RATE_LIMITS = {"default": "2/60", "bulk": "1/60"}
    address = "/api/v1/participants"
    answers = [alpha.get(address) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer["RateLimit-Policy"] for answer in answers] == ['"default";q=2;w=60'] * 3
    assert [answer["RateLimit"].partition(";t=")[0] for answer in answers] == [
        '"default";r=1',
        '"default";r=0',
        '"default";r=0',
    ]
    refused = answers[-1]
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "too-many-requests"
    assert 1 <= int(refused["Retry-After"]) <= 60
    # Another class of limits, and another login, are counted apart.
    bulk = alpha.post("/api/v1/trades/bulk", data=b"", content_type="text/plain")
    assert (bulk.status_code, bulk["RateLimit"].partition(";t=")[0]) == (415, '"bulk";r=0')
    assert bravo.get(address).status_code == 200
    # Who does not get in is counted by address.
    failures = [
        client.get(address, HTTP_AUTHORIZATION="Basic YTpi", REMOTE_ADDR="192.0.2.7").status_code for _ in range(3)
    ]
    assert failures == [401, 401, 429]
