"""Valkey emptied, and killed and started again empty, in the middle of a business day: the day goes on to its end.

What the day comes to is what an undisturbed one comes to. Those who are logged in stay so, somebody logs in while
Valkey is away, a POST is done once, and who follows the events is told each of them once. The seed is printed, and
CHAOS_SEED sets it.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import pytest
import redis
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from events.queries.outbox import last_position, waiting_facts
from events.services.streams import stream_key
from fmi.business_day import advance, run_flow, sweep
from fmi.clock import start_clock
from fmi.demo.feed import demo_feed
from fmi.demo.play import prepare_books
from fmi.embedded import start_valkey
from fmi.invariants import check_invariants
from ledger.models import JournalEntry
from reference.core.calendar import BUSINESS_ZONE
from reference.models import Participant, Security
from reference.queries import business_clock, forget_directory
from reference.services import load_reference, set_clock_running
from settlement.models import BusinessDay, Instruction
from tests.factories.market import login
from tests.factories.played import FIRST, MARKET, MARKET_SEED, assert_same, figures, undisturbed
from tests.factories.processes import (
    NAMES,
    Processes,
    environment_of_production,
    environment_of_workers,
    wait_until,
)
from tests.factories.reporting import session_headers
from tests.factories.seeds import draw_seed
from tests.factories.visiting import Follower, Visitor, log_in
from trades.models import Trade

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HARMS = ("flush", "flush", "restart", "restart")
SECONDS_PER_DAY = 80
START_SECONDS = 120.0
DAY_SECONDS = 400.0
HANG_SECONDS = 20.0
# The visitor's reports, which nobody matches, are told from those of the demo's market.
MARK = "KEY-"
PASSWORD = "a password of somebody"
BEGIN, OPENS, CLOSES = time_of_day(8), time_of_day(9), time_of_day(17)


class OwnValkey:
    """A Valkey that keeps nothing on the disk: killed and started again it is empty."""

    def __init__(self, *, directory: Path) -> None:
        self.directory = directory
        self.server = start_valkey(directory=directory, throw_away=True)
        self.client: Any = redis.Redis.from_url(self.server.url)

    def kill(self) -> None:
        """Kill it outright."""
        assert self.server.process is not None
        self.server.process.kill()
        self.server.process.wait()

    def start(self) -> None:
        """Start it at its port, empty."""
        self.server = start_valkey(directory=self.directory, port=self.server.port, throw_away=True)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[OwnValkey]:
    """Give a Valkey of the test's own."""
    made = OwnValkey(directory=tmp_path / "valkey")
    yield made
    made.client.close()
    made.server.stop()


@pytest.fixture
def processes(tmp_path: Path, valkey: OwnValkey, db: None) -> Iterator[Processes]:
    """Give web server, worker and beat, not started; leave nothing of them behind."""
    named = environment_of_workers(database_name=str(connection.settings_dict["NAME"]), broker_database=0)
    named |= MARKET | {"REDIS_URL": valkey.server.url}
    made = Processes(directory=tmp_path, environment=environment_of_production(**named))
    yield made
    made.stop()


def make_logins() -> dict[str, dict[str, str]]:
    """Make an operator, a participant, and somebody who has not logged in yet; return the first two's headers."""
    operator = session_headers(login(name="chaos-operator"))
    member = session_headers(login(participant=Participant.objects.get(code="ALDERBK"), name="chaos-member"))
    late = login(name="chaos-late")
    assert late is not None
    # The test run hashes passwords in a way that the processes do not know.
    encoded = PBKDF2PasswordHasher().encode(PASSWORD, "salt")
    User.objects.filter(username="chaos-late").update(password=encoded)
    return {"operator": operator, "member": member}


def moments_of(*, draw: random.Random) -> list[datetime]:
    """Return a business time for each harm, within the hours of the market."""
    opens = datetime.combine(FIRST, OPENS, tzinfo=BUSINESS_ZONE)
    span = datetime.combine(FIRST, CLOSES, tzinfo=BUSINESS_ZONE) - opens
    return sorted(opens + timedelta(seconds=draw.uniform(0, span.total_seconds())) for _ in HARMS)


def make_watchers(*, port: int) -> tuple[Visitor, Follower]:
    """Make a member that reports trades and reads pages, and an operator that follows the events."""
    headers = make_logins()
    equity = Security.objects.filter(security_type="EQUITY").select_related("currency").order_by("pk")[0]
    fields = {"buyer": "ALDERBK", "seller": "BRIXTON", "security": equity.symbol, "quantity": equity.lot_size_units,
              "price": "1.00", "currency": equity.currency.code, "trade_date": FIRST.isoformat()}  # fmt: skip
    visitor = Visitor(port=port, headers=headers["member"], mark=MARK, fields=fields)
    return visitor, Follower(port=port, headers=headers["operator"])


def be_without(*, valkey: OwnValkey, visitor: Visitor, processes: Processes, check: Callable[[], None]) -> None:
    """Kill Valkey, and start it empty once the visitor has gone through all that it does, uncounted."""
    valkey.kill()
    done, uncounted = visitor.reported, visitor.uncounted

    def went_on() -> bool:
        check()
        return visitor.reported > done + 1 and visitor.uncounted > uncounted

    wait_until(went_on, seconds=START_SECONDS, processes=processes, what="work without Valkey")
    assert log_in(port=processes.port, name="chaos-late", password=PASSWORD) == 302
    assert log_in(port=processes.port, name="chaos-late", password="another") == 200
    assert processes.ask("/ready") == 503
    valkey.start()


def test_emptied_and_restarted_the_day_comes_to_its_end(processes: Processes, valkey: OwnValkey) -> None:
    draw = random.Random(draw_seed())
    load_reference()
    expected = undisturbed(days=1)
    prepare_books(first_date=FIRST)
    # The weekend before is passed over at once.
    advance(until=datetime.combine(FIRST, BEGIN, tzinfo=BUSINESS_ZONE), feed=demo_feed(seed=MARKET_SEED))
    visitor, follower = make_watchers(port=processes.port)
    forget_directory()
    for name in NAMES:
        processes.start(name)

    def ready() -> bool:
        check()
        return processes.ask("/ready") == 200

    def check() -> None:
        for watcher in (visitor, follower):
            if watcher.problem is not None:
                raise AssertionError(watcher.name) from watcher.problem

    def reached(moment: datetime) -> bool:
        check()
        return business_clock().at >= moment

    def closed() -> bool:
        check()
        return BusinessDay.objects.exclude(closed_at=None).exists()

    wait_until(ready, seconds=START_SECONDS, processes=processes, what="/ready")
    pids = {name: process.pid for name, process in processes.running.items()}
    start_clock(clock=business_clock(), seconds_per_day=SECONDS_PER_DAY, now=timezone.now())
    visitor.start()
    follower.start()
    harms = list(HARMS)
    draw.shuffle(harms)
    ready_seconds = []
    for harm, moment in zip(harms, moments_of(draw=draw), strict=True):
        wait_until(lambda: reached(moment), seconds=DAY_SECONDS, processes=processes, what=f"{moment}")  # noqa: B023
        harmed_at = time.monotonic()
        if harm == "flush":
            valkey.client.flushall()
        else:
            be_without(valkey=valkey, visitor=visitor, processes=processes, check=check)
            harmed_at = time.monotonic()
        wait_until(ready, seconds=START_SECONDS, processes=processes, what="/ready once more")
        ready_seconds.append(time.monotonic() - harmed_at)
    wait_until(closed, seconds=DAY_SECONDS, processes=processes, what="the end of the day")
    set_clock_running(running=False)
    visitor.over.set()
    visitor.join(timeout=60)
    wait_until(lambda: waiting_facts() == 0, seconds=60, processes=processes, what="delivery of all facts")
    told = told_to_the_end(valkey=valkey, follower=follower, processes=processes)
    check()
    assert pids == {name: process.pid for name, process in processes.running.items() if process.poll() is None}
    follower.over.set()
    processes.stop()
    run_flow()
    sweep()
    run_flow()
    print(
        f"Valkey emptied {harms.count('flush')} times, killed and started empty {harms.count('restart')} times; ready "
        f"{', '.join(f'{seconds:.1f}' for seconds in ready_seconds)} s after; {told} events each told once over "
        f"{follower.streams} streams; {visitor.reported} reports once each, asked twice; {visitor.uncounted} requests "
        f"uncounted; slowest answer {visitor.slowest_seconds:.1f} s; answers {dict(visitor.answers)}"
    )
    assert visitor.slowest_seconds < HANG_SECONDS
    assert_books(reported=visitor.reported, expected=expected)


def assert_books(*, reported: int, expected: dict[str, Any]) -> None:
    """Assert that all holds, each report is there once, and the day came to what the undisturbed one comes to."""
    assert [finding for finding in check_invariants() if finding.violations] == []
    assert Trade.objects.filter(trade_id__startswith=MARK).count() == reported
    assert set(Trade.objects.filter(trade_id__startswith=MARK).values_list("status", flat=True)) == {"NEW"}
    assert_same(found=figures(but=MARK), expected=expected)
    settled = Instruction.objects.filter(status="SETTLED").count()
    assert JournalEntry.objects.filter(source="INSTRUCTION").count() == settled > 0


def told_to_the_end(*, valkey: OwnValkey, follower: Follower, processes: Processes) -> int:
    """Assert that the stream was laid down again, and the follower told, without a gap; return how many events."""

    def all_told() -> bool:
        return follower.problem is not None or len(follower.positions) >= last_position()

    wait_until(all_told, seconds=60, processes=processes, what="all events")
    last = last_position()
    assert follower.positions == list(range(1, last + 1))
    entries = valkey.client.xrange(stream_key())
    assert [int(entry_id.partition(b"-")[0]) for entry_id, _ in entries] == list(range(1, last + 1))
    ids = [json.loads(entry[b"fact"])["id"] for _, entry in entries]
    assert len(set(ids)) == len(ids)
    return last
