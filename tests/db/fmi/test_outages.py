"""PostgreSQL or Valkey away: a named refusal that says when to come back, or work goes on without; never a 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import DataError, InterfaceError, OperationalError, ProgrammingError, connection
from django.test import Client
from psycopg.errors import AdminShutdown, DeadlockDetected, QueryCanceled, TooManyConnections

from reference.outages import outage_of
from reference.refusals import BusinessClockNotSet
from tests.factories.market import login, make_market

NOWHERE = "redis://127.0.0.1:1/0"


def caused(error: Exception, cause: Exception | None = None) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "is_outage"),
    [
        (caused(OperationalError("connection refused")), True),
        (caused(OperationalError("terminating"), AdminShutdown()), True),
        (caused(OperationalError("too many"), TooManyConnections()), True),
        (caused(InterfaceError("the connection is closed")), True),
        (caused(InterfaceError("another error")), False),
        (caused(OperationalError("deadlock"), DeadlockDetected()), False),
        (caused(OperationalError("canceled"), QueryCanceled()), False),
        (caused(DataError("too long")), False),
        (caused(ProgrammingError("no column")), False),
        (ValueError("ours"), False),
        (None, False),
    ],
)
def test_an_outage_is_told_from_an_error_of_ours(error: Exception | None, is_outage: bool) -> None:
    assert (outage_of(error) is not None) is is_outage


def test_every_503_says_when_to_come_back() -> None:
    assert BusinessClockNotSet().headers() == {"Retry-After": "2"}


@pytest.fixture
def no_database(transactional_db: None) -> Iterator[Client]:
    """Give somebody who is logged in, and take the database away."""
    client = login(participant=make_market().alpha, name="alpha")
    # As the server answers, where the error is met before any of our code.
    client.raise_request_exception = False
    port = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = 1
    yield client
    connection.settings_dict["PORT"] = port


def test_without_a_database_api_and_pages_ask_to_come_back(no_database: Client) -> None:
    for method, path in (("get", "/api/v1/trades"), ("post", "/api/v1/trades"), ("post", "/api/v1/trades/bulk")):
        answer = getattr(no_database, method)(path)
        assert (answer.status_code, answer["Retry-After"]) == (503, "2")
        assert (answer["Content-Type"], answer.json()["code"]) == ("application/problem+json", "database-unavailable")
    for path in ("/", "/trades/", "/api/v1/trades"):
        page = no_database.get(path, headers={"accept": "text/html"})
        assert (page.status_code, page["Retry-After"]) == (503, "2")
        assert "text/html" in page["Content-Type"]
    assert Client().get("/ready").json()["database"] == "unreachable"
    assert Client().get("/health").status_code == 200


@pytest.fixture
def no_valkey(db: None, settings: Any) -> Client:
    """Give somebody who is logged in, and take Valkey away."""
    client = login(participant=make_market().alpha, name="alpha")
    settings.REDIS_URL = NOWHERE
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": NOWHERE}}
    return client


def test_without_valkey_work_goes_on_uncounted(no_valkey: Client) -> None:
    answer = no_valkey.get("/api/v1/trades")
    assert answer.status_code == 200
    assert "RateLimit" not in answer
    for path in ("/", "/trades/"):
        assert no_valkey.get(path).status_code == 200
    assert cache.get("anything", "nothing") == "nothing"
    assert "anything" not in cache


def test_without_valkey_one_logs_in_and_stays_so(no_valkey: Client) -> None:
    User.objects.create_user("late", password="a password")
    late = Client()
    assert late.post("/login/", {"username": "late", "password": "wrong"}).status_code == 200
    assert late.post("/login/", {"username": "late", "password": "a password"}).status_code == 302
    sessions = Session.objects.count()
    # Its copy in Valkey could outlive it, so it is not ended by halves.
    answer = late.post("/logout/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert Session.objects.count() == sessions


@pytest.mark.django_db
def test_the_server_notices_a_client_that_vanished_in_a_minute() -> None:
    """It may hold a lock without which nothing is published, sent or sealed; two hours is the server's own habit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT inet_server_addr() IS NOT NULL")
        assert cursor.fetchone() == (True,), "the tests' server is reached over TCP"
        found = []
        for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count"):
            cursor.execute(f"SHOW {name}")
            found.append(int(cursor.fetchone()[0]))
    assert found == [30, 10, 3]
