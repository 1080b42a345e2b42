"""Workers killed, messages lost and doubled, while business days run: nothing is lost, nothing is doubled.

The same days are played first in one process and undisturbed; what the disturbed run comes to must be the same.
The seed is printed, and CHAOS_SEED sets it.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.db import connection
from django.utils import timezone

from events.models import OutboxFact
from events.queries.outbox import waiting_facts
from fmi.business_day import run_flow, sweep
from fmi.clock import start_clock
from fmi.demo.play import prepare_books
from fmi.flow import FLOW, SWEEP
from fmi.invariants import check_invariants
from ledger.models import JournalEntry
from reference.core.actor import SYSTEM
from reference.queries import business_clock
from reference.services import load_reference, set_clock_running
from settlement.models import BusinessDay, Cycle, DayOrder, Instruction
from settlement.services.order_steps import END_OF_DAY, order_steps
from tests.factories.played import FIRST, MARKET, assert_same, figures, undisturbed
from tests.factories.processes import Processes, environment_of_workers, wait_until
from tests.factories.seeds import draw_seed
from trades.models import Match, Trade

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

DAYS = 4
SECONDS_PER_DAY = 60
BROKER = 6
KILLS = 20
PATIENCE_SECONDS = 900.0
DECK = {"kill_worker": 10, "kill_child": 10, "kill_beat": 3, "lose_messages": 3, "double_messages": 3}


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
            database_name=str(connection.settings_dict["NAME"]), broker_database=BROKER, **MARKET
        ),
    )
    yield made
    made.stop()


class Misfortune:
    """One thing after another goes wrong, by a seed: first each harm of the deck, then any of them."""

    def __init__(self, *, seed: int, processes: Processes, broker: str) -> None:
        self.random = random.Random(seed)
        self.processes = processes
        self.queue = redis.Redis.from_url(broker)
        self.sender = Celery(broker=broker, set_as_current=False)
        self.counts: Counter[str] = Counter()
        self.deck = [harm for harm, count in DECK.items() for _ in range(count)]
        self.random.shuffle(self.deck)

    def strike(self) -> None:
        """Do one harm."""
        harm = self.deck.pop() if self.deck else self.random.choice(list(DECK))
        getattr(self, harm)()
        self.counts[harm] += 1

    def keep_running(self) -> None:
        """Do as an init system does; a worker also ends by itself where a child is killed before it is up."""
        self.processes.start("worker")
        self.processes.start("beat")

    def kill_worker(self) -> None:
        """Kill the worker and its pool at once."""
        self.processes.kill("worker")

    def kill_child(self) -> None:
        """Kill a process that does the work, once there is one; the worker notices and goes on."""

        def killed() -> bool:
            self.keep_running()
            return self.processes.kill_one_child("worker")

        wait_until(killed, seconds=60, processes=self.processes, what="a child")

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


def order_last_day() -> DayOrder:
    """Stop the clock, and have the last day done by an order, which ends with it.

    A worker that is behind its clock does not: it may be in the next night when it is seen that the day was closed.
    """
    set_clock_running(running=False)
    return order_steps(to=END_OF_DAY, actor=SYSTEM, clock=business_clock())


def test_killed_at_any_moment_the_days_come_to_the_same_end(processes: Processes, broker: str) -> None:
    load_reference()
    expected = undisturbed(days=DAYS)
    prepare_books(first_date=FIRST)
    misfortune = Misfortune(seed=draw_seed(), processes=processes, broker=broker)
    start_clock(clock=business_clock(), seconds_per_day=SECONDS_PER_DAY, now=timezone.now())
    processes.start("worker")
    processes.start("beat")
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    next_strike = time.monotonic() + 8
    order = None
    while closed_days() < DAYS:
        assert time.monotonic() < give_up_at, processes.log("worker")[-5000:]
        misfortune.keep_running()
        if time.monotonic() >= next_strike:
            misfortune.strike()
            next_strike = time.monotonic() + misfortune.random.uniform(1, 9)
        if order is None and closed_days() == DAYS - 1:
            order = order_last_day()
        time.sleep(0.1)
    wait_until(lambda: waiting_facts() == 0, seconds=60, processes=processes, what="delivery of all facts")
    processes.stop()
    print(f"{DAYS} days, harms {dict(misfortune.counts)}, {business_clock().at:%Y-%m-%d %H:%M} reached")
    run_flow()
    sweep()
    run_flow()
    assert order is not None
    order.refresh_from_db()
    assert order.problem == ""
    assert [finding for finding in check_invariants() if finding.violations] == []
    assert waiting_facts() == 0
    assert misfortune.counts["kill_worker"] + misfortune.counts["kill_child"] >= KILLS
    assert min(misfortune.counts[harm] for harm in DECK) > 0
    assert_same(found=figures(), expected=expected)
    assert_nothing_doubled()


def assert_nothing_doubled() -> None:
    """One entry an instruction, one number a cycle, one day a date, one instruction an obligation."""
    settled = Instruction.objects.filter(status="SETTLED").count()
    assert JournalEntry.objects.filter(source="INSTRUCTION").count() == settled
    assert closed_days() == DAYS
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
