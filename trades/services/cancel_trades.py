"""Cancellation: one-sided before the match, two-sided after; and by age."""

from collections.abc import Sequence
from datetime import date, datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from events.services.audit import record_action, record_actions
from events.services.outbox import record_fact
from events.services.shares import share_out
from reference.core.actor import SYSTEM, Actor
from reference.core.calendar import add_business_days
from reference.locks import take_lock
from reference.queries import directory
from trades.contracts import TradesCancelled
from trades.core.lifecycle import TradeStatus
from trades.models import CancellationRequest, Match, Trade, UnmatchedTrade
from trades.refusals.reports import TradeNotCancellable, UnknownTrade
from trades.services.advance_trades import advance_trades
from trades.services.match_trades import POOL_LOCK

UNMATCHED_BUSINESS_DAYS = 20


def cancel_trade(*, trade_pk: int, reason: str, actor: Actor, at: datetime, business_date: date) -> str:
    """Cancel a report, or ask for the cancellation of a matched trade. Return CANCELLED or REQUESTED.

    Before the match the reporter cancels alone. After it both parties must ask (T2S: cancellation of a
    matched instruction is bilateral); an operator's word counts for both. What clearing or settlement
    has taken too far is refused by the hooks in settings.TRADE_CANCELLATION_HOOKS.

    Raises UnknownTrade, TradeNotCancellable.
    """
    with transaction.atomic():
        take_lock(name=POOL_LOCK)
        # No row lock: the hooks take locks of their own, whose holders move trades.
        trade = Trade.objects.filter(pk=trade_pk).first()
        if trade is None or not may_touch(trade=trade, actor=actor):
            raise UnknownTrade
        if trade.status in (TradeStatus.SETTLED, TradeStatus.CANCELLED):
            raise TradeNotCancellable(f"The trade is {trade.status} already.")
        if trade.status == TradeStatus.NEW:
            if actor.participant_id not in (None, trade.reporter_id):
                raise UnknownTrade
            _cancel_new(trades=[trade.pk])
            outcome = "CANCELLED"
        else:
            outcome = _cancel_matched(trade=trade, reason=reason, actor=actor, at=at, business_date=business_date)
        record_action(
            actor=actor,
            action="trade.cancelled" if outcome == "CANCELLED" else "trade.cancellation-requested",
            at=at,
            business_date=business_date,
            object_type="trade",
            object_id=trade.pk,
            summary=f"{trade.trade_id}: {reason or 'no reason given'}",
            detail={"before": trade.status, "after": "CANCELLED" if outcome == "CANCELLED" else trade.status},
        )
    return outcome


def may_touch(*, trade: Trade, actor: Actor) -> bool:
    """Tell whether the trade is one of the actor's own. A report is seen by the other side only once matched."""
    if actor.participant_id is None:
        return True
    if trade.reporter_id == actor.participant_id:
        return True
    return trade.side == "BOTH" and actor.participant_id in (trade.buyer_id, trade.seller_id)


def _cancel_new(*, trades: Sequence[int]) -> None:
    """Take unmatched reports out of the pool and cancel them."""
    UnmatchedTrade.objects.filter(near_miss_id__in=trades).update(near_miss=None, difference="", checked=False)
    UnmatchedTrade.objects.filter(trade_id__in=trades).delete()
    Trade.objects.filter(pk__in=trades).update(status=TradeStatus.CANCELLED)
    _announce(trades=trades, count=len(trades))


def _announce(*, trades: Sequence[int], count: int) -> None:
    """Record the fact; each reporter reads which of its own reports are gone."""
    reports = Trade.objects.filter(pk__in=trades).order_by("pk").values_list("reporter_id", "public_id")
    record_fact(fact=TradesCancelled(count=count), shares=share_out(things=reports))


def _cancel_matched(*, trade: Trade, reason: str, actor: Actor, at: datetime, business_date: date) -> str:
    """Note this party's wish; when both have asked, withdraw the trade from the floors above and cancel it."""
    match = Match.objects.filter(buy_trade=trade).first() or Match.objects.get(sell_trade=trade)
    parties = {trade.buyer_id, trade.seller_id}
    asking = parties if actor.participant_id is None else {actor.participant_id}
    CancellationRequest.objects.bulk_create(
        [
            CancellationRequest(
                match=match, participant_id=party, reason=reason, requested_at=at, business_date=business_date
            )
            for party in sorted(asking)
        ],
        ignore_conflicts=True,
    )
    asked = set(CancellationRequest.objects.filter(match=match).values_list("participant_id", flat=True))
    if asked != parties:
        return "REQUESTED"
    for path in settings.TRADE_CANCELLATION_HOOKS:
        import_string(path)(match_id=match.pk, at=at, business_date=business_date)
    advance_trades(matches_sql=f"SELECT {match.pk} AS id", status=TradeStatus.CANCELLED)
    _announce(trades=[match.buy_trade_id, match.sell_trade_id], count=1)
    return "CANCELLED"


def cancel_aged_trades(*, at: datetime, business_date: date) -> int:
    """Cancel reports unmatched for 20 business days of their currency's calendar (T2S); return how many."""
    with transaction.atomic():
        take_lock(name=POOL_LOCK)
        aged: list[tuple[int, str]] = []
        for currency in directory().currencies.values():
            oldest = add_business_days(
                day=business_date, count=-UNMATCHED_BUSINESS_DAYS, calendar=currency.calendar.business_days
            )
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT t.id, t.trade_id FROM trades_unmatchedtrade u JOIN trades_trade t ON t.id = u.trade_id"
                    " WHERE t.currency_id = %s AND t.business_date <= %s ORDER BY t.id",
                    [currency.id, oldest],
                )
                aged += cursor.fetchall()
        if aged:
            _cancel_new(trades=[pk for pk, _ in aged])
            record_actions(
                actor=SYSTEM,
                action="trade.cancelled",
                at=at,
                business_date=business_date,
                object_type="trade",
                objects=[
                    (
                        pk,
                        f"{trade_id}: unmatched for {UNMATCHED_BUSINESS_DAYS} business days",
                        {"before": "NEW", "after": "CANCELLED"},
                    )
                    for pk, trade_id in aged
                ],
            )
    return len(aged)
