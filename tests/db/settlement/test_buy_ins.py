"""Buy-ins after 4 or 7 business days: the fail ends, the difference is paid, once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from events.models import AuditRecord
from reference.core.actor import SYSTEM
from reference.models import DailyPrice
from settlement.models import BuyIn, Instruction
from settlement.services.run_buy_ins import find_buy_ins, run_buy_ins
from tests.db.settlement.test_settle_cycle import enter, standing
from tests.factories.chain import MONDAY, Chain, at_time

pytestmark = pytest.mark.django_db
FRIDAY, LATER = date(2008, 9, 12), date(2008, 9, 17)


@pytest.fixture
def failing(chain: Chain) -> Chain:
    """On Monday ALPHA owes BRAVO 100 shares against 1,000.00; a share costs 12 since. A bond fails beside."""
    for symbol, close in (("STOCK", "12"), ("BOND", "98")):
        DailyPrice.objects.create(
            security_id=chain.assets[symbol],
            date=date(2008, 9, 10),
            volume=1,
            **dict.fromkeys(("open", "high", "low", "close", "adjusted_close"), Decimal(close)),
        )
    chain.give("BRAVO", "EUR", 1_000_00)
    enter(chain, "SHARES", "ALPHA", "BRAVO", 100, 1_000_00)
    enter(chain, "BONDS", "CHARLIE", "DELTA", 1_000, 0, symbol="BOND")
    chain.cycle()
    return chain


def run(day: date) -> list[BuyIn]:
    return run_buy_ins(business_date=day, at=at_time(day, 17), actor=SYSTEM)


def test_liquid_shares_after_four_business_days_all_else_after_seven(failing: Chain) -> None:
    assert [row.instruction.reference for row in find_buy_ins(business_date=date(2008, 9, 11))] == []
    assert [row.instruction.reference for row in find_buy_ins(business_date=FRIDAY)] == ["SHARES"]
    assert [row.instruction.reference for row in find_buy_ins(business_date=LATER)] == ["SHARES", "BONDS"]


def test_the_difference_is_paid_and_the_instruction_is_gone(failing: Chain) -> None:
    [made] = run(FRIDAY)
    assert (made.market_value_minor, made.agreed_minor, made.compensation_minor) == (1_200_00, 1_000_00, 200_00)
    shares = Instruction.objects.get(reference="SHARES")
    assert standing(shares)[0] == "CANCELLED"
    assert AuditRecord.objects.get(action="instruction.cancelled").object_id == shares.pk
    assert run(FRIDAY) == []
    failing.give("ALPHA", "EUR", 500_00)
    failing.move_to(FRIDAY, 18)
    failing.cycle()
    assert (failing.balance("ALPHA", "EUR"), failing.balance("BRAVO", "EUR")) == (300_00, 1_200_00)
    payment = Instruction.objects.get(source="BUY_IN")
    assert (payment.source_id, payment.status) == (made.pk, "SETTLED")


def test_a_price_that_fell_costs_nothing(failing: Chain) -> None:
    DailyPrice.objects.update(close=Decimal(9), low=Decimal(9))
    [made] = run(FRIDAY)
    assert made.compensation_minor == 0
    assert not Instruction.objects.filter(source="BUY_IN").exists()


def test_the_command_lists_first_and_runs_when_told(failing: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    failing.move_to(FRIDAY)
    call_command("run_buy_ins")
    assert "1 fail can be bought in" in capsys.readouterr().out
    assert BuyIn.objects.count() == 0
    call_command("run_buy_ins", "--run")
    assert "SHARES" in capsys.readouterr().out
    assert BuyIn.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ("compensation_minor + 1", "buyin_pays_the_difference"),
        ("compensation_minor, due_date = business_date + 1", "append-only"),
    ],
)
def test_the_database_refuses(failing: Chain, change: str, because: str) -> None:
    run(FRIDAY)
    insert = (
        "INSERT INTO settlement_buyin (instruction_id, business_date, due_date, failing_id, suffering_id,"
        " quantity_units, price, market_value_minor, agreed_minor, compensation_minor, currency_id, at)"
        " SELECT (SELECT id FROM settlement_instruction WHERE reference = 'BONDS'), business_date, due_date,"
        " failing_id, suffering_id, quantity_units, price, market_value_minor, agreed_minor, "
        f"{change}, currency_id, at FROM settlement_buyin"
    )
    update = f"UPDATE settlement_buyin SET compensation_minor = {change}"
    sql = update if because == "append-only" else insert
    with pytest.raises(DatabaseError, match=because), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_not_before_it_is_due(failing: Chain) -> None:
    [made] = run(FRIDAY)
    with pytest.raises(DatabaseError, match="buyin_not_too_early"), transaction.atomic():
        BuyIn.objects.create(
            instruction=Instruction.objects.get(reference="BONDS"), business_date=MONDAY, due_date=FRIDAY,
            failing_id=made.failing_id, suffering_id=made.suffering_id, quantity_units=1, price=Decimal(1),
            market_value_minor=1, agreed_minor=0, compensation_minor=1, currency_id=made.currency_id, at=made.at,
        )  # fmt: skip
