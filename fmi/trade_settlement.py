"""How a trade settles, across clearing and settlement: the one floor that knows both."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from clearing.models import Obligation
from clearing.queries import life as clearing_life
from clearing.services.instruct_settlement import instruct_settlement
from clearing.services.novate_trades import novate_trades
from events.services.audit import record_action
from reference.api.fields import decimal_text
from reference.core.actor import Actor
from reference.core.calendar import BUSINESS_ZONE
from reference.queries import business_clock, directory
from settlement.models import Instruction
from settlement.queries import life as settlement_life
from settlement.queries.status import participant_of, status_of
from trades.core.lifecycle import TradeStatus
from trades.models import Match, Trade
from trades.queries.life import get_trade, match_of
from trades.queries.visible import trades_visible_to
from trades.refusals.reports import UnknownTrade

UNMATCHED, UNINSTRUCTED = "UNMATCHED", "UNINSTRUCTED"
# Of several instructions the one that is least far along speaks for the trade.
LEAST_FAR_FIRST = ("CANC", "USET", "PSET", "SETT")


@dataclass(frozen=True)
class TradeSettlement:
    """The settlement of one trade, as its own party or the operator sees it."""

    id: UUID
    trade_id: str
    trade_status: str
    settlement_id: UUID | None
    settlement_status: str
    pending_status: str
    reason_codes: list[str]
    settlement_date: date
    final_amount: str
    currency: str
    netted: bool
    instructions: list[UUID]


def find_trade(*, actor: Actor, trade_id: str) -> Trade:
    """Return a trade by its id, or by its reporter's own reference where only one has it. Raises UnknownTrade."""
    try:
        return get_trade(actor=actor, public_id=UUID(trade_id))
    except ValueError:
        if "\x00" in trade_id:
            raise UnknownTrade from None
        found = list(trades_visible_to(actor=actor).filter(trade_id=trade_id).values_list("public_id", flat=True)[:2])
    if len(found) != 1:
        raise UnknownTrade
    return get_trade(actor=actor, public_id=found[0])


def instruct_trade(*, trade: Trade, actor: Actor, at: datetime, business_date: date) -> None:
    """Make sure that a matched trade is instructed where it is due to be: gross at once, cleared once netted.

    It drains what waits, this trade's obligation with it; called twice it changes nothing, and records nothing.
    """
    match = match_of(trade=trade)
    if match is None or trade.status in (TradeStatus.SETTLED, TradeStatus.CANCELLED):
        return
    with transaction.atomic():
        novated = novate_trades(at=at, business_date=business_date)
        instructed = instruct_settlement(at=at)
        if novated or instructed:
            record_action(
                actor=actor,
                action="trade.instructed",
                at=at,
                business_date=business_date,
                object_type="trade",
                object_id=trade.pk,
                summary=f"What waits, {trade.trade_id} with it: {novated} novated, {instructed} instructions",
                detail={"novated": novated, "instructed": instructed},
            )


def read_trade_settlement(*, trade: Trade, actor: Actor) -> TradeSettlement:
    """Return how a trade settles. A participant sees its own side of what the trade was netted into."""
    match = match_of(trade=trade)
    obligations: list[Obligation] = []
    instructions: list[Instruction] = []
    if match is not None:
        obligations = clearing_life.life_of(match=match, actor=actor).obligations
        instructions = settlement_life.instructions_of(obligation_ids=[row.pk for row in obligations])
    today = business_clock().business_date
    statuses = {
        row.pk: status_of(instruction=row, business_date=today, participant_id=participant_of(actor=actor))
        for row in instructions
    }
    ranked = sorted(instructions, key=lambda row: (LEAST_FAR_FIRST.index(statuses[row.pk].settlement), row.pk))
    first = ranked[0] if ranked else None
    status = _status_without_instruction(trade=trade, match=match, obligations=obligations)
    pending, reasons = "", list[str]()
    if first is not None:
        found = statuses[first.pk]
        status, pending, reasons = found.settlement, found.pending, list(found.reasons)
    source = directory().currencies[trade.currency_id]
    return TradeSettlement(
        id=trade.public_id,
        trade_id=trade.trade_id,
        trade_status=Trade.objects.values_list("status", flat=True).get(pk=trade.pk),
        settlement_id=first.public_id if first is not None else None,
        settlement_status=status,
        pending_status=pending,
        reason_codes=reasons,
        settlement_date=_date_of(trade=trade, obligations=obligations, instructions=ranked),
        final_amount=decimal_text(
            minor=match.amount_minor if match is not None else trade.amount_minor, digits=source.digits
        ),
        currency=source.code,
        netted=any(row.netting_run_id is not None for row in obligations),
        instructions=[row.public_id for row in ranked],
    )


def _status_without_instruction(*, trade: Trade, match: Match | None, obligations: list[Obligation]) -> str:
    """Return where a trade stands that no instruction settles: not there yet, cancelled, or netted away."""
    if trade.status == TradeStatus.CANCELLED:
        return "CANC"
    if match is None:
        return UNMATCHED
    if obligations and all(row.discharged_at is not None for row in obligations):
        return "SETT"
    return UNINSTRUCTED


def _date_of(*, trade: Trade, obligations: list[Obligation], instructions: list[Instruction]) -> date:
    """Return the date on which all of it settled, or was discharged; until then the one on which it is to."""
    if instructions and all(row.settled_at is not None for row in instructions):
        return max(row.cycle.business_date for row in instructions if row.cycle is not None)
    discharged = [row.discharged_at for row in obligations if row.discharged_at is not None]
    if not instructions and obligations and len(discharged) == len(obligations):
        return max(discharged).astimezone(BUSINESS_ZONE).date()
    return trade.settlement_date
