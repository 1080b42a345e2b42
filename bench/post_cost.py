"""What a single POST /api/v1/trades costs the processor, and what each guard in front of it adds.

In this process, through the whole stack of the web process but its socket: no load generator shares the core, and
the processor's time is exact. The ways are measured in turn, each on a few hundred requests a round.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.views import APIView

from bench.life import BenchFailed
from bench.market import TRADE_DATE, participant_codes
from bench.single import PASSWORD, report_body
from events.services.outbox import FACT_PART
from reference.access import actor_of_user
from reference.api.rate_limits import RateLimited
from reference.core.scopes import Scope
from reference.keys.issue_tokens import exchange_secret
from reference.keys.manage_keys import create_key
from reference.rate_limits import take
from reference.services import create_demo_users
from trades.services import capture_trade
from trades.services.capture_trades import INSERT_SQL, STAGED_FEW

REQUESTS = 200
ROUNDS = 7
WARM_UP = 60
TARGET_MS = 1.0

# way -> what it has besides: an access token in place of the session, a rate limit, an Idempotency-Key, an audit record
WAYS: dict[str, frozenset[str]] = {
    "session, no audit": frozenset(),
    "session": frozenset({"audit"}),
    "bearer": frozenset({"audit", "bearer"}),
    "session, limited": frozenset({"audit", "limit"}),
    "session, key": frozenset({"audit", "key"}),
    "all": frozenset({"audit", "bearer", "limit", "key"}),
}


def measure_post_cost(*, note: Callable[[str], None]) -> dict[str, Any]:
    """Return milliseconds of the processor a request: by way, in this process and in PostgreSQL's; and what each adds.

    In the connected copy of the prepared database. Raises BenchFailed when an answer is not 201.
    """
    create_demo_users(password=PASSWORD, now=timezone.now())
    user = User.objects.get(username=participant_codes()[0].lower())
    heads = {"session": _session_head(user=user), "bearer": {"HTTP_AUTHORIZATION": f"Bearer {_token_of(user=user)}"}}
    handler, numbers = WSGIHandler(), iter(range(10**9))
    spent: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for number in range(ROUNDS + 1):
        note(f"single POST, way by way, round {number + 1}")
        for way, parts in WAYS.items() if number % 2 == 0 else reversed(WAYS.items()):
            count = REQUESTS if number else WARM_UP
            head = heads["bearer" if "bearer" in parts else "session"]
            requests = [
                _environ(body=report_body(member=0, number=next(numbers)), head=head, key="key" in parts)
                for _ in range(count)
            ]
            with _limiting(on="limit" in parts), _auditing(on="audit" in parts):
                found = _run(handler=handler, requests=requests)
            if number:
                spent[way].append((found[0] / count, found[1] / count))
    return _figures(spent=spent)


def _figures(*, spent: Mapping[str, list[tuple[float, float]]]) -> dict[str, Any]:
    """Return the medians over the rounds, and of what each part adds within a round."""
    web = {way: [1000 * one[0] for one in rounds] for way, rounds in spent.items()}
    database = {way: [1000 * one[1] for one in rounds] for way, rounds in spent.items()}

    def adds(way: str, beside: str) -> dict[str, float]:
        return {
            place: round(statistics.median(a - b for a, b in zip(figures[way], figures[beside], strict=True)), 3)
            for place, figures in (("web", web), ("postgresql", database))
        }

    return {
        "web_ms": {way: round(statistics.median(rounds), 3) for way, rounds in web.items()},
        "postgresql_ms": {way: round(statistics.median(rounds), 3) for way, rounds in database.items()},
        "adds_ms": {
            "audit": adds("session", "session, no audit"),
            "bearer, in place of the session": adds("bearer", "session"),
            "rate limit": adds("session, limited", "session"),
            "idempotency key": adds("session, key", "session"),
            "all": adds("all", "session, no audit"),
        },
        "rate_limit_wall_ms": _round_trip_ms(),
    }


def _run(*, handler: WSGIHandler, requests: list[dict[str, Any]]) -> tuple[float, float]:
    """Have requests answered; return the processor's seconds in this process and in the connection's own."""
    statuses: list[str] = []
    answer: Any = handler
    backend = connection.connection.info.backend_pid if connection.connection is not None else 0
    before, started = _seconds_of(process=backend), time.process_time()
    for environ in requests:
        response: Any = answer(environ, lambda status, *_: statuses.append(status))
        response.close()
    took = time.process_time() - started
    if {status[:3] for status in statuses} != {"201"}:
        raise BenchFailed(f"answers other than 201: {set(statuses)}")
    now = connection.connection.info.backend_pid
    return took, _seconds_of(process=now) - before if now == backend else 0.0


def _seconds_of(*, process: int) -> float:
    """Return the processor's seconds that a process on this machine has had; 0 where it cannot be seen."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9
    except (OSError, ValueError):
        return 0.0


def _environ(*, body: str, head: Mapping[str, str], key: bool) -> dict[str, Any]:
    """Return one request as a WSGI server gives it."""
    content = body.encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/api/v1/trades", "QUERY_STRING": "", "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(content)),
        "HTTP_ACCEPT": "application/json", "wsgi.url_scheme": "http", "wsgi.input": BytesIO(content), **head,
    }  # fmt: skip
    if key:
        environ["HTTP_IDEMPOTENCY_KEY"] = str(uuid4())
    return environ


def _session_head(*, user: User) -> dict[str, str]:
    """Log in and return the headers of a session."""
    client = Client()
    client.force_login(user)
    client.get("/login/")
    token = "x" * 32
    client.cookies[settings.CSRF_COOKIE_NAME] = token
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    return {"HTTP_COOKIE": cookies, "HTTP_X_CSRFTOKEN": token}


def _token_of(*, user: User) -> str:
    """Make the user a key that may report trades, and return an access token of it."""
    actor, now = actor_of_user(user), timezone.now()
    if actor is None:
        raise BenchFailed(f"{user} has no role")
    when: dict[str, Any] = {"at": datetime.combine(TRADE_DATE, clock_time(), tzinfo=UTC), "business_date": TRADE_DATE}
    made = create_key(
        owner=user, name="bench", scopes=[Scope.TRADES_WRITE], expires_at=now + timedelta(days=1), now=now,
        actor=actor, **when,
    )  # fmt: skip
    key = {"client_id": made.key.client_id, "secret": made.secret}
    return exchange_secret(**key, scopes=None, with_refresh=False, now=now, **when).access_token


@contextmanager
def _limiting(*, on: bool) -> Iterator[None]:
    """Count requests against a limit that nobody reaches, or do not count them."""
    counted: Any = RateLimited.perform_authentication
    before = settings.RATE_LIMITS
    settings.RATE_LIMITS = before | {"default": "1000000000/60"}
    if not on:
        RateLimited.perform_authentication = APIView.perform_authentication  # type: ignore[method-assign]
    try:
        yield
    finally:
        RateLimited.perform_authentication = counted  # type: ignore[method-assign]
        settings.RATE_LIMITS = before


@contextmanager
def _auditing(*, on: bool) -> Iterator[None]:
    """Capture trades with their audit record, or leave it out of the statement."""
    whole: str = capture_trade.CAPTURE_SQL
    if not on:
        told = f", told AS ({FACT_PART.format(made='inserted')})"
        capture_trade.CAPTURE_SQL = INSERT_SQL.format(staged=STAGED_FEW, also=told)
    try:
        yield
    finally:
        capture_trade.CAPTURE_SQL = whole


def _round_trip_ms() -> float:
    """Return the milliseconds by the clock of one counted request: one script, one round trip to Valkey."""
    name = f"bench:{os.getpid()}"
    times = []
    for _ in range(500):
        started = time.perf_counter()
        take(name=name, limit=10**9, window_seconds=60)
        times.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(times), 3)
