"""Rate limits: exact however many ask at once, told in headers, and open where Valkey is gone."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from reference import rate_limits
from reference.rate_limits import Limit, Taken, clear, peek, read_limits, take
from tests.factories.signing import by_basic, make_key


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
    with caplog.at_level(logging.WARNING):
        answers = [take(name="anybody", limit=1, window_seconds=60) for _ in range(3)]
    assert [(taken.allowed, taken.is_counted) for taken in answers] == [(True, False)] * 3
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


def test_tokens_are_limited_by_key_where_the_secret_is_right_and_by_network_where_not(
    settings: LazySettings, alpha: Client
) -> None:
    settings.RATE_LIMITS = {"default": "90/60", "tokens": "4/60"}
    key = make_key("reference:read", name="alpha")
    secret = {"api_key": key.key.client_id, "api_secret": key.secret}

    def ask(path: str, fields: dict[str, str], host: int = 1) -> Any:
        client = Client(REMOTE_ADDR=f"2001:db8::{host}")
        return client.post(f"/api/v1/auth/{path}", fields, content_type="application/json")

    tokens = ask("token", secret).json()
    # Noise of a neighbour, from as many addresses as it likes: a host has a whole /64.
    noise = [ask("refresh", {"refresh_token": "fmr_x"}, host).status_code for host in range(6)]
    assert noise == [400] * 4 + [429] * 2
    assert ask("token", {"api_key": "\ud800", "api_secret": "é"}).status_code == 429
    # Whoever holds something right is counted apart, to its own limit.
    again = ask("refresh", {"refresh_token": tokens["refresh_token"]})
    assert again.status_code == 200
    by_form = {"grant_type": "client_credentials", "client_id": key.key.client_id, "client_secret": key.secret}
    assert ask("token", by_form).status_code == 200
    assert ask("revoke", {"token": again.json()["access_token"]}).status_code == 200
    assert ask("token", secret).status_code == 429
    assert ask("token", secret | {"api_secret": "wrong"}).status_code == 429


def test_each_key_has_a_limit_of_its_own_whatever_else_its_owner_does(settings: LazySettings, alpha: Client) -> None:
    settings.RATE_LIMITS = {"default": "2/60", "bulk": "1/60", "tokens": "9/60"}
    address = "/api/v1/participants"
    first, second = (make_key("reference:read", "trades:read", name="alpha") for _ in range(2))

    def ask(headers: dict[str, str], sender: str = "127.0.0.1") -> int:
        return Client().get(address, headers=headers, REMOTE_ADDR=sender).status_code

    by_first, by_second = (by_basic(key.key.client_id, key.secret) for key in (first, second))
    # From another address it is the same key; the token that it was exchanged for is the same key, too.
    assert [ask(by_first), ask(by_first, "192.0.2.9"), ask(by_first)] == [200, 200, 429]
    fields = {"client_id": first.key.client_id, "client_secret": first.secret}
    token = Client().post("/api/v1/auth/token", fields, content_type="application/json")
    assert token.status_code == 200, token.content
    assert ask({"Authorization": f"Bearer {token.json()['access_token']}"}) == 429
    assert [ask(by_second), ask(by_second), ask(by_second)] == [200, 200, 429]
    assert [alpha.get(address).status_code for _ in range(3)] == [200, 200, 429]
