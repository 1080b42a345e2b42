"""Margin calls: who is called for how much, what is debited, what stays open, and that nothing is paid twice."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from clearing.core.call_lifecycle import CallKind
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import CallPayment, MarginCall, Membership
from clearing.refusals import CallNotOpen, UnknownCall
from clearing.services.issue_calls import issue_calls, issue_variation_calls, withdraw_call
from clearing.services.move_collateral import withdraw_collateral
from clearing.services.pay_calls import pay_call, pay_calls
from clearing.tasks import collect
from events.models import AuditRecord, OutboxFact
from fmi.invariants import check_invariants
from ledger.refusals import BalanceBelowLimit
from reference.core.actor import SYSTEM
from tests.factories.chain import Chain, at_time
from tests.factories.collateral import at_ccp, join, order, put_in, require

TUESDAY = date(2008, 9, 9)


def states() -> list[tuple[str, str, str, int, int]]:
    """Return (member, kind, status, amount, paid) of every call."""
    rows = MarginCall.objects.select_related("member").order_by("id")
    return [(row.member.code, row.kind, row.status, row.amount_minor, row.paid_minor) for row in rows]


def assert_books_hold() -> None:
    assert [finding for finding in check_invariants() if finding.violations] == []


def test_the_shortfall_is_called_once_until_the_next_morning(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 50_000)
    put_in(chain, "BRAVO", "EUR", 20_000)
    run = require(chain, ALPHA=50_000, BRAVO=70_000, CHARLIE=999)
    assert issue_calls(run=run) == 1
    assert issue_calls(run=run) == 0
    # CHARLIE lacks less than the least call.
    assert states() == [("BRAVO", "INITIAL", "ISSUED", 50_000, 0)]
    assert MarginCall.objects.get().deadline == at_time(TUESDAY, 9)
    fact = OutboxFact.objects.get(name="MarginCalled")
    assert fact.payload == {"kind": "INITIAL", "count": 1}


def test_what_is_called_and_open_is_not_called_again(chain: Chain) -> None:
    join(chain)
    issue_calls(run=require(chain, BRAVO=70_000))
    chain.move_to(TUESDAY, 20)
    issue_calls(run=require(chain, BRAVO=90_000))
    assert [call[3] for call in states()] == [70_000, 20_000]


def test_an_intraday_call_is_due_within_the_hour(chain: Chain) -> None:
    join(chain)
    issue_calls(run=require(chain, "INTRADAY", ALPHA=5_000))
    call = MarginCall.objects.get()
    assert (call.kind, call.deadline) == ("INTRADAY", at_time(chain.day, 11))


def test_a_due_call_is_debited_and_becomes_collateral(chain: Chain) -> None:
    join(chain)
    chain.give("BRAVO", "EUR", 80_000)
    issue_calls(run=require(chain, BRAVO=70_000))
    assert pay_calls(at=chain.at, business_date=chain.day).debited_minor == 0
    chain.move_to(TUESDAY, 9)
    collect()
    collect()
    assert states() == [("BRAVO", "INITIAL", "PAID", 70_000, 70_000)]
    assert (chain.balance("BRAVO", "EUR"), at_ccp(chain, "BRAVO", "EUR")) == (10_000, 70_000)
    assert CallPayment.objects.count() == 1
    assert_books_hold()


def test_what_is_paid_in_part_stays_open_and_overdue(chain: Chain) -> None:
    join(chain)
    chain.give("BRAVO", "EUR", 30_000)
    issue_calls(run=require(chain, BRAVO=70_000))
    chain.move_to(TUESDAY, 9)
    assert pay_calls(at=chain.at, business_date=chain.day) == (0, 1, 30_000)
    assert states() == [("BRAVO", "INITIAL", "OVERDUE", 70_000, 30_000)]
    assert pay_calls(at=chain.at, business_date=chain.day) == (0, 0, 0)
    assert OutboxFact.objects.filter(name="CallOverdue").count() == 1
    assert AuditRecord.objects.filter(action="call.overdue").count() == 1
    chain.give("BRAVO", "EUR", 50_000)
    chain.move_to(TUESDAY, 10)
    assert pay_calls(at=chain.at, business_date=chain.day) == (1, 0, 40_000)
    call = MarginCall.objects.get()
    assert (call.status, call.overdue_at, call.paid_at) == ("PAID", at_time(TUESDAY, 9), at_time(TUESDAY, 10))
    assert at_ccp(chain, "BRAVO", "EUR") == 70_000
    assert_books_hold()


def test_variation_margin_is_paid_before_collateral(chain: Chain) -> None:
    join(chain)
    chain.give("BRAVO", "EUR", 60_000)
    run = require(chain, unpaid={"BRAVO": 40_000}, BRAVO=70_000)
    issue_calls(run=run)
    shortfall = {(chain.ids["BRAVO"], chain.assets["EUR"]): 40_000}
    assert issue_variation_calls(run=run, shortfalls=shortfall) == 1
    assert issue_variation_calls(run=run, shortfalls=shortfall) == 0
    chain.move_to(TUESDAY, 9)
    pay_calls(at=chain.at, business_date=chain.day)
    assert states() == [("BRAVO", "INITIAL", "OVERDUE", 70_000, 20_000), ("BRAVO", "VARIATION", "PAID", 40_000, 40_000)]
    assert (at_ccp(chain, "", "EUR", "VM"), at_ccp(chain, "BRAVO", "EUR")) == (40_000, 20_000)
    assert_books_hold()


def test_a_member_pays_before_the_deadline_and_only_its_own(chain: Chain) -> None:
    join(chain)
    chain.give("BRAVO", "EUR", 69_999)
    issue_calls(run=require(chain, BRAVO=70_000))
    call = MarginCall.objects.get()
    when: dict[str, Any] = {"at": chain.at, "business_date": chain.day}
    with pytest.raises(UnknownCall):
        pay_call(call_id=call.pk, actor=chain.actor("ALPHA"), **when)
    with pytest.raises(BalanceBelowLimit):
        pay_call(call_id=call.pk, actor=chain.actor("BRAVO"), **when)
    chain.give("BRAVO", "EUR", 1)
    assert pay_call(call_id=call.pk, actor=chain.actor("BRAVO"), **when).status == "PAID"
    with pytest.raises(CallNotOpen):
        pay_call(call_id=call.pk, actor=chain.actor("BRAVO"), **when)
    with pytest.raises(UnknownCall):
        pay_call(call_id=2**40, actor=SYSTEM, **when)


def test_a_withdrawn_call_is_not_debited_and_frees_nothing_that_is_required(chain: Chain) -> None:
    join(chain)
    chain.give("BRAVO", "EUR", 80_000)
    issue_calls(run=require(chain, BRAVO=70_000))
    call = MarginCall.objects.get()
    who: dict[str, Any] = {"actor": SYSTEM, "at": chain.at, "business_date": chain.day}
    withdraw_call(call_id=call.pk, why="called by mistake", **who)
    with pytest.raises(CallNotOpen):
        withdraw_call(call_id=call.pk, why="once more", **who)
    chain.move_to(TUESDAY, 9)
    collect()
    assert (MarginCall.objects.get().status, chain.balance("BRAVO", "EUR")) == ("WITHDRAWN", 80_000)


def test_a_defaulter_is_neither_called_nor_debited(chain: Chain) -> None:
    join(chain)
    chain.give("BRAVO", "EUR", 80_000)
    issue_calls(run=require(chain, BRAVO=70_000))
    Membership.objects.filter(member_id=chain.ids["BRAVO"]).update(status=MembershipStatus.DEFAULTED)
    chain.move_to(TUESDAY, 9)
    collect()
    assert issue_calls(run=require(chain, BRAVO=170_000)) == 0
    assert (states()[0][2], chain.balance("BRAVO", "EUR")) == ("ISSUED", 80_000)


def test_a_member_that_came_later_is_called_too(chain: Chain) -> None:
    from clearing.services.load_margin_parameters import load_margin_parameters

    load_margin_parameters()
    assert issue_calls(run=require(chain, DELTA=70_000)) == 1
    assert Membership.objects.get().member_id == chain.ids["DELTA"]


def test_paid_collateral_can_be_withdrawn_once_less_is_required(chain: Chain) -> None:
    join(chain)
    chain.give("BRAVO", "EUR", 70_000)
    issue_calls(run=require(chain, BRAVO=70_000))
    pay_call(call_id=MarginCall.objects.get().pk, actor=SYSTEM, at=chain.at, business_date=chain.day)
    chain.move_to(TUESDAY, 20)
    require(chain, BRAVO=10_000)
    withdraw_collateral(order=order(chain, "BRAVO"), asset_id=chain.assets["EUR"], amount=60_000)
    assert chain.balance("BRAVO", "EUR") == 60_000
    assert_books_hold()


@pytest.mark.parametrize(
    ("kind", "purse", "name"),
    [(CallKind.FUND, "DF", "BRAVO"), (CallKind.ASSESSMENT, "DF", "BRAVO"), (CallKind.INTRADAY, "IM", "BRAVO")],
)
def test_what_is_paid_goes_where_its_kind_says(chain: Chain, kind: CallKind, purse: str, name: str) -> None:
    from clearing.services.issue_calls import WantedCall, place_calls

    join(chain)
    chain.give("BRAVO", "EUR", 70_000)
    wanted = [WantedCall(chain.ids["BRAVO"], chain.assets["EUR"], 7_000)]
    place_calls(wanted=wanted, kind=kind, at=chain.at, business_date=chain.day, deadline=chain.at)
    collect()
    assert at_ccp(chain, name, "EUR", purse) == 7_000
    assert_books_hold()
