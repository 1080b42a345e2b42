"""Real-time settlement by the hour: by night what is due waits for its cycle, each cycle for its kind of movement."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fmi import business_day
from fmi.business_day import run_flow, run_task, sweep
from settlement.models import Cycle, DayStep
from settlement.queries.day import RealTime, real_time_mode
from tests.factories.chain import MONDAY, Chain, at_time
from tests.factories.real_time import FRIDAY, announce, go, status


@pytest.fixture
def eve(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> Chain:
    """The market on the evening before its first business day, which is swept every other hour and at each step."""
    monkeypatch.setattr(business_day, "SWEEP_EVERY", timedelta(hours=2))
    chain.move_to(FRIDAY, 18)
    return chain


def test_at_night_it_waits_for_its_cycle(eve: Chain) -> None:
    go(eve, 21, day=FRIDAY)
    eve.give("ALPHA", "STOCK", 10)
    eve.give("BRAVO", "EUR", 1_000)
    row = announce(eve)
    run_flow()
    sweep()
    assert status(row) == ("PENDING", "")
    go(eve, 22, day=FRIDAY)
    assert status(row) == ("SETTLED", "")
    assert Cycle.objects.get().name == "Night-time cycle 2, sequence 4"


def test_what_settles_at_once_and_whether_in_parts_at_each_hour_of_the_day(eve: Chain) -> None:
    """Real-time settlement runs from five to the last cut-off; parts settle in it only while a window is open.

    Windows: 08:00 for 30 minutes, 10:00, 12:00 and 14:00 for 15, 15:30 to the DvP cut-off (Clearstream for T2S, 2019).
    """
    for hour, minute, movements, partials in (
        (4, 59, None, False), (5, 0, "ALL", False), (7, 59, "ALL", False), (8, 0, "ALL", True), (8, 29, "ALL", True),
        (8, 30, "ALL", False), (10, 14, "ALL", True), (10, 15, "ALL", False), (12, 0, "ALL", True),
        (14, 14, "ALL", True), (14, 15, "ALL", False), (15, 29, "ALL", False), (15, 59, "ALL", True),
        (16, 0, "FREE", False), (17, 59, "FREE", False), (18, 0, None, False),
    ):  # fmt: skip
        go(eve, hour, minute)
        mode = real_time_mode(at=at_time(MONDAY, hour, minute))
        assert mode == (RealTime(MONDAY, movements, partials) if movements else None), (hour, minute)


def test_sequences_settle_their_own_kind_and_an_empty_one_leaves_no_cycle(eve: Chain) -> None:
    go(eve, 19, day=FRIDAY)
    eve.give("ALPHA", "STOCK", 100)
    for code in ("ALPHA", "BRAVO"):
        eve.give(code, "EUR", 10_000)
    rows = {
        "sequence 0: liquidity": announce(eve, quantity=0, cash=100),
        "sequence 3: free of payment": announce(eve, cash=0),
        "sequence 4": announce(eve),
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
    row = announce(eve, quantity=0, cash=500, source="CORPORATE", source_id=1)
    trade = announce(eve, cash=900)
    go(eve, 20, 0, day=FRIDAY)
    assert status(row)[0] == "SETTLED", "it is a payment too, so sequence 0 takes it"
    late = announce(eve, quantity=0, cash=600, source="CORPORATE", source_id=2)
    go(eve, 20, 10, day=FRIDAY)
    assert status(late)[0] == "SETTLED"
    assert late.cycle is not None
    assert late.cycle.name == "Night-time cycle 1, sequence 1: corporate actions"
    assert status(trade)[0] == "PENDING"


def test_a_cycle_that_could_only_repeat_the_last_one_is_not_run(eve: Chain) -> None:
    go(eve, 19, day=FRIDAY)
    row = announce(eve)
    go(eve, 23, 59, day=FRIDAY)
    names = list(Cycle.objects.order_by("id").values_list("name", flat=True))
    assert names == ["Night-time cycle 1, sequence 4", "Night-time cycle 2, sequence X: partials"]
    assert DayStep.objects.get(step_id="NIGHT_2_4").note == "Nothing had changed since the cycle before."
    assert status(row) == ("PENDING", "LACK")


def test_before_the_first_business_day_a_cycle_runs_whenever_it_is_asked_for(chain: Chain) -> None:
    """There is no schedule to obey yet; afterwards a stray message runs nothing that the schedule does not hold."""
    chain.give("ALPHA", "STOCK", 20)
    chain.give("BRAVO", "EUR", 2_000)
    row = announce(chain)
    run_task("settlement.run_cycle")
    assert status(row) == ("SETTLED", "")
    assert Cycle.objects.get().name == "Settlement cycle"
    chain.move_to(FRIDAY, 18)
    go(chain, 18, 46, day=FRIDAY)
    late = announce(chain)
    run_task("settlement.run_cycle")
    assert status(late)[0] == "PENDING", "the day is open and its first cycle has not come"
