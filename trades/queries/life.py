"""A trade's life as this app knows it: reported, alleged, matched, cancelled. Read from facts that stand already."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from django.db.models import Q

from events.core.life import LifeStep, Link
from events.queries.audit import actions_on
from reference.core.actor import Actor
from trades.core.lifecycle import Side, TradeStatus
from trades.models import CancellationRequest, Match, Trade, UnmatchedTrade
from trades.queries.visible import trades_visible_to
from trades.refusals.reports import UnknownTrade

SHOWN = (
    "reporter", "buyer", "seller", "security", "currency", "buyer_account", "seller_account", "submission",
)  # fmt: skip


def get_trade(*, actor: Actor, public_id: UUID | str) -> Trade:
    """Return one trade with all that it names. Raises UnknownTrade where there is none this actor may see."""
    found = trades_visible_to(actor=actor).select_related(*SHOWN).filter(public_id=public_id).first()
    if found is None:
        raise UnknownTrade
    return found


def match_of(*, trade: Trade) -> Match | None:
    """Return the match a report is in, with both reports and accounts."""
    return (
        Match.objects.filter(Q(buy_trade=trade) | Q(sell_trade=trade))
        .select_related(
            "buy_trade__reporter", "sell_trade__reporter", "buyer_account", "seller_account", "currency", "security"
        )
        .first()
    )


def other_report(*, trade: Trade, match: Match | None) -> Trade | None:
    """Return the other side's report of a match; None where one report speaks for both."""
    if match is None or match.buy_trade_id == match.sell_trade_id:
        return None
    return match.sell_trade if match.buy_trade_id == trade.pk else match.buy_trade


def life_of(*, trade: Trade, match: Match | None, actor: Actor) -> list[LifeStep]:
    """Return what happened to a report up to its match, and what its parties did about it since.

    Of the other side's report a participant learns the terms, not the reference or the login behind it.
    """
    steps = [_captured(trade)]
    waiting = UnmatchedTrade.objects.select_related("near_miss").filter(pk=trade.pk).first()
    if waiting is not None and waiting.alleged_at is not None:
        other = trade.seller if trade.side == Side.BUY else trade.buyer
        steps.append(
            LifeStep(
                at=waiting.alleged_at,
                title=f"Alleged to {other.code}",
                state="ALLEGED",
                why="The other side was told that a report names it and waits for its own.",
            )
        )
    if match is not None:
        steps.append(_matched(trade=trade, match=match, actor=actor))
        steps += _requests(match=match)
    return steps + _actions(trade=trade, match=match, actor=actor)


def _captured(trade: Trade) -> LifeStep:
    """Tell how the report came in."""
    locked_in = trade.side == Side.BOTH
    words = {Side.BUY: "buyer", Side.SELL: "seller"}
    title = (
        f"Locked in by {trade.reporter.code} for both sides"
        if locked_in
        else f"Reported by {trade.reporter.code}, the {words[Side(trade.side)]}"
    )
    submission = trade.submission
    why = f"One line of {submission.source}." if submission else "Reported by itself, through the API or by hand."
    return LifeStep(
        at=trade.received_at,
        recorded_at=trade.recorded_at,
        title=title,
        state=TradeStatus.NEW,
        after=TradeStatus.MATCHED if locked_in else TradeStatus.NEW,
        why=why,
        by=submission.submitted_by if submission else trade.reporter.code,
        details=(("Reference", trade.trade_id), ("Business date", trade.business_date.isoformat())),
        link=Link("submission", str(submission.public_id)) if submission else None,
    )


def _matched(*, trade: Trade, match: Match, actor: Actor) -> LifeStep:
    """Tell by which rule the two sides were paired, and in what they differed."""
    other = other_report(trade=trade, match=match)
    details = [("Rule", match.get_rule_display())]
    link = None
    if other is not None:
        details.append(("Other side", f"{other.reporter.code}, {other.side.lower()} report"))
        if actor.sees_all:
            details.append(("Its reference", other.trade_id))
            link = Link("trade", str(other.public_id))
        difference = abs(match.buy_trade.amount_minor - match.sell_trade.amount_minor)
        if difference:
            amount = Decimal(difference).scaleb(-match.currency.digits)
            details.append(("Cash difference", f"{amount:,} {match.currency.code}; the seller's amount settles"))
        details += [
            (f"{name}, both sides", f"{mine or 'blank'} / {theirs or 'blank'}")
            for name, mine, theirs in (
                ("Transaction type", trade.transaction_type, other.transaction_type),
                ("Trading venue", trade.trading_venue, other.trading_venue),
            )
            if mine != theirs
        ]
    return LifeStep(
        at=match.matched_at,
        recorded_at=match.recorded_at,
        title="Matched" if other is None else f"Matched with {other.reporter.code}",
        state=TradeStatus.MATCHED,
        before="" if other is None else TradeStatus.NEW,
        after=TradeStatus.MATCHED,
        why=f"{match.get_rule_display()}.",
        by="matching",
        details=tuple(details),
        link=link,
    )


def _requests(*, match: Match) -> list[LifeStep]:
    """Tell which party asked for the cancellation of a matched trade."""
    return [
        LifeStep(
            at=request.requested_at,
            title=f"{request.participant.code} asked to cancel",
            state="ALLEGED",
            why=request.reason or "No reason given.",
            by=request.participant.code,
        )
        for request in requests_of(match=match)
    ]


def requests_of(*, match: Match | None) -> Sequence[CancellationRequest]:
    """Return who has asked to cancel a match, in the order they asked."""
    if match is None:
        return []
    return list(match.cancellation_requests.select_related("participant").order_by("id"))


def _actions(*, trade: Trade, match: Match | None, actor: Actor) -> list[LifeStep]:
    """Tell what the audit log holds of cancellations, on this report or on the other side's."""
    ids = [trade.pk] if match is None else [match.buy_trade_id, match.sell_trade_id]
    steps = []
    for record in actions_on(object_type="trade", object_ids=ids):
        if record.action != "trade.cancelled":
            continue
        own = actor.sees_all or record.participant_id in (None, actor.participant_id)
        reason = record.summary.partition(": ")[2]
        steps.append(
            LifeStep(
                at=record.at,
                recorded_at=record.recorded_at,
                title="Cancelled",
                state=TradeStatus.CANCELLED,
                before=str(record.detail.get("before", "")),
                after=TradeStatus.CANCELLED,
                why=reason[:1].upper() + reason[1:] + "." if own and reason else "Cancelled by the other side.",
                by=record.actor if own else "the other side",
                details=(("Audit record", str(record.pk)),) if actor.sees_all else (),
            )
        )
    return steps
