"""Corporate actions: announced, recorded at the record date's end, paid once; market claims on what failed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.models import AuditRecord
from ledger.models import JournalEntry, Posting
from ledger.services import post_entries
from reference.core.actor import SYSTEM
from reference.core.calendar import NotABusinessDay
from settlement.models import CorporateAction, Entitlement, Instruction, InstructionLink, MarketClaim
from settlement.refusals import CorporateActionNotAnnounced, CorporateActionRefused, CorporateActionStands
from settlement.services.announce_corporate_action import cancel_corporate_action
from settlement.services.cancel_instructions import cancel_instruction
from settlement.services.outages import declare_outage
from tests.db.settlement.test_settle_cycle import enter, standing
from tests.factories.chain import Chain, total_by_asset
from tests.factories.credit import lend
from tests.factories.distributing import AFTER, PAYMENT, RECORD, announce, pay, record

pytestmark = pytest.mark.django_db


def entitled(action: CorporateAction) -> dict[str, int]:
    return dict(Entitlement.objects.filter(action=action).values_list("account__code", "amount"))


def test_a_dividend_is_paid_to_who_holds_at_the_end_of_the_record_date(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    chain.give("BRAVO", "STOCK", 3)
    chain.give("ALPHA", "STOCK", 10, name="FUND")
    action = announce(chain, "DIVIDEND", rate="1.255")
    assert record(chain, date(2008, 9, 10)) == 0
    assert record(chain) == 1
    assert entitled(action) == {"ALPHA-SEC-HOUSE": 125_50, "BRAVO-SEC-HOUSE": 3_76, "ALPHA-SEC-FUND": 12_55}
    assert pay(chain, AFTER) == 0
    assert (pay(chain), pay(chain)) == (1, 0)
    assert not any(total_by_asset().values())
    assert (chain.balance("ALPHA", "EUR"), chain.balance("ALPHA", "EUR", "FUND")) == (125_50, 12_55)
    assert chain.balance("CSD", "EUR", "ISSUANCE") == -(125_50 + 3_76 + 12_55)
    action.refresh_from_db()
    assert (action.status, action.paid_at) == ("PAID", chain.at)
    assert JournalEntry.objects.get(source="CORPORATE").source_id == action.pk
    assert AuditRecord.objects.filter(action__startswith="corporate_action.").count() == 3
    assert record(chain, PAYMENT) == 0


def test_a_coupon_is_percent_of_nominal(chain: Chain) -> None:
    chain.give("CHARLIE", "BOND", 1_000_000)
    action = announce(chain, "COUPON", "BOND", rate="5")
    record(chain)
    pay(chain)
    assert entitled(action) == {"CHARLIE-SEC-HOUSE": 50_000_00}
    assert chain.balance("CHARLIE", "EUR") == 50_000_00


def test_a_split_of_an_odd_holding_is_rounded_down(chain: Chain) -> None:
    for code, units in (("ALPHA", 101), ("BRAVO", 1), ("DELTA", 40)):
        chain.give(code, "STOCK", units)
    announce(chain, "SPLIT", ratio_new=3, ratio_old=2)
    record(chain)
    pay(chain)
    assert [chain.balance(code, "STOCK") for code in ("ALPHA", "BRAVO", "DELTA")] == [151, 1, 60]
    assert chain.balance("CSD", "STOCK", "ISSUANCE") == -(151 + 1 + 60)


def test_an_action_nobody_holds_is_paid_with_nothing(chain: Chain) -> None:
    action = announce(chain, "DIVIDEND", rate="1")
    assert (record(chain), pay(chain)) == (1, 1)
    action.refresh_from_db()
    assert (action.status, JournalEntry.objects.filter(source="CORPORATE").exists()) == ("PAID", False)


def test_what_is_pledged_earns_for_who_pledged_it(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 101)
    line = lend(chain, "ALPHA", 1_000_00)
    house, held = chain.account("ALPHA").pk, line.overnight_collateral_account_id
    post_entries(
        source="PLEDGE",
        business_date=chain.day,
        at=chain.at,
        source_ids=np.ones(2, np.int64),
        accounts=np.array([house, held]),
        assets=np.full(2, chain.assets["STOCK"]),
        amounts=np.array([-50, 50]),
    )
    action = announce(chain, "DIVIDEND", rate="0.333")
    record(chain)
    pay(chain)
    # Rounded once over both: 101 x 0.333 = 33.633.
    assert entitled(action) == {"ALPHA-SEC-HOUSE": 33_63}
    assert chain.balance("ALPHA", "EUR") == 33_63


def test_nothing_is_paid_during_an_outage(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    announce(chain, "DIVIDEND", rate="1")
    record(chain)
    declare_outage(reason="a cable is cut", actor=SYSTEM, at=chain.at, business_date=chain.day)
    assert pay(chain) == 0


@pytest.mark.parametrize(
    ("kind", "symbol", "terms", "pointer"),
    [
        ("COUPON", "STOCK", {"rate": "5"}, "/kind"),
        ("DIVIDEND", "BOND", {"rate": "5"}, "/kind"),
        ("DIVIDEND", "STOCK", {}, "/rate"),
        ("DIVIDEND", "STOCK", {"rate": "-1"}, "/rate"),
        ("DIVIDEND", "STOCK", {"rate": "NaN"}, "/rate"),
        ("DIVIDEND", "STOCK", {"rate": "0.123456789"}, "/rate"),
        ("COUPON", "BOND", {"rate": "101"}, "/rate"),
        ("DIVIDEND", "STOCK", {"rate": "1", "ratio_new": 2}, "/ratio_new"),
        ("SPLIT", "STOCK", {"ratio_new": 1, "ratio_old": 2}, "/ratio_new"),
        ("SPLIT", "STOCK", {"ratio_new": 2, "ratio_old": 1, "rate": "1"}, "/rate"),
        ("DIVIDEND", "STOCK", {"rate": "1", "ex_date": date(2008, 9, 8)}, "/ex_date"),
        ("DIVIDEND", "STOCK", {"rate": "1", "ex_date": AFTER}, "/record_date"),
        ("DIVIDEND", "STOCK", {"rate": "1", "payment_date": RECORD}, "/payment_date"),
    ],
)
def test_refused(chain: Chain, kind: str, symbol: str, terms: dict[str, Any], pointer: str) -> None:
    with pytest.raises(CorporateActionRefused) as refused:
        announce(chain, kind, symbol, **terms)
    assert refused.value.pointer == pointer


def test_dates_are_business_days_and_an_action_is_announced_once(chain: Chain) -> None:
    with pytest.raises(NotABusinessDay):
        announce(chain, "DIVIDEND", rate="1", payment_date=date(2008, 9, 13))
    action = announce(chain, "DIVIDEND", rate="1")
    with pytest.raises(CorporateActionStands):
        announce(chain, "DIVIDEND", rate="2")
    cancelled = cancel_corporate_action(action_pk=action.pk, actor=SYSTEM, at=chain.at, business_date=chain.day)
    assert (cancelled.status, record(chain)) == ("CANCELLED", 0)
    with pytest.raises(CorporateActionNotAnnounced):
        cancel_corporate_action(action_pk=action.pk, actor=SYSTEM, at=chain.at, business_date=chain.day)


@pytest.fixture
def failing(chain: Chain) -> Chain:
    """ALPHA owes BRAVO 100 shares since Monday and has none; ALPHA, BRAVO have cash. A dividend of 1.25 comes."""
    chain.give("ALPHA", "EUR", 1_000_00)
    chain.give("BRAVO", "EUR", 5_000_00)
    enter(chain, "LATE", "ALPHA", "BRAVO", 100, 1_000_00)
    enter(chain, "EX", "ALPHA", "BRAVO", 100, 1_000_00, intended=AFTER)
    chain.cycle()
    announce(chain, "DIVIDEND", rate="1.25")
    return chain


def test_the_life_of_a_market_claim(failing: Chain) -> None:
    record(failing)
    claim = MarketClaim.objects.get()
    delivery, payment = claim.instruction, Instruction.objects.get(source="CORPORATE")
    assert (delivery.reference, claim.quantity_units, claim.amount) == ("LATE", 100, 125_00)
    assert (payment.source_id, payment.cash_minor, payment.intended_date) == (claim.pk, 125_00, PAYMENT)
    link = InstructionLink.objects.get()
    assert (link.kind, link.instruction_id, link.other_id) == ("AFTER", payment.pk, delivery.pk)
    record(failing, AFTER)
    assert MarketClaim.objects.count() == 1
    failing.move_to(PAYMENT, 10)
    failing.cycle()
    assert standing(payment)[:2] == ("PENDING", "LINK")
    failing.give("ALPHA", "STOCK", 100)
    failing.cycle()
    assert standing(delivery)[0] == standing(payment)[0] == "SETTLED"
    assert failing.balance("BRAVO", "EUR") == 5_000_00 - 1_000_00 + 125_00
    assert Posting.objects.filter(entry__source_id=payment.pk, entry__source="INSTRUCTION").count() == 2


def test_a_claim_goes_with_its_delivery(failing: Chain) -> None:
    record(failing)
    delivery = Instruction.objects.get(reference="LATE")
    cancel_instruction(
        instruction_pk=delivery.pk, actor=SYSTEM, sides=("deliverer", "receiver"), at=failing.at,
        business_date=failing.day,
    )  # fmt: skip
    record(failing, AFTER)
    assert standing(Instruction.objects.get(source="CORPORATE"))[0] == "CANCELLED"
    record(failing, PAYMENT)
    assert MarketClaim.objects.count() == 1


def test_what_is_matched_late_is_claimed_too_even_if_it_has_settled_for_twenty_business_days(failing: Chain) -> None:
    record(failing)
    failing.move_to(AFTER, 10)
    failing.give("CHARLIE", "STOCK", 10)
    late = enter(failing, "MATCHED", "CHARLIE", "DELTA", 10, 0, intended=RECORD)
    failing.cycle()
    record(failing, AFTER)
    assert MarketClaim.objects.get(instruction=late).amount == 12_50
    last, gone = date(2008, 10, 9), date(2008, 10, 10)
    failing.move_to(last, 10)
    in_time = enter(failing, "LAST", "CHARLIE", "DELTA", 8, 0, intended=RECORD)
    record(failing, last)
    failing.move_to(gone, 10)
    too_late = enter(failing, "GONE", "CHARLIE", "DELTA", 8, 0, intended=RECORD)
    record(failing, gone)
    assert MarketClaim.objects.filter(instruction=in_time).exists()
    assert not MarketClaim.objects.filter(instruction=too_late).exists()


def test_of_a_part_that_has_settled_the_rest_is_claimed(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 400)
    chain.give("BRAVO", "EUR", 50_000_00)
    instruction = enter(chain, "PART", "ALPHA", "BRAVO", 1_000, 50_000_00)
    Instruction.objects.filter(pk=instruction.pk).update(partial_allowed=True)
    announce(chain, "DIVIDEND", rate="1.25")
    chain.cycle(partials=True)
    record(chain)
    assert (MarketClaim.objects.get().quantity_units, MarketClaim.objects.get().amount) == (600, 750_00)
    assert entitled(CorporateAction.objects.get()) == {"BRAVO-SEC-HOUSE": 500_00}


def test_a_claim_on_a_split_is_for_the_further_units(failing: Chain) -> None:
    announce(failing, "SPLIT", ratio_new=2, ratio_old=1)
    record(failing)
    claim = Instruction.objects.get(source="CORPORATE", quantity_units__gt=0)
    assert (claim.quantity_units, claim.cash_minor, claim.deliverer_account.code) == (100, 0, "ALPHA-SEC-HOUSE")
    failing.move_to(PAYMENT, 10)
    failing.give("ALPHA", "STOCK", 200)
    failing.cycle()
    assert (standing(claim)[0], failing.balance("BRAVO", "STOCK")) == ("SETTLED", 200)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    holdings=st.dictionaries(
        st.sampled_from(["ALPHA", "BRAVO", "CHARLIE", "DELTA", "ECHO"]), st.integers(1, 10**9), min_size=1
    ),
    rate=st.decimals("0.00000001", "9999", places=8, allow_nan=False),
    split=st.tuples(st.integers(1, 50), st.integers(1, 50)),
)
def test_what_is_entitled_is_what_is_paid(
    chain: Chain, holdings: dict[str, int], rate: Decimal, split: tuple[int, int]
) -> None:
    with transaction.atomic():
        for code, units in holdings.items():
            chain.give(code, "STOCK", units)
        chain.move_to(date(2008, 9, 8))
        dividend = announce(chain, "DIVIDEND", rate=str(rate))
        further = announce(chain, "SPLIT", ratio_new=sum(split), ratio_old=split[0])
        record(chain)
        pay(chain)
        for action in (dividend, further):
            paid = -sum(
                Posting.objects.filter(entry__source="CORPORATE", entry__source_id=action.pk, amount__lt=0).values_list(
                    "amount", flat=True
                )
            )
            assert paid == sum(entitled(action).values())
        for code, units in holdings.items():
            assert chain.balance(code, "STOCK") == units * sum(split) // split[0]
            assert chain.balance(code, "EUR") == int(units * rate * 100)
        assert not any(total_by_asset().values())
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("sql", "because"),
    [
        ("UPDATE settlement_corporateaction SET rate = 2", "never change"),
        ("UPDATE settlement_corporateaction SET status = 'ANNOUNCED', recorded_at = NULL", "cannot go from"),
        ("UPDATE settlement_corporateaction SET status = 'PAID', paid_at = now()", "paid when the journal says so"),
        ("UPDATE settlement_corporateaction SET status = 'PAID'", "corporateaction_status_has_its_time"),
        ("DELETE FROM settlement_corporateaction", "never deleted"),
        ("UPDATE settlement_entitlement SET amount = amount + 1", "append-only"),
        ("DELETE FROM settlement_entitlement", "append-only"),
        ("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE settlement_entitlement", "never truncated"),
        ("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE settlement_marketclaim", "never truncated"),
        ("UPDATE settlement_marketclaim SET amount = 1", "append-only"),
        ("DELETE FROM settlement_marketclaim", "append-only"),
        (
            "INSERT INTO settlement_entitlement (action_id, account_id, holding_units, amount) SELECT action_id,"
            " (SELECT id FROM ledger_account WHERE code = 'DELTA-SEC-HOUSE'), 1, 1 FROM settlement_entitlement",
            "recorded once",
        ),
        (
            "INSERT INTO settlement_marketclaim (action_id, instruction_id, quantity_units, amount, business_date, at)"
            " SELECT action_id, instruction_id, 1, 1, business_date, at FROM settlement_marketclaim",
            "marketclaim_once",
        ),
        (
            "INSERT INTO settlement_marketclaim (action_id, instruction_id, quantity_units, amount, business_date, at)"
            " SELECT action_id, (SELECT id FROM settlement_instruction WHERE reference = 'EX'), 1, 1, business_date, at"
            " FROM settlement_marketclaim",
            "due by the record date",
        ),
    ],
)
def test_the_database_refuses(failing: Chain, sql: str, because: str) -> None:
    failing.give("CHARLIE", "STOCK", 7)
    record(failing)
    assert Entitlement.objects.exists()
    with pytest.raises(DatabaseError, match=because), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"kind": "COUPON"}, "corporateaction_fits_its_security|paid on bonds"),
        ({"rate": 0}, "corporateaction_terms"),
        ({"ratio_new": 2, "ratio_old": 1}, "corporateaction_terms"),
        ({"kind": "SPLIT", "rate": None, "currency_id": None, "ratio_new": 1, "ratio_old": 2}, "corporateaction_terms"),
        ({"ex_date": AFTER}, "corporateaction_dates_in_order"),
        ({"payment_date": RECORD}, "corporateaction_dates_in_order"),
        ({"kind": "GIFT"}, "corporateaction_kind|corporateaction_terms"),
        ({}, "corporateaction_once"),
        ({"record_date": date(2008, 9, 12), "status": "RECORDED"}, "begins ANNOUNCED"),
    ],
)
def test_no_such_row(chain: Chain, change: dict[str, Any], because: str) -> None:
    action = announce(chain, "DIVIDEND", rate="1")
    for name, value in (change | {"pk": None, "id": None}).items():
        setattr(action, name, value)
    with pytest.raises(DatabaseError, match=because), transaction.atomic():
        action.save(force_insert=True)


def test_the_issuance_account_is_entitled_to_nothing(chain: Chain) -> None:
    action = announce(chain, "DIVIDEND", rate="1")
    issuance = chain.account("CSD", "STOCK", "ISSUANCE")
    with pytest.raises(DatabaseError, match="holders are entitled"), transaction.atomic():
        Entitlement.objects.create(action=action, account=issuance, holding_units=1, amount=1)
