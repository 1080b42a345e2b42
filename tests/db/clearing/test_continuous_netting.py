"""Continuous net settlement: what fails joins the next day's net, and its trades settle with that."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from clearing.models import CarriedContract, CarryCause, Obligation
from clearing.queries.netting_by_day import netting_by_day
from clearing.services.carry_obligations import carry_obligations, roll_failed_obligations, transfer_contracts
from clearing.tasks import net
from fmi.invariants import check_invariants
from reference.core.actor import SYSTEM
from settlement.models import Instruction
from tests.factories.chain import WEDNESDAY, Chain

THURSDAY, FRIDAY = date(2008, 9, 11), date(2008, 9, 12)


def fail_on_wednesday(chain: Chain) -> None:
    """DELTA has sold 30 SHARE at 1,000.00 to CHARLIE for Wednesday, and has none."""
    for code in ("CHARLIE", "DELTA"):
        chain.give(code, "EUR", 100_000_000)
    chain.trade("1", "CHARLIE", "DELTA", security="SHARE", quantity=30, price="1000.00")
    chain.trade("2", "DELTA", "CHARLIE", security="SHARE", quantity=20, price="1100.00", settlement_date="2008-09-11")
    chain.clear()
    chain.move_to(WEDNESDAY)
    chain.settle()
    assert chain.status("1-C") == "CLEARED"


def open_nets() -> dict[str, tuple[int, int, date]]:
    """Return account -> (units received, minor units received, settlement date) of what is still to settle."""
    rows = Obligation.objects.filter(discharged_at=None, carried_at=None, cancelled_at=None).select_related("account")
    return {row.account.code: (row.quantity_units, row.cash_minor, row.settlement_date) for row in rows}


def assert_books_hold() -> None:
    assert [finding for finding in check_invariants() if finding.violations] == []


def test_what_fails_is_netted_with_what_is_due_next(chain: Chain) -> None:
    fail_on_wednesday(chain)
    chain.move_to(THURSDAY, 7)
    assert roll_failed_obligations(at=chain.at, business_date=THURSDAY) == 2
    assert roll_failed_obligations(at=chain.at, business_date=THURSDAY) == 0
    assert_books_hold()
    chain.net()
    # DELTA owes 30 for 30,000.00 from Wednesday and buys 20 for 22,000.00: it delivers 10 for 8,000.00.
    assert open_nets() == {
        "DELTA-SEC-HOUSE": (-10, 800_000, THURSDAY),
        "CHARLIE-SEC-HOUSE": (10, -800_000, THURSDAY),
    }
    chain.instruct()
    chain.cycle()
    chain.discharge()
    assert {chain.status(trade) for trade in ("1-C", "1-D", "2-C", "2-D")} == {"CLEARED"}
    chain.give("DELTA", "SHARE", 10)
    chain.cycle()
    chain.discharge()
    assert {chain.status(trade) for trade in ("1-C", "1-D", "2-C", "2-D")} == {"SETTLED"}
    assert (chain.balance("DELTA", "SHARE"), chain.balance("CHARLIE", "SHARE")) == (0, 10)
    assert chain.balance("DELTA", "EUR") == 100_800_000
    assert_books_hold()


def test_only_the_rest_of_what_settled_in_part_rolls_on(chain: Chain) -> None:
    """DELTA delivers 12 of 30 to the CCP, which passes them on: 18 for 18,000.00 roll."""
    fail_on_wednesday(chain)
    chain.give("DELTA", "SHARE", 12)
    chain.cycle(partials=True)
    chain.discharge()
    if chain.balance("CHARLIE", "SHARE") != 12:
        pytest.fail("the part did not settle through the CCP")
    chain.move_to(THURSDAY, 7)
    assert roll_failed_obligations(at=chain.at, business_date=THURSDAY) == 2
    chain.net()
    assert open_nets() == {
        "DELTA-SEC-HOUSE": (2, -400_000, THURSDAY),
        "CHARLIE-SEC-HOUSE": (-2, 400_000, THURSDAY),
    }
    chain.instruct()
    chain.cycle()
    chain.discharge()
    assert {chain.status(trade) for trade in ("1-C", "2-D")} == {"SETTLED"}
    assert chain.balance("DELTA", "EUR") == 100_000_000 + 3_000_000 - 2_200_000
    assert_books_hold()


def test_it_rolls_day_after_day(chain: Chain) -> None:
    fail_on_wednesday(chain)
    for day in (THURSDAY, FRIDAY):
        chain.move_to(day, 7)
        roll_failed_obligations(at=chain.at, business_date=day)
        chain.net()
        chain.instruct()
        chain.cycle()
        chain.discharge()
    assert Obligation.objects.filter(carried_at__isnull=False, discharged_at=None).count() == 4
    chain.give("DELTA", "SHARE", 10)
    chain.cycle()
    chain.discharge()
    assert not Obligation.objects.filter(discharged_at=None).exists()
    assert {chain.status(trade) for trade in ("1-C", "2-D")} == {"SETTLED"}
    assert_books_hold()


def test_a_transfer_moves_what_is_left_and_what_is_not_netted(chain: Chain) -> None:
    """BRAVO takes over what DELTA owes, netted and not netted; DELTA's part of both trades is then done."""
    fail_on_wednesday(chain)
    chain.trade("3", "ALPHA", "DELTA", security="SHARE", quantity=5, price="1200.00", settlement_date="2008-09-12")
    chain.clear()
    obligation = Obligation.objects.get(account=chain.account("DELTA"), discharged_at=None)
    delta, bravo = chain.account("DELTA").pk, chain.account("BRAVO").pk
    carried = carry_obligations(
        obligation_ids=[obligation.pk], cause=CarryCause.TRANSFER, cause_id=1, to_account=bravo,
        settlement_date=THURSDAY, at=chain.at,
    )  # fmt: skip
    assert carried == 1
    assert transfer_contracts(from_account=delta, to_account=bravo, cause_id=2, at=chain.at) == 2
    assert Instruction.objects.get(source="OBLIGATION", source_id=obligation.pk).status == "CANCELLED"
    chain.move_to(FRIDAY, 7)
    chain.net()
    nets = open_nets()
    assert nets["ALPHA-SEC-HOUSE"] == (5, -600_000, FRIDAY)
    # On Thursday's date BRAVO owes 30 for 30,000.00 and has bought 20 for 22,000.00; on Friday 5 for 6,000.00.
    bravos = sorted(
        Obligation.objects.filter(account_id=bravo).values_list("settlement_date", "quantity_units", "cash_minor")
    )
    assert bravos == [(THURSDAY, -10, 800_000), (FRIDAY, -5, 600_000)]
    assert not Obligation.objects.filter(account_id=delta, carried_at=None).exclude(quantity_units=0).exists()
    chain.discharge()
    assert_books_hold()


@pytest.mark.parametrize("statement", [
    "UPDATE clearing_carriedcontract SET quantity_units = quantity_units + 1",
    "DELETE FROM clearing_carriedcontract",
    "INSERT INTO clearing_carriedcontract (cause, cause_id, account_id, security_id, currency_id, settlement_date,"
    " quantity_units, cash_minor, created_at) SELECT cause, 99, account_id, security_id, currency_id,"
    " settlement_date, 7, 0, created_at FROM clearing_carriedcontract LIMIT 1",
])  # fmt: skip
def test_the_database_keeps_what_is_carried(chain: Chain, statement: str) -> None:
    fail_on_wednesday(chain)
    chain.move_to(THURSDAY, 7)
    roll_failed_obligations(at=chain.at, business_date=THURSDAY)
    before = list(CarriedContract.objects.order_by("pk").values())
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(CarriedContract.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("rolls", [True, False])
def test_a_day_is_compared_either_way(chain: Chain, rolls: bool) -> None:
    """Thursday: 30,000.00 failed and 22,000.00 is due the other way, for both; netted together 8,000.00 is left."""
    fail_on_wednesday(chain)
    chain.move_to(THURSDAY, 7)
    if rolls:
        assert roll_failed_obligations(at=chain.at, business_date=THURSDAY) == 2
    chain.net()
    today, yesterday = netting_by_day(actor=SYSTEM, since=WEDNESDAY)
    assert (today.day, today.currency) == (THURSDAY, "EUR")
    assert (today.gross_minor, today.due_minor) == (4_400_000, 4_400_000)
    assert (today.failed_minor, today.continuous_minor) == (6_000_000, 1_600_000)
    assert today.per_date.efficiency == 0
    assert today.continuous.efficiency == pytest.approx(1 - 16 / 104)
    assert (yesterday.due_minor, yesterday.failed_minor, yesterday.continuous_minor) == (6_000_000, 0, 6_000_000)
    deltas = netting_by_day(actor=chain.actor("DELTA"), since=WEDNESDAY)
    assert [row.continuous_minor for row in deltas] == [800_000, 3_000_000]


def test_the_task_rolls_only_where_netting_is_continuous(chain: Chain, settings: Any) -> None:
    fail_on_wednesday(chain)
    chain.move_to(THURSDAY, 7)
    settings.CONTINUOUS_NETTING = False
    net()
    assert not CarriedContract.objects.exists()
    settings.CONTINUOUS_NETTING = True
    net()
    assert Obligation.objects.exclude(carried_at=None).count() == 2
