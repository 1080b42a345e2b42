"""Every task delivered five times, shuffled and at once, all through the business day: the day comes to the same.

The seed is printed, and CHAOS_SEED sets it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Lock
from typing import Any

import pytest
from django.db import connections

from events.queries.outbox import waiting_facts
from fmi import business_day
from fmi.celery import app
from fmi.demo.play import prepare_books
from fmi.flow import DAY, FLOW, SWEEP
from fmi.invariants import check_invariants
from fmi.telemetry.carry import inline_task
from ledger.models import JournalEntry
from reference.core.actor import SYSTEM
from reference.queries import business_clock
from reference.services import load_reference
from settlement.models import Cycle, DayOrder, Instruction
from settlement.services.order_steps import END_OF_DAY, order_steps
from tests.factories.chain import WEDNESDAY, make_chain
from tests.factories.played import FIRST, MARKET_SEED, as_one_transaction, assert_same, figures, undisturbed
from tests.factories.seeds import draw_seed
from trades.models import Trade

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

TIMES = 5
DAYS = 1
PATIENCE_SECONDS = 1_200

FOLLOWING = {name for names in FLOW.values() for name in names} | set(SWEEP)
STEPS = {name for names in DAY.values() for name in names}
BEAT = {str(entry["task"]) for entry in app.conf.beat_schedule.values()}
# A step's task is delivered at its step, and at no other time: nothing else in the product sends it.
ONLY_AT_STEPS = STEPS - FOLLOWING - BEAT
DRIVER = "fmi.follow_clock"


def registered() -> set[str]:
    """Return every task of the product, as a worker has them."""
    app.loader.import_default_modules()
    return {name for name in app.tasks if not name.startswith("celery.")}


class Deliveries:
    """Workers' threads, each with a connection of its own, to which every task is delivered five times over."""

    def __init__(self, *, numbers: random.Random) -> None:
        self.random = numbers
        self.counts: Counter[str] = Counter()
        self.lock = Lock()
        # A task of the first pool waits for those of the second, and either sends wake-up calls to the third.
        self.pools = [ThreadPoolExecutor(TIMES * 2, thread_name_prefix=name) for name in ("beat", "step", "woken")]
        self.woken: list[Future[None]] = []
        self.find_task: Callable[[str], Callable[[], None]] = business_day.find_task

    def do(self, name: str) -> None:
        """Do a task's work, once, as a worker does."""
        with inline_task(name):
            self.find_task(name)()
        with self.lock:
            self.counts[name] += 1

    def deliver(self, names: Sequence[str], *, pool: int) -> None:
        """Deliver each five times, shuffled, and wait until all are done."""
        messages = [name for name in names for _ in range(TIMES)]
        with self.lock:
            self.random.shuffle(messages)
        for future in [self.pools[pool].submit(self.do, name) for name in messages]:
            future.result(timeout=PATIENCE_SECONDS)

    def step(self, name: str) -> Callable[[], None]:
        """Return what stands for a task that the day's loop runs: five deliveries of it at once."""
        return lambda: self.deliver([name], pool=1)

    def wake(self, name: str) -> None:
        """Stand for the broker: what is woken is delivered five times, whenever a thread is free."""
        with self.lock:
            self.woken += [self.pools[2].submit(self.do, name) for _ in range(TIMES)]

    def settle(self) -> None:
        """Wait until nothing is under way."""
        while self.woken:
            with self.lock:
                waiting, self.woken = self.woken, []
            for future in waiting:
                future.result(timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        """Close every thread's connection, and end them."""
        for pool in self.pools:
            barrier = Barrier(TIMES * 2)

            def leave(barrier: Barrier = barrier) -> None:
                barrier.wait(timeout=60)
                connections.close_all()

            for future in [pool.submit(leave) for _ in range(TIMES * 2)]:
                future.result(timeout=PATIENCE_SECONDS)
            pool.shutdown()


@pytest.fixture
def deliveries(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Deliveries]:
    """Stand between the product and its workers: what one would be sent, five are."""
    settings.DEMO_SEED, settings.DEMO_ORDERS = MARKET_SEED, False
    made = Deliveries(numbers=random.Random(draw_seed()))
    yield made
    made.close()


def test_every_task_has_a_place_in_what_follows() -> None:
    """A new task is delivered five times too, for the list is the registry's; one that nothing ever sends is dead."""
    assert registered() == FOLLOWING | STEPS | BEAT


@pytest.mark.chaos
def test_every_task_five_times_shuffled_and_at_once_changes_nothing(
    deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_reference()
    expected = undisturbed(days=DAYS)
    prepare_books(first_date=FIRST)
    monkeypatch.setattr(business_day, "find_task", deliveries.step)
    monkeypatch.setattr(business_day, "send_task", deliveries.wake)
    anytime = sorted(registered() - ONLY_AT_STEPS)
    done_step = business_day.do_step

    def do_step_and_again(*, step: Any) -> None:
        """Do a step of the day; then its tasks come once more, shuffled among all that may come at any time."""
        done_step(step=step)
        deliveries.deliver([*DAY[step.action], *anytime], pool=0)

    monkeypatch.setattr(business_day, "do_step", do_step_and_again)
    for _ in range(DAYS):
        order = order_steps(to=END_OF_DAY, actor=SYSTEM, clock=business_clock())
        deliveries.deliver([DRIVER], pool=0)
        deliveries.settle()
        order.refresh_from_db()
        assert order.ended_at is not None
        assert order.problem == ""
    monkeypatch.undo()
    business_day.run_flow()
    print(f"{sum(deliveries.counts.values())} deliveries of {len(deliveries.counts)} tasks over {DAYS} business days")
    assert set(deliveries.counts) == registered()
    assert waiting_facts() == 0
    assert [finding for finding in check_invariants() if finding.violations] == []
    assert_same(found=figures(), expected=expected)
    assert DayOrder.objects.count() == DAYS
    assert_nothing_doubled()


def assert_nothing_doubled() -> None:
    """One entry an instruction, one cycle a step of a date."""
    settled = Instruction.objects.filter(status="SETTLED").count()
    assert JournalEntry.objects.filter(source="INSTRUCTION").count() == settled > 0
    keys = list(Cycle.objects.values_list("business_date", "number"))
    assert len(keys) == len(set(keys))


CHAIN = ("trades.match", "clearing.novate", "clearing.net", "clearing.instruct", "settlement.run_cycle",
         "clearing.discharge", "trades.enrich", "clearing.evening")  # fmt: skip


def play_chain(run: Callable[[str], None]) -> dict[str, Any]:
    """Take thirty trades from capture to settled and through the evening, each link by its task."""
    chain = make_chain()
    members = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
    for code in members:
        chain.give(code, "STOCK", 1_000)
        chain.give(code, "EUR", 1_000_000)
    numbers = random.Random(MARKET_SEED)
    for number in range(30):
        buyer, seller = numbers.sample(members, 2)
        chain.trade(f"T{number}", buyer, seller, quantity=1 + number)
    run("trades.match")
    run("clearing.novate")
    chain.move_to(WEDNESDAY)
    for name in CHAIN:
        run(name)
    return {
        "states": sorted(Trade.objects.values_list("trade_id", "status")),
        "balances": [(code, asset, chain.balance(code, asset)) for code in members for asset in ("STOCK", "EUR")],
        "settled": sorted(Instruction.objects.values_list("deliverer_account__code", "quantity_units", "status")),
        "entries": JournalEntry.objects.exclude(source="OPENING").count(),
        "cycles": Cycle.objects.count(),
    }


def test_a_chain_of_tasks_each_five_times_at_once_comes_to_the_same(deliveries: Deliveries) -> None:
    with as_one_transaction():
        expected = play_chain(deliveries.do)
    anytime = [name for name in sorted(set(SWEEP) | BEAT) if not name.startswith(("settlement.", "fmi."))]

    def run(name: str) -> None:
        deliveries.deliver([name], pool=0)

    found = play_chain(run)
    deliveries.deliver([*CHAIN, *anytime], pool=0)
    assert set(dict(found["states"]).values()) == {"SETTLED"}
    assert found == expected
    assert [finding for finding in check_invariants() if finding.violations] == []
    assert_nothing_doubled()
