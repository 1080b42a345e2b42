"""Cancellation by one party, by two, by age; and the telling of the counterparty in time."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from clearing.models import Novation, Obligation
from clearing.refusals import TradeNetted, TradeSettling
from events.models import AuditRecord, OutboxFact
from reference.core.actor import SYSTEM, Actor
from settlement.models import Instruction
from tests.factories.chain import MONDAY, WEDNESDAY, Chain, at_time
from trades.models import CancellationRequest, Trade, UnmatchedTrade
from trades.refusals.reports import TradeNotCancellable, UnknownTrade
from trades.services.allege_trades import allege_trades
from trades.services.cancel_trades import cancel_aged_trades, cancel_trade


def cancel(chain: Chain, trade_id: str, by: str | None) -> str:
    actor: Actor = SYSTEM if by is None else chain.actor(by)
    trade_pk = Trade.objects.get(trade_id=trade_id).pk
    return cancel_trade(trade_pk=trade_pk, reason="wrong", actor=actor, at=chain.at, business_date=chain.day)


def test_before_the_match_the_reporter_cancels_alone(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA")
    assert cancel(chain, "B", "ALPHA") == "CANCELLED"
    assert chain.status("B") == "CANCELLED"
    assert not UnmatchedTrade.objects.exists()
    chain.capture("S", "ALPHA", "BRAVO", by="BRAVO")
    assert chain.match() == 0
    record = AuditRecord.objects.get(action="trade.cancelled")
    assert (record.actor, record.summary, record.detail) == (
        "alpha", "B: wrong", {"before": "NEW", "after": "CANCELLED"},
    )  # fmt: skip


def test_nobody_else_cancels_it(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA")
    for other in ("BRAVO", "CHARLIE"):
        with pytest.raises(UnknownTrade):
            cancel(chain, "B", other)
    assert cancel(chain, "B", None) == "CANCELLED"


def test_what_was_its_near_miss_is_looked_at_again(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA")
    chain.capture("S", "ALPHA", "BRAVO", by="BRAVO", price="11")
    chain.match()
    assert UnmatchedTrade.objects.get(trade__trade_id="B").difference
    cancel(chain, "S", "BRAVO")
    chain.match()
    left = UnmatchedTrade.objects.get()
    assert (left.difference, left.near_miss_id, left.checked) == ("", None, True)


@pytest.mark.parametrize("cleared", [True, False])
@pytest.mark.parametrize("novated", [True, False])
def test_after_the_match_it_takes_both_parties(chain: Chain, cleared: bool, novated: bool) -> None:
    chain.trade("T", "ALPHA", "BRAVO", cleared=cleared)
    chain.match()
    if novated:
        chain.novate()
    assert cancel(chain, "T-A", "ALPHA") == "REQUESTED"
    assert cancel(chain, "T-A", "ALPHA") == "REQUESTED"
    assert CancellationRequest.objects.count() == 1
    assert chain.status("T-A") == ("CLEARED" if novated and cleared else "MATCHED")
    assert cancel(chain, "T-B", "BRAVO") == "CANCELLED"
    assert {chain.status("T-A"), chain.status("T-B")} == {"CANCELLED"}
    chain.novate()
    chain.move_to(WEDNESDAY)
    assert chain.net() == 0
    assert chain.instruct() == 0
    assert OutboxFact.objects.filter(name="TradesCancelled").count() == 1


def test_each_party_speaks_through_its_own_report(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO")
    chain.match()
    with pytest.raises(UnknownTrade):
        cancel(chain, "T-A", "BRAVO")
    with pytest.raises(UnknownTrade):
        cancel(chain, "T-B", "CHARLIE")


def test_of_a_locked_in_trade_either_party_asks_and_the_operator_decides(chain: Chain) -> None:
    chain.capture("L", "ALPHA", "BRAVO")
    assert cancel(chain, "L", "BRAVO") == "REQUESTED"
    with pytest.raises(UnknownTrade):
        cancel(chain, "L", "CHARLIE")
    assert cancel(chain, "L", None) == "CANCELLED"


def test_a_netted_trade_is_past_cancelling_and_nothing_of_the_attempt_stays(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO")
    chain.clear()
    chain.move_to(WEDNESDAY)
    chain.net()
    assert cancel(chain, "T-A", "ALPHA") == "REQUESTED"
    records = AuditRecord.objects.count()
    with pytest.raises(TradeNetted):
        cancel(chain, "T-B", "BRAVO")
    assert chain.status("T-A") == chain.status("T-B") == "CLEARED"
    assert CancellationRequest.objects.count() == 1
    assert AuditRecord.objects.count() == records
    assert Novation.objects.get().cancelled_at is None


def test_a_gross_trade_is_cancelled_with_its_instruction_until_it_settles(chain: Chain) -> None:
    for trade_id in ("T", "U"):
        chain.trade(trade_id, "ALPHA", "BRAVO", cleared=False, quantity=100 if trade_id == "T" else 200)
    chain.give("BRAVO", "STOCK", 100)
    chain.give("ALPHA", "EUR", 1_000_000)
    chain.clear()
    chain.move_to(WEDNESDAY)
    chain.settle()
    assert (chain.status("T-A"), chain.status("U-A")) == ("SETTLED", "MATCHED")
    assert cancel(chain, "U-A", None) == "CANCELLED"
    assert sorted(Instruction.objects.values_list("status", flat=True)) == ["CANCELLED", "SETTLED"]
    assert Obligation.objects.get(match__buy_trade__trade_id="U-A").cancelled_at is not None
    with pytest.raises(TradeNotCancellable):
        cancel(chain, "T-A", None)
    with pytest.raises(TradeNotCancellable):
        cancel(chain, "U-A", None)


def test_a_gross_trade_whose_instruction_has_settled_but_is_not_discharged_yet_cannot_go(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO", cleared=False)
    chain.give("BRAVO", "STOCK", 100)
    chain.give("ALPHA", "EUR", 100_000)
    chain.clear()
    chain.move_to(WEDNESDAY)
    chain.instruct()
    chain.cycle()
    assert chain.status("T-A") == "MATCHED"
    with pytest.raises(TradeSettling):
        cancel(chain, "T-A", None)
    chain.discharge()
    assert chain.status("T-A") == "SETTLED"


def test_there_is_no_such_trade(chain: Chain) -> None:
    with pytest.raises(UnknownTrade):
        cancel_trade(trade_pk=999_999, reason="", actor=SYSTEM, at=chain.at, business_date=chain.day)


def test_unmatched_for_twenty_business_days_over_the_holidays_it_is_cancelled(chain: Chain) -> None:
    """From Monday 2008-12-08 the twentieth TARGET day is 2009-01-08: 25 and 26 December and 1 January do not count.

    9 10 11 12 | 15 16 17 18 19 | 22 23 24 | 29 30 31 | 2 | 5 6 7 8: 4 + 5 + 3 + 3 + 1 + 4 = 20.
    """
    chain.move_to(date(2008, 12, 8))
    chain.capture("old", "ALPHA", "BRAVO", by="ALPHA")
    chain.move_to(date(2008, 12, 9))
    chain.capture("younger", "ALPHA", "BRAVO", by="ALPHA")
    chain.match()
    day = date(2009, 1, 7)
    assert cancel_aged_trades(at=at_time(day, 18), business_date=day) == 0
    day = date(2009, 1, 8)
    assert cancel_aged_trades(at=at_time(day, 18), business_date=day) == 1
    assert cancel_aged_trades(at=at_time(day, 18), business_date=day) == 0
    assert (chain.status("old"), chain.status("younger")) == ("CANCELLED", "NEW")
    record = AuditRecord.objects.get(action="trade.cancelled")
    assert (record.actor, record.summary) == ("system", "old: unmatched for 20 business days")
    assert UnmatchedTrade.objects.get().trade.trade_id == "younger"


def test_each_currency_counts_its_own_business_days(chain: Chain) -> None:
    """The dollar's calendar knows no 26 December here, so its twentieth day comes sooner."""
    chain.move_to(date(2008, 12, 8))
    chain.capture("euro", "ALPHA", "BRAVO", by="ALPHA")
    chain.capture("dollar", "ALPHA", "BRAVO", by="ALPHA", security="DOLLAR", currency="USD")
    chain.match()
    day = date(2009, 1, 6)
    assert cancel_aged_trades(at=at_time(day, 18), business_date=day) == 1
    assert (chain.status("euro"), chain.status("dollar")) == ("NEW", "CANCELLED")


def allege(chain: Chain, at_minutes: int) -> int:
    return allege_trades(at=chain.at + timedelta(minutes=at_minutes), business_date=chain.day)


def test_an_unmatched_report_alleges_its_counterparty_within_the_hour(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA")
    chain.match()
    assert allege(chain, 29) == 0
    assert allege(chain, 30) == 1
    assert allege(chain, 31) == 0
    assert UnmatchedTrade.objects.get().alleged_at == chain.at + timedelta(minutes=30)


def test_what_matching_has_not_looked_at_alleges_nobody(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA")
    assert allege(chain, 60) == 0


@pytest.mark.parametrize(
    ("day", "hour", "minute", "at_once"),
    [
        (WEDNESDAY, 10, 59, False),  # the cut-off is 16:00, the last five hours begin at 11:00
        (WEDNESDAY, 11, 0, True),
        (WEDNESDAY, 15, 59, True),
        (WEDNESDAY, 17, 30, True),
        (date(2008, 9, 11), 8, 0, True),  # after the intended settlement date
        (date(2008, 9, 9), 15, 0, False),  # the last hours of another day
    ],
)
def test_in_the_last_five_hours_before_the_cut_off_it_alleges_at_once(
    chain: Chain, day: date, hour: int, minute: int, at_once: bool
) -> None:
    chain.move_to(day, hour, minute)
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA", trade_date=MONDAY.isoformat(), settlement_date="2008-09-10")
    chain.match()
    assert allege(chain, 0) == int(at_once)


def test_a_match_ends_the_allegement(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA")
    chain.match()
    allege(chain, 45)
    chain.capture("S", "ALPHA", "BRAVO", by="BRAVO")
    assert chain.match() == 1
    assert not UnmatchedTrade.objects.exists()
