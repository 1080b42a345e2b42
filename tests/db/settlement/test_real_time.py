"""Real-time settlement: at once between the cycles, once a change, and only what may settle then.

What hangs on the hour of the day, from the eve on, is in test_real_time_from_the_eve.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from events.models import OutboxFact
from fmi import business_day
from fmi.business_day import run_flow, sweep
from reference.core.actor import SYSTEM
from settlement.models import Attempt, Cycle, DayStep, Instruction
from settlement.services.hold_instruction import hold_instruction, release_instruction
from settlement.services.outages import declare_outage, end_outage
from settlement.services.run_cycle import REAL_TIME
from settlement.services.settle_cycle import settle_cycle
from tests.factories.chain import MONDAY, Chain, at_time
from tests.factories.real_time import FRIDAY, announce, go, status


@pytest.fixture(scope="module", autouse=True)
def _at_nine(file_market: Chain) -> None:
    """The market of the file at nine o'clock of its first business day, after a night in which nothing was due."""
    file_market.move_to(FRIDAY, 18)
    go(file_market, 9)


@pytest.fixture(autouse=True)
def _swept_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweep by day every other hour, and before each step as ever."""
    monkeypatch.setattr(business_day, "SWEEP_EVERY", timedelta(hours=2))


def test_by_day_a_new_instruction_settles_at_once(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 10)
    chain.give("BRAVO", "EUR", 1_000)
    row = announce(chain)
    run_flow()
    assert status(row) == ("SETTLED", "")
    cycle = Cycle.objects.get()
    assert (cycle.name, cycle.ran_at, cycle.settled, row.cycle_id) == (REAL_TIME, at_time(MONDAY, 9), 1, cycle.pk)


def test_what_settles_nothing_leaves_no_cycle_but_the_reason(chain: Chain) -> None:
    row = announce(chain)
    run_flow()
    assert status(row) == ("PENDING", "LACK")
    assert row.shortfall == 10
    assert (Cycle.objects.count(), Attempt.objects.count()) == (0, 0)
    assert not OutboxFact.objects.filter(name="CycleSettled").exists()


def test_what_was_tried_at_once_in_vain_is_still_told_by_the_next_cycle_of_the_schedule(chain: Chain) -> None:
    """Penalties are charged on the attempts that cycles tell of, so that none may be missing at the end of the day."""
    row = announce(chain)
    run_flow()
    assert not Attempt.objects.exists()
    go(chain, 10)
    assert Attempt.objects.get().instruction_id == row.pk
    assert Cycle.objects.get().name == "Partial-settlement window 10:00"
    go(chain, 13)
    assert Cycle.objects.count() == 1, "nothing has changed since"


def test_freed_securities_are_used_at_once_and_nothing_is_tried_twice(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    from settlement.services import run_cycle

    tried: list[datetime] = []
    settle = settle_cycle

    def count(**arguments: Any) -> Cycle | None:
        tried.append(arguments["at"])
        return settle(**arguments)

    monkeypatch.setattr(run_cycle, "settle_cycle", count)
    chain.give("CHARLIE", "STOCK", 10)
    chain.give("ALPHA", "EUR", 1_000)
    chain.give("BRAVO", "EUR", 1_000)
    waiting = announce(chain, by="ALPHA", to="BRAVO")
    run_flow()
    run_flow()
    for _ in range(5):
        sweep()
    assert len(tried) == 1, "woken often, tried once: nothing had changed"
    announce(chain, by="CHARLIE", to="ALPHA")
    run_flow()
    assert status(waiting) == ("SETTLED", ""), "with what ALPHA received in the same decision"
    assert (len(tried), Cycle.objects.count()) == (2, 1)


def test_a_release_is_tried_at_once(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 10)
    chain.give("BRAVO", "EUR", 1_000)
    row = announce(chain, held_by_deliverer=True)
    run_flow()
    assert status(row)[0] == "PENDING"
    for change in (hold_instruction, release_instruction):
        change(instruction_pk=row.pk, actor=SYSTEM, at=chain.at, business_date=chain.day)
    run_flow()
    assert status(row) == ("SETTLED", "")


def test_a_lost_message_is_made_up_for_by_the_sweep(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 10)
    chain.give("BRAVO", "EUR", 1_000)
    row = announce(chain)
    from django.utils import timezone

    OutboxFact.objects.update(delivered_at=timezone.now())
    sweep()
    assert status(row) == ("SETTLED", "")


def test_each_kind_of_movement_settles_at_once_until_its_cut_off(chain: Chain) -> None:
    """DvP cut-off 16:00, FOP cut-off 18:00 (T2S). What comes before its cut-off is in its last cycle, or waits."""
    chain.give("ALPHA", "STOCK", 200)
    chain.give("BRAVO", "EUR", 10_000)
    waiting: list[Instruction] = []
    for hour, minute, dvp, fop in (
        (15, 59, "SETTLED", "SETTLED"),
        (16, 1, "PENDING", "SETTLED"),
        (17, 59, "PENDING", "SETTLED"),
        (18, 1, "PENDING", "PENDING"),
    ):
        go(chain, hour, minute)
        against, free = announce(chain), announce(chain, cash=0)
        run_flow()
        assert (status(against)[0], status(free)[0]) == (dvp, fop), (hour, minute)
        waiting += [row for row in (against, free) if row.status == "PENDING"]
        if minute == 59:
            last = announce(chain, cash=1_000 if hour == 15 else 0)
            # The message that would have had it tried at once is lost.
            OutboxFact.objects.filter(delivered_at=None).update(delivered_at=at_time(MONDAY, 9))
            go(chain, hour + 1)
            assert (status(last)[0], last.cycle is not None and last.cycle.name) == (
                "SETTLED", "DvP cut-off" if hour == 15 else "FOP cut-off",
            )  # fmt: skip
    go(chain, 18, 40)
    assert {status(row)[0] for row in waiting} == {"PENDING"}
    go(chain, 20, 46)
    assert len(waiting) == 4
    for row in waiting:
        assert status(row)[0] == "SETTLED"
        assert row.cycle is not None
        assert row.cycle.business_date == date(2008, 9, 9)
        kind = "sequence 4" if row.cash_minor else "sequence 3: free of payment"
        assert row.cycle.name == f"Night-time cycle 1, {kind}"


def test_during_an_outage_no_cycle_runs_and_afterwards_what_is_due_is_tried_at_once(chain: Chain) -> None:
    declare_outage(reason="The ledger's disk is full", actor=SYSTEM, at=chain.at, business_date=MONDAY)
    chain.give("ALPHA", "STOCK", 10)
    chain.give("BRAVO", "EUR", 1_000)
    row = announce(chain)
    run_flow()
    go(chain, 10, 30)
    assert status(row) == ("PENDING", "")
    assert not Cycle.objects.exists()
    assert DayStep.objects.get(step_id="DAY_1000").note == "Outage: no cycle ran."
    end_outage(actor=SYSTEM, at=chain.at, business_date=MONDAY)
    run_flow()
    assert status(row) == ("SETTLED", "")
    assert Cycle.objects.get().name == REAL_TIME
