"""Workers killed, messages lost and doubled, while business days run: nothing is lost, nothing is doubled.

The same days are played first in one process and undisturbed; what the disturbed run comes to must be the same.
The seed is printed, and CHAOS_SEED sets it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from django.db import connection, transaction
from django.utils import timezone

from events.models import OutboxFact
from events.queries.outbox import waiting_facts
from fmi.business_day import run_flow, sweep
from fmi.clock import start_clock
from fmi.demo.play import play_days, prepare_books
from fmi.flow import FLOW, SWEEP
from fmi.invariants import check_invariants
from ledger.models import JournalEntry
from reference.queries import business_clock, forget_directory
from reference.services import load_reference, set_business_clock
from settlement.models import BusinessDay, Cycle, Instruction
from tests.factories.processes import Processes, environment_of_workers, wait_until
from trades.models import Match, Trade

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

FIRST = date(2008, 9, 8)
DAYS = 4
MARKET_SEED = 7
SECONDS_PER_DAY = 60
BROKER = 6
PATIENCE_SECONDS = 600.0


def figures() -> dict[str, Any]:
    """Return what the days came to, up to the last one that was closed.

    Which of several reports with the same terms are paired depends on when matching looked, and with it by which
    cents two of them differ; so pairs are compared by their terms, and instructions without their cash.
    """
    last = BusinessDay.objects.exclude(closed_at=None).order_by("-business_date")[0].business_date
    trades = Trade.objects.filter(business_date__lte=last)
    settled = Instruction.objects.filter(status="SETTLED", cycle__business_date__lte=last)
    return {
        "last": last,
        "trades": sorted(trades.values_list("trade_id", "side", "quantity_units", "amount_minor")),
        "states": sorted(trades.values_list("security", "buyer", "seller", "side", "quantity_units", "status")),
        "matches": sorted(
            Match.objects.filter(business_date__lte=last).values_list(
                "security", "sell_trade__seller", "buy_trade__buyer", "quantity_units", "settlement_date", "cleared"
            )
        ),
        "settled": sorted(
            settled.values_list(
                "source", "deliverer_account__code", "receiver_account__code", "quantity_units", "intended_date",
                "cycle__business_date",
            )
        ),
    }  # fmt: skip


def undisturbed() -> dict[str, Any]:
    """Play the days in this process, and take them back."""
    with transaction.atomic():
        prepare_books(first_date=FIRST)
        play_days(days=DAYS, seed=MARKET_SEED)
        found = figures()
        transaction.set_rollback(True)
    forget_directory()
    return found


@pytest.fixture
def broker() -> Iterator[str]:
    """Give the broker's address, emptied before and after."""
    url = environment_of_workers(database_name="", broker_database=BROKER)["REDIS_URL"]
    queue = redis.Redis.from_url(url)
    queue.flushdb()
    yield url
    queue.flushdb()
    queue.close()


@pytest.fixture
def processes(tmp_path: Path, broker: str, db: None) -> Iterator[Processes]:
    """Give worker and beat, not started; leave nothing of them behind."""
    made = Processes(
        directory=tmp_path,
        environment=environment_of_workers(
            database_name=str(connection.settings_dict["NAME"]), broker_database=BROKER, DEMO_SEED=str(MARKET_SEED)
        ),
    )
    yield made
    made.stop()


class Misfortune:
    """One thing after another goes wrong, by a seed."""

    def __init__(self, *, seed: int, processes: Processes, broker: str) -> None:
        self.random = random.Random(seed)
        self.processes = processes
        self.queue = redis.Redis.from_url(broker)
        self.sender = Celery(broker=broker, set_as_current=False)
        self.counts: dict[str, int] = {}

    def strike(self) -> None:
        """Do one harm, and see that both processes run again."""
        harm = self.random.choice(
            ["kill_worker", "kill_worker", "kill_child", "kill_child", "kill_beat", "lose_messages", "double_messages"]
        )
        self.counts[harm] = self.counts.get(harm, 0) + 1
        getattr(self, harm)()
        self.processes.start("worker")
        self.processes.start("beat")

    def kill_worker(self) -> None:
        """Kill the worker and its pool at once."""
        self.processes.kill("worker")

    def kill_child(self) -> None:
        """Kill the process that does the work; the worker notices and goes on."""
        self.processes.kill_one_child("worker")

    def kill_beat(self) -> None:
        """Kill beat."""
        self.processes.kill("beat")

    def lose_messages(self) -> None:
        """Throw every waiting message away."""
        self.queue.delete("fmi")

    def double_messages(self) -> None:
        """Send every wake-up call several times over."""
        for name in {name for names in FLOW.values() for name in names} | set(SWEEP):
            for _ in range(self.random.randint(1, 4)):
                self.sender.send_task(name, queue="fmi")


def closed_days() -> int:
    return BusinessDay.objects.exclude(closed_at=None).count()


def test_killed_at_any_moment_the_days_come_to_the_same_end(processes: Processes, broker: str) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"\nCHAOS_SEED={seed}")
    load_reference()
    expected = undisturbed()
    prepare_books(first_date=FIRST)
    misfortune = Misfortune(seed=seed, processes=processes, broker=broker)
    start_clock(clock=business_clock(), seconds_per_day=SECONDS_PER_DAY, now=timezone.now())
    processes.start("worker")
    processes.start("beat")
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    next_strike = time.monotonic() + 8
    while closed_days() < DAYS:
        assert time.monotonic() < give_up_at, processes.log("worker")[-5000:]
        if time.monotonic() >= next_strike:
            misfortune.strike()
            next_strike = time.monotonic() + misfortune.random.uniform(2, 12)
        time.sleep(0.1)
    clock = business_clock()
    set_business_clock(business_date=clock.business_date, at=clock.at, running=False)
    print(f"harms {misfortune.counts}, {clock.at:%Y-%m-%d %H:%M} reached")
    wait_until(lambda: waiting_facts() == 0, seconds=60, processes=processes, what="delivery of all facts")
    processes.stop()
    run_flow()
    sweep()
    run_flow()
    assert [finding for finding in check_invariants() if finding.violations] == []
    assert waiting_facts() == 0
    found = figures()
    assert sum(misfortune.counts.values()) >= 5
    for name, value in expected.items():
        missing = [item for item in value if item not in found[name]] if isinstance(value, list) else value
        assert found[name] == value, (name, missing[:20] if isinstance(missing, list) else found[name])
    assert_nothing_doubled()


def assert_nothing_doubled() -> None:
    """One entry an instruction, one number a cycle, one day a date, one instruction an obligation."""
    settled = Instruction.objects.filter(status="SETTLED").count()
    assert JournalEntry.objects.filter(source="INSTRUCTION").count() == settled
    assert BusinessDay.objects.exclude(closed_at=None).count() == DAYS
    keys = list(Cycle.objects.values_list("business_date", "number"))
    assert len(keys) == len(set(keys))


def test_doubled_and_lost_messages_change_nothing(processes: Processes, broker: str) -> None:
    """The clock stands; trades come in while every message is sent several times over or thrown away."""
    from tests.factories.chain import WEDNESDAY, make_chain

    chain = make_chain()
    processes.start("worker")
    processes.start("beat")
    misfortune = Misfortune(seed=1, processes=processes, broker=broker)
    for number in range(30):
        chain.trade(f"T{number}", "ALPHA", "BRAVO", quantity=1 + number)
        if number % 3 == 0:
            misfortune.double_messages()
        if number % 7 == 0:
            misfortune.lose_messages()

    def cleared() -> bool:
        if set(Trade.objects.values_list("status", flat=True)) == {"CLEARED"}:
            return True
        # What was thrown away is found by the next sweep; here the sweep is another doubled message.
        misfortune.double_messages()
        time.sleep(1)
        return False

    wait_until(cleared, seconds=90, processes=processes, what="CLEARED")
    assert Match.objects.count() == 30
    chain.move_to(WEDNESDAY)
    chain.give("BRAVO", "STOCK", 1_000)
    chain.give("ALPHA", "EUR", 10_000_000)
    for _ in range(3):
        for name in ("clearing.net", "clearing.instruct", "settlement.run_cycle", "clearing.discharge"):
            misfortune.sender.send_task(name, queue="fmi")
            misfortune.sender.send_task(name, queue="fmi")

    def settled() -> bool:
        if set(Trade.objects.values_list("status", flat=True)) == {"SETTLED"}:
            return True
        misfortune.sender.send_task("settlement.run_cycle", queue="fmi")
        misfortune.double_messages()
        time.sleep(1)
        return False

    wait_until(settled, seconds=90, processes=processes, what="SETTLED")
    wait_until(lambda: waiting_facts() == 0, seconds=60, processes=processes, what="delivery of all facts")
    assert Instruction.objects.count() == JournalEntry.objects.filter(source="INSTRUCTION").count() == 2
    assert chain.balance("ALPHA", "STOCK") == sum(range(1, 31))
    assert [finding for finding in check_invariants() if finding.violations] == []
    assert OutboxFact.objects.filter(name="TradesCaptured").count() == 60
