"""Penalties charged day by day, corrected, netted over the month and paid: real cycles, real fails."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from events.models import AuditRecord
from reference.core.actor import SYSTEM
from reference.core.calendar import BUSINESS_ZONE
from reference.models import DailyPrice
from settlement.models import Instruction, Penalty, PenaltyPayment, PenaltyRate, PenaltyRun
from settlement.queries.penalties import penalties_visible_to, read_days, read_month
from settlement.refusals import PenaltiesAlreadyPaid, PenaltiesNotCharged
from settlement.services.charge_penalties import charge_penalties, correct_penalties
from settlement.services.hold_instruction import hold_instruction, release_instruction
from settlement.services.load_penalty_rates import load_penalty_rates
from settlement.services.pay_penalties import pay_penalties
from tests.db.settlement.test_settle_cycle import enter
from tests.factories.chain import MONDAY, Chain

pytestmark = pytest.mark.django_db
TUESDAY = date(2008, 9, 9)
SEPTEMBER = date(2008, 9, 1)
PAID_ON = date(2008, 10, 24)


def evening(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 18, tzinfo=BUSINESS_ZONE)


def price(chain: Chain, symbol: str, close: str, day: date) -> None:
    figures = dict.fromkeys(("open", "high", "low", "close", "adjusted_close"), Decimal(close))
    DailyPrice.objects.update_or_create(security_id=chain.assets[symbol], date=day, defaults=figures | {"volume": 1})


@pytest.fixture
def priced(chain: Chain) -> Chain:
    load_penalty_rates()
    price(chain, "STOCK", "50", date(2008, 9, 5))
    price(chain, "BOND", "98", date(2008, 9, 5))
    return chain


def charge(day: date = MONDAY) -> list[Penalty]:
    run = charge_penalties(business_date=day, at=evening(day))
    assert run is not None
    return list(Penalty.objects.filter(run=run).order_by("pk"))


def told(penalty: Penalty) -> tuple[str, str, str, str, int]:
    return penalty.kind, penalty.failing.code, penalty.suffering.code, penalty.category, penalty.amount_minor


def correct(day: date, today: date, why: str = "a wrong price") -> list[Penalty]:
    run = correct_penalties(business_date=day, why=why, actor=SYSTEM, at=evening(today), today=today)
    return list(Penalty.objects.filter(run=run).order_by("pk"))


def test_who_lacks_the_shares_pays_one_basis_point_of_their_price(priced: Chain) -> None:
    enter(priced, "R", "ALPHA", "BRAVO", 10_000, 1_00)
    priced.give("BRAVO", "EUR", 1_00)
    priced.cycle()
    assert [told(row) for row in charge()] == [("SEFP", "ALPHA", "BRAVO", "LIQUID_SHARES", 50_00)]
    assert charge_penalties(business_date=MONDAY, at=evening(MONDAY)) is None


def test_who_lacks_the_cash_pays_the_overnight_rate_on_the_securities_price(priced: Chain) -> None:
    priced.give("ALPHA", "STOCK", 10_000)
    enter(priced, "R", "ALPHA", "BRAVO", 10_000, 1_00)
    priced.cycle()
    # 500,000.00 x 5.25 % / 360 = 72.92, whatever the cash owed.
    assert [told(row) for row in charge()] == [("SEFP", "BRAVO", "ALPHA", "CASH", 72_92)]


def test_a_bond_is_priced_in_percent(priced: Chain) -> None:
    enter(priced, "R", "ALPHA", "BRAVO", 5_000_000, 0, symbol="BOND")
    priced.cycle()
    [penalty] = charge()
    assert (penalty.category, penalty.price, penalty.amount_minor) == ("OTHER_DEBT", Decimal(98), 98_00)


def test_each_party_that_holds_pays_the_other(priced: Chain) -> None:
    priced.give("ALPHA", "STOCK", 10_000)
    held = enter(priced, "R", "ALPHA", "BRAVO", 10_000, 0)
    for code in ("ALPHA", "BRAVO"):
        hold_instruction(instruction_pk=held.pk, actor=priced.actor(code), at=priced.at, business_date=MONDAY)
    priced.cycle()
    assert [told(row)[1:3] for row in charge()] == [("ALPHA", "BRAVO"), ("BRAVO", "ALPHA")]
    # A hold released since does not change who held it then.
    release_instruction(instruction_pk=held.pk, actor=priced.actor("BRAVO"), at=priced.at, business_date=MONDAY)
    assert [told(row)[1:3] for row in correct(MONDAY, TUESDAY)] == [("ALPHA", "BRAVO"), ("BRAVO", "ALPHA")]


def test_what_settles_before_the_end_of_the_day_costs_nothing(priced: Chain) -> None:
    enter(priced, "R", "ALPHA", "BRAVO", 10_000, 0)
    priced.cycle()
    priced.give("ALPHA", "STOCK", 10_000)
    priced.cycle()
    assert charge() == []


def test_a_payment_and_a_delivery_to_oneself_cost_nothing(priced: Chain) -> None:
    enter(priced, "PAY", "ALPHA", "BRAVO", 0, 5_00)
    priced.cycle()
    assert charge() == []


def test_a_security_without_a_price_is_named_and_charged_when_it_has_one(priced: Chain) -> None:
    enter(priced, "R", "ALPHA", "BRAVO", 10_000, 0, symbol="SHARE")
    enter(priced, "S", "ALPHA", "BRAVO", 10_000, 0)
    priced.cycle()
    assert len(charge()) == 1
    assert PenaltyRun.objects.get().missing == [f"{priced.isins['SHARE']} has no price on or before 2008-09-08"]
    price(priced, "SHARE", "10", MONDAY)
    assert [row.amount_minor for row in correct(MONDAY, TUESDAY)] == [10_00, 50_00]
    assert PenaltyRun.objects.get(version=2).missing == []


def test_a_corrected_day_counts_in_place_of_the_first(priced: Chain) -> None:
    enter(priced, "R", "ALPHA", "BRAVO", 10_000, 0)
    priced.cycle()
    charge()
    priced.give("ALPHA", "STOCK", 10_000)
    priced.move_to(TUESDAY)
    priced.cycle()
    price(priced, "STOCK", "60", MONDAY)
    assert [row.amount_minor for row in correct(MONDAY, TUESDAY)] == [60_00]
    assert [row.amount_minor for row in penalties_visible_to(actor=SYSTEM)] == [60_00]
    assert [row.version for row in PenaltyRun.objects.order_by("pk")] == [1, 2]
    assert AuditRecord.objects.filter(action="penalties.corrected").count() == 1
    with pytest.raises(PenaltiesNotCharged):
        correct(TUESDAY, TUESDAY)


def test_a_month_is_netted_between_two_and_paid_on_the_18th_business_day(priced: Chain) -> None:
    enter(priced, "A", "ALPHA", "BRAVO", 10_000, 0)
    enter(priced, "B", "BRAVO", "ALPHA", 4_000, 0, symbol="BOND")
    enter(priced, "C", "CHARLIE", "DELTA", 20_000, 0)
    priced.cycle()
    charge()
    priced.move_to(TUESDAY)
    priced.cycle()
    charge(TUESDAY)
    [first, _] = read_month(actor=SYSTEM, month=SEPTEMBER).pairs
    assert (first.payer.code, first.net_minor, first.payment) == ("CHARLIE", 200_00, None)
    day_before = date(2008, 10, 23)
    assert pay_penalties(business_date=day_before, at=evening(day_before)) == 0
    assert pay_penalties(business_date=PAID_ON, at=evening(PAID_ON)) == 2
    assert pay_penalties(business_date=PAID_ON, at=evening(PAID_ON)) == 0
    rows = PenaltyPayment.objects.order_by("payer__code")
    assert [(row.payer.code, row.payee.code, row.amount_minor, row.receivable_minor) for row in rows] == [
        ("ALPHA", "BRAVO", 2 * (50_00 - 8), 16),
        ("CHARLIE", "DELTA", 200_00, 0),
    ]
    priced.give("CHARLIE", "EUR", 300_00)
    priced.move_to(PAID_ON)
    priced.cycle()
    assert (priced.balance("CHARLIE", "EUR"), priced.balance("DELTA", "EUR")) == (100_00, 200_00)
    unpaid = Instruction.objects.get(source="PENALTY", status="PENDING")
    assert (unpaid.reason, unpaid.cash_minor, unpaid.security_id) == ("MONY", 2 * (50_00 - 8), None)
    assert [pair.payment.status for pair in read_month(actor=SYSTEM, month=SEPTEMBER).pairs if pair.payment] == [
        "SETTLED", "PENDING",
    ]  # fmt: skip
    with pytest.raises(PenaltiesAlreadyPaid):
        correct(MONDAY, PAID_ON)


def test_a_participant_sees_its_own_only(priced: Chain) -> None:
    enter(priced, "A", "ALPHA", "BRAVO", 10_000, 0)
    enter(priced, "C", "CHARLIE", "DELTA", 20_000, 0)
    priced.cycle()
    charge()
    assert len(penalties_visible_to(actor=priced.actor("ALPHA"))) == 1
    assert len(penalties_visible_to(actor=priced.actor("ECHO"))) == 0
    assert [pair.payer.code for pair in read_month(actor=priced.actor("BRAVO"), month=SEPTEMBER).pairs] == ["ALPHA"]
    assert [(day.number, day.amount_minor) for day in read_days(actor=SYSTEM, month=SEPTEMBER)] == [(2, 150_00)]


@pytest.mark.parametrize(
    ("sql", "because"),
    [
        ("UPDATE settlement_penalty SET amount_minor = 0", "append-only"),
        ("DELETE FROM settlement_penaltyrun", "append-only"),
        ("INSERT INTO settlement_penaltyrun (business_date, version, switched_off, missing, why, at)"
         " VALUES ('2008-09-08', 2, false, '[]', '', now())", "penaltyrun_corrections_say_why"),
        ("INSERT INTO settlement_penaltyrun (business_date, version, switched_off, missing, why, at)"
         " VALUES ('2008-09-08', 1, false, '[]', '', now())", "penaltyrun_version_once"),
        ("UPDATE settlement_penaltyrate SET bp_per_day = -1", "penaltyrate_between_nothing_and_all"),
        ("UPDATE settlement_penaltyrate SET currency_id = NULL WHERE category = 'CASH'",
         "penaltyrate_only_cash_has_a_currency"),
        ("INSERT INTO settlement_penaltypayment (month, payer_id, payee_id, currency_id, amount_minor, payable_minor,"
         " receivable_minor, business_date, at) SELECT '2008-09-01', failing_id, failing_id, currency_id, 1, 1, 0,"
         " '2008-10-24', now() FROM settlement_penalty", "penaltypayment_two_parties"),
        ("INSERT INTO settlement_penaltypayment (month, payer_id, payee_id, currency_id, amount_minor, payable_minor,"
         " receivable_minor, business_date, at) SELECT '2008-09-01', failing_id, suffering_id, currency_id, 5, 6, 0,"
         " '2008-10-24', now() FROM settlement_penalty", "penaltypayment_is_the_net"),
        ("INSERT INTO settlement_penaltypayment (month, payer_id, payee_id, currency_id, amount_minor, payable_minor,"
         " receivable_minor, business_date, at) SELECT '2008-09-02', failing_id, suffering_id, currency_id, 5, 5, 0,"
         " '2008-10-24', now() FROM settlement_penalty", "penaltypayment_month_begins"),
    ],
)  # fmt: skip
def test_the_database_refuses(priced: Chain, sql: str, because: str) -> None:
    from django.db import connection

    enter(priced, "A", "ALPHA", "BRAVO", 10_000, 0)
    priced.cycle()
    charge()
    with pytest.raises(DatabaseError, match=because), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_what_an_operator_changed_of_the_rates_stays(priced: Chain) -> None:
    count = PenaltyRate.objects.count()
    PenaltyRate.objects.filter(category="LIQUID_SHARES").update(bp_per_day=Decimal("1.5"))
    assert load_penalty_rates() == count
    assert PenaltyRate.objects.get(category="LIQUID_SHARES").bp_per_day == Decimal("1.5")
