"""PostgreSQL killed three times under load: nothing that was acknowledged is lost, and all go on by themselves.

The server writes to the disk as in production. The web server, the worker and beat run on through it; nobody starts
them again. The seed is printed, and CHAOS_SEED sets it.
"""

from __future__ import annotations

import http.client
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.db import connection

from events.queries.outbox import waiting_facts
from events.services.verify import trusted_keys, verify_and_keep
from fmi.invariants import check_invariants
from reference.models import Participant
from reference.queries import forget_directory
from tests.factories.chain import Chain, make_chain
from tests.factories.durable import Durable, durable_database
from tests.factories.market import login
from tests.factories.processes import (
    NAMES,
    Processes,
    environment_of_production,
    environment_of_workers,
    wait_until,
)
from tests.factories.reporting import NDJSON, Load, assert_kept, session_headers
from tests.factories.seeds import draw_seed
from trades.models import Match, Trade

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BROKER = 5
CRASHES = 3
LINES = 2_000
SINGLE_CLIENTS = 2
START_SECONDS = 120.0
READY_SECONDS = 30.0
# Longer than any client should wait for an answer, be it a refusal.
HANG_SECONDS = 20.0


@pytest.fixture
def durable(tmp_path: Path, db: None) -> Iterator[Durable]:
    """Give the durable server, with the migrated tables."""
    with durable_database(directory=tmp_path / "postgres") as made:
        forget_directory()
        yield made
    forget_directory()


@pytest.fixture
def processes(tmp_path: Path, durable: Durable) -> Iterator[Processes]:
    """Give web server, worker and beat, not started; leave nothing of them behind."""
    named = environment_of_workers(database_name="", broker_database=BROKER) | {"DATABASE_URL": durable.url}
    queue = redis.Redis.from_url(named["REDIS_URL"])
    queue.flushdb()
    made = Processes(directory=tmp_path, environment=environment_of_production(**named))
    yield made
    made.stop()
    queue.flushdb()
    queue.close()


def page_answers(*, processes: Processes, headers: dict[str, str]) -> tuple[int, str, str]:
    """Ask for a page as somebody who is logged in; return its status, its type, and how long it says to wait."""
    client = http.client.HTTPConnection("127.0.0.1", processes.port, timeout=HANG_SECONDS)
    try:
        client.request("GET", "/trades/", headers=headers)
        answer = client.getresponse()
        return answer.status, str(answer.headers["Content-Type"]).partition(";")[0], str(answer.headers["Retry-After"])
    finally:
        client.close()


def make_load(*, chain: Chain, port: int) -> tuple[Load, dict[str, str]]:
    """Make each member's clients, one for uploads and some for single reports; return them and one's login."""
    load = Load()
    for code in ("ALPHA", "BRAVO"):
        headers = session_headers(login(participant=Participant.objects.get(code=code), name=code.lower()))
        plain = {"port": port, "headers": headers, "fields": lambda trade_id: chain.fields(trade_id, "ALPHA", "BRAVO")}
        load.add(name=f"U@{code}", lines=LINES, form=NDJSON, **plain)
        for number in range(SINGLE_CLIENTS):
            load.add(name=f"S{number}@{code}", **plain)
    return load, headers


def outages(load: Load) -> list[int]:
    """Return how often each client was told that the database is away."""
    load.check()
    return [reporter.answers["503 database-unavailable"] for reporter in load.reporters]


def test_killed_under_load_no_acknowledged_report_is_lost(durable: Durable, processes: Processes) -> None:
    draw = random.Random(draw_seed())
    assert set(durable.settings().values()) == {"on"}
    chain = make_chain()
    load, headers = make_load(chain=chain, port=processes.port)
    forget_directory()
    for name in NAMES:
        processes.start(name)

    def ready() -> bool:
        load.check()
        return processes.ask("/ready") == 200

    wait_until(ready, seconds=START_SECONDS, processes=processes, what="/ready")
    pids = {name: process.pid for name, process in processes.running.items()}
    load.start()
    ready_seconds, killed, pages = [], 0, Counter[tuple[int, str, str]]()
    for _ in range(CRASHES):
        before = load.acknowledged()
        enough = before + draw.randint(LINES // 2, 2 * LINES)
        wait_until(lambda: load.acknowledged() > enough, seconds=START_SECONDS, processes=processes, what="load")  # noqa: B023
        time.sleep(draw.uniform(0, 0.5))
        told = outages(load)
        killed += durable.crash()
        # It stays away until each client has been refused, and a reader of pages with them.
        wait_until(
            lambda: all(now > then for now, then in zip(outages(load), told, strict=True)),  # noqa: B023
            seconds=START_SECONDS, processes=processes, what="refusals",
        )  # fmt: skip
        pages[page_answers(processes=processes, headers=headers)] += 1
        assert processes.ask("/ready") == 503
        assert processes.ask("/health") == 200
        restarted_at = time.monotonic()
        durable.restart()
        connection.close()
        wait_until(ready, seconds=READY_SECONDS, processes=processes, what="/ready once more")
        ready_seconds.append(time.monotonic() - restarted_at)
    before = load.acknowledged()
    wait_until(lambda: load.acknowledged() > before + LINES, seconds=START_SECONDS, processes=processes, what="load")
    load.stop()
    total = assert_kept(load=load, reporter_ids=chain.ids)
    answered_at = time.monotonic()
    wait_until(
        lambda: not Trade.objects.exclude(status="CLEARED").exists() and waiting_facts() == 0,
        seconds=START_SECONDS, processes=processes, what="the clearing of all trades",
    )  # fmt: skip
    cleared_seconds = time.monotonic() - answered_at
    assert pids == {name: process.pid for name, process in processes.running.items() if process.poll() is None}
    processes.stop()
    slowest = max(reporter.slowest_seconds for reporter in load.reporters if reporter.lines == 1)
    print(
        f"PostgreSQL killed {CRASHES} times ({killed} processes): {total} reports acknowledged, none lost; "
        f"ready {', '.join(f'{seconds:.1f}' for seconds in ready_seconds)} s after its restart; "
        f"slowest single answer {slowest:.1f} s; all cleared {cleared_seconds:.1f} s after the last report; "
        f"answers {dict(load.answers())}"
    )
    assert Match.objects.count() * 2 == total
    assert set(pages) == {(503, "text/html", "2")}
    assert slowest < HANG_SECONDS
    assert [finding for finding in check_invariants() if finding.violations] == []
    verified = verify_and_keep(keys=trusted_keys(), heads=Path(os.environ["AUDIT_HEADS"]))
    assert (verified.fault, verified.records > 0) == ("", True)
