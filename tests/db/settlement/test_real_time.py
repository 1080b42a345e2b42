"""Real-time settlement: at once between the cycles, by day only, once a change, and only what may settle then."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import uuid4

import pytest

from events.models import OutboxFact
from fmi.business_day import advance, run_flow, sweep
from reference.core.actor import SYSTEM
from reference.queries import business_clock
from settlement.models import Attempt, Cycle, DayStep, Instruction
from settlement.queries.day import RealTime, real_time_mode
from settlement.services.hold_instruction import hold_instruction, release_instruction
from settlement.services.outages import declare_outage, end_outage
from settlement.services.run_cycle import REAL_TIME
from settlement.services.settle_cycle import settle_cycle
from tests.factories.chain import MONDAY, Chain, at_time

FRIDAY = date(2008, 9, 5)


@pytest.fixture
def eve(chain: Chain) -> Chain:
    """The market on the evening before its first business day."""
    chain.move_to(FRIDAY, 18)
    return chain


def go(chain: Chain, hour: int, minute: int = 0, *, day: date = MONDAY) -> None:
    """Move business time, and the chain with it."""
    advance(until=at_time(day, hour, minute))
    chain.day, chain.at = business_clock().business_date, at_time(day, hour, minute)


def instruct(
    chain: Chain, *, quantity: int = 10, cash: int = 1_000, by: str = "ALPHA", to: str = "BRAVO", **more: Any
) -> Instruction:
    """Create an instruction that is due, and announce it as the services do."""
    from events.services.outbox import record_fact
    from settlement.contracts import InstructionsCreated

    row = Instruction.objects.create(
        public_id=uuid4(), source=more.pop("source", "DIRECT"), reference=uuid4().hex[:20],
        instructed_by_id=chain.ids[by], deliverer_account=chain.account(by), receiver_account=chain.account(to),
        security_id=chain.assets["STOCK"] if quantity else None, quantity_units=quantity,
        currency_id=chain.assets["EUR"], cash_minor=cash, intended_date=more.pop("intended_date", chain.day),
        status="PENDING", created_at=chain.at, **more,
    )  # fmt: skip
    record_fact(fact=InstructionsCreated(count=1))
    return row


def status(row: Instruction) -> tuple[str, str]:
    row.refresh_from_db()
    return row.status, row.reason


def test_by_day_a_new_instruction_settles_at_once(eve: Chain) -> None:
    go(eve, 9)
    eve.give("ALPHA", "STOCK", 10)
    eve.give("BRAVO", "EUR", 1_000)
    row = instruct(eve)
    run_flow()
    assert status(row) == ("SETTLED", "")
    cycle = Cycle.objects.get()
    assert (cycle.name, cycle.ran_at, cycle.settled, row.cycle_id) == (REAL_TIME, at_time(MONDAY, 9), 1, cycle.pk)


def test_at_night_it_waits_for_its_cycle(eve: Chain) -> None:
    go(eve, 21, day=FRIDAY)
    eve.give("ALPHA", "STOCK", 10)
    eve.give("BRAVO", "EUR", 1_000)
    row = instruct(eve)
    run_flow()
    sweep()
    assert status(row) == ("PENDING", "")
    go(eve, 22, day=FRIDAY)
    assert status(row) == ("SETTLED", "")
    assert Cycle.objects.get().name == "Night-time cycle 2, sequence 4"


def test_what_settles_nothing_leaves_no_cycle_but_the_reason(eve: Chain) -> None:
    go(eve, 9)
    row = instruct(eve)
    run_flow()
    assert status(row) == ("PENDING", "LACK")
    assert row.shortfall == 10
    assert (Cycle.objects.count(), Attempt.objects.count()) == (0, 0)
    assert not OutboxFact.objects.filter(name="CycleSettled").exists()


def test_what_was_tried_at_once_in_vain_is_still_told_by_the_next_cycle_of_the_schedule(eve: Chain) -> None:
    """Penalties are charged on the attempts that cycles tell of, so that none may be missing at the end of the day."""
    go(eve, 9)
    row = instruct(eve)
    run_flow()
    assert not Attempt.objects.exists()
    go(eve, 10)
    assert Attempt.objects.get().instruction_id == row.pk
    assert Cycle.objects.get().name == "Partial-settlement window 10:00"
    go(eve, 13)
    assert Cycle.objects.count() == 1, "nothing has changed since"


def test_freed_securities_are_used_at_once_and_nothing_is_tried_twice(
    eve: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    from settlement.services import run_cycle

    tried: list[datetime] = []
    settle = settle_cycle

    def count(**arguments: Any) -> Cycle | None:
        tried.append(arguments["at"])
        return settle(**arguments)

    monkeypatch.setattr(run_cycle, "settle_cycle", count)
    go(eve, 9)
    eve.give("CHARLIE", "STOCK", 10)
    eve.give("ALPHA", "EUR", 1_000)
    eve.give("BRAVO", "EUR", 1_000)
    waiting = instruct(eve, by="ALPHA", to="BRAVO")
    run_flow()
    run_flow()
    for _ in range(5):
        sweep()
    assert len(tried) == 1, "woken often, tried once: nothing had changed"
    instruct(eve, by="CHARLIE", to="ALPHA")
    run_flow()
    assert status(waiting) == ("SETTLED", ""), "with what ALPHA received in the same decision"
    assert (len(tried), Cycle.objects.count()) == (2, 1)


def test_a_release_is_tried_at_once(eve: Chain) -> None:
    go(eve, 9)
    eve.give("ALPHA", "STOCK", 10)
    eve.give("BRAVO", "EUR", 1_000)
    row = instruct(eve, held_by_deliverer=True)
    run_flow()
    assert status(row)[0] == "PENDING"
    for change in (hold_instruction, release_instruction):
        change(instruction_pk=row.pk, actor=SYSTEM, at=eve.at, business_date=eve.day)
    run_flow()
    assert status(row) == ("SETTLED", "")


def test_a_lost_message_is_made_up_for_by_the_sweep(eve: Chain) -> None:
    go(eve, 9)
    eve.give("ALPHA", "STOCK", 10)
    eve.give("BRAVO", "EUR", 1_000)
    row = instruct(eve)
    from django.utils import timezone

    OutboxFact.objects.update(delivered_at=timezone.now())
    sweep()
    assert status(row) == ("SETTLED", "")


@pytest.mark.parametrize(
    ("hour", "minute", "dvp", "fop"),
    [
        (15, 59, "SETTLED", "SETTLED"),
        (16, 1, "PENDING", "SETTLED"),
        (17, 59, "PENDING", "SETTLED"),
        (18, 1, "PENDING", "PENDING"),
    ],
)
def test_after_its_cut_off_a_kind_of_movement_waits(eve: Chain, hour: int, minute: int, dvp: str, fop: str) -> None:
    """DvP cut-off 16:00, FOP cut-off 18:00 (T2S)."""
    go(eve, hour, minute)
    eve.give("ALPHA", "STOCK", 20)
    eve.give("BRAVO", "EUR", 1_000)
    against, free = instruct(eve), instruct(eve, cash=0)
    run_flow()
    assert (status(against)[0], status(free)[0]) == (dvp, fop)


def test_what_came_before_the_cut_off_is_in_its_last_cycle(eve: Chain) -> None:
    """An instruction whose stock comes at 15:59 settles in the cycle of 16:00; one of 16:01 the next evening."""
    go(eve, 15, 59)
    eve.give("ALPHA", "STOCK", 20)
    eve.give("BRAVO", "EUR", 2_000)
    first = instruct(eve)
    OutboxFact.objects.all().update(delivered_at=at_time(MONDAY, 9))
    go(eve, 16)
    assert status(first)[0] == "SETTLED"
    go(eve, 16, 1)
    second = instruct(eve)
    go(eve, 18, 40)
    assert status(second)[0] == "PENDING"
    go(eve, 20, 46)
    assert status(second)[0] == "SETTLED"
    second_cycle = second.cycle
    assert second_cycle is not None
    assert (second_cycle.name, second_cycle.business_date) == ("Night-time cycle 1, sequence 4", date(2008, 9, 9))


def test_parts_settle_in_real_time_only_while_a_window_is_open(eve: Chain) -> None:
    """08:00 for 30 minutes, 10:00, 12:00 and 14:00 for 15, 15:30 to the DvP cut-off (Clearstream for T2S, 2019)."""
    for hour, minute, partials in (
        (7, 59, False), (8, 0, True), (8, 29, True), (8, 30, False), (10, 14, True), (10, 15, False), (12, 0, True),
        (14, 14, True), (14, 15, False), (15, 29, False), (15, 59, True),
    ):  # fmt: skip
        go(eve, hour, minute)
        mode = real_time_mode(at=at_time(MONDAY, hour, minute))
        assert mode == RealTime(MONDAY, "ALL", partials), (hour, minute)


def test_real_time_settlement_runs_from_five_to_the_last_cut_off(eve: Chain) -> None:
    for hour, minute, movements in ((4, 59, None), (5, 0, "ALL"), (16, 0, "FREE"), (17, 59, "FREE"), (18, 0, None)):
        go(eve, hour, minute)
        mode = real_time_mode(at=at_time(MONDAY, hour, minute))
        assert (mode.movements if mode else None) == movements, (hour, minute)


def test_sequences_settle_their_own_kind_and_an_empty_one_leaves_no_cycle(eve: Chain) -> None:
    go(eve, 19, day=FRIDAY)
    eve.give("ALPHA", "STOCK", 100)
    for code in ("ALPHA", "BRAVO"):
        eve.give(code, "EUR", 10_000)
    rows = {
        "sequence 0: liquidity": instruct(eve, quantity=0, cash=100),
        "sequence 3: free of payment": instruct(eve, cash=0),
        "sequence 4": instruct(eve),
    }
    go(eve, 23, 59, day=FRIDAY)
    for name, row in rows.items():
        assert status(row)[0] == "SETTLED"
        assert row.cycle is not None
        assert row.cycle.name == f"Night-time cycle 1, {name}"
    assert Cycle.objects.count() == 3
    notes = dict(DayStep.objects.filter(step__action="CYCLE").exclude(note="").values_list("step_id", "note"))
    assert notes["NIGHT_1_1"] == notes["NIGHT_2_Z"] == "Nothing was due."


def test_a_corporate_action_settles_in_its_sequence(eve: Chain) -> None:
    go(eve, 19, day=FRIDAY)
    eve.give("ALPHA", "EUR", 10_000)
    eve.give("BRAVO", "EUR", 10_000)
    row = instruct(eve, quantity=0, cash=500, source="CORPORATE", source_id=1)
    trade = instruct(eve, cash=900)
    go(eve, 20, 0, day=FRIDAY)
    assert status(row)[0] == "SETTLED", "it is a payment too, so sequence 0 takes it"
    late = instruct(eve, quantity=0, cash=600, source="CORPORATE", source_id=2)
    go(eve, 20, 10, day=FRIDAY)
    assert status(late)[0] == "SETTLED"
    assert late.cycle is not None
    assert late.cycle.name == "Night-time cycle 1, sequence 1: corporate actions"
    assert status(trade)[0] == "PENDING"


def test_a_cycle_that_could_only_repeat_the_last_one_is_not_run(eve: Chain) -> None:
    go(eve, 19, day=FRIDAY)
    row = instruct(eve)
    go(eve, 23, 59, day=FRIDAY)
    names = list(Cycle.objects.order_by("id").values_list("name", flat=True))
    assert names == ["Night-time cycle 1, sequence 4", "Night-time cycle 2, sequence X: partials"]
    assert DayStep.objects.get(step_id="NIGHT_2_4").note == "Nothing had changed since the cycle before."
    assert status(row) == ("PENDING", "LACK")


def test_during_an_outage_no_cycle_runs_and_afterwards_what_is_due_is_tried_at_once(eve: Chain) -> None:
    go(eve, 9)
    declare_outage(reason="The ledger's disk is full", actor=SYSTEM, at=eve.at, business_date=MONDAY)
    eve.give("ALPHA", "STOCK", 10)
    eve.give("BRAVO", "EUR", 1_000)
    row = instruct(eve)
    run_flow()
    go(eve, 10, 30)
    assert status(row) == ("PENDING", "")
    assert not Cycle.objects.exists()
    assert DayStep.objects.get(step_id="DAY_1000").note == "Outage: no cycle ran."
    end_outage(actor=SYSTEM, at=eve.at, business_date=MONDAY)
    run_flow()
    assert status(row) == ("SETTLED", "")
    assert Cycle.objects.get().name == REAL_TIME


def test_before_the_first_business_day_a_cycle_runs_whenever_it_is_asked_for(chain: Chain) -> None:
    """There is no schedule to obey yet; afterwards a stray message runs nothing that the schedule does not hold."""
    from fmi.business_day import run_task

    chain.give("ALPHA", "STOCK", 20)
    chain.give("BRAVO", "EUR", 2_000)
    row = instruct(chain)
    run_task("settlement.run_cycle")
    assert status(row) == ("SETTLED", "")
    assert Cycle.objects.get().name == "Settlement cycle"
    chain.move_to(FRIDAY, 18)
    go(chain, 18, 46, day=FRIDAY)
    late = instruct(chain)
    run_task("settlement.run_cycle")
    assert status(late)[0] == "PENDING", "the day is open and its first cycle has not come"
