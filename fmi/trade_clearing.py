"""How a trade is cleared: the novation, what its account's open portfolio nets to, and the margin that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from clearing.core.refusals import RiskRefused
from clearing.models import Novation, Obligation
from clearing.queries.positions import open_positions
from clearing.queries.what_if import margin_what_if
from clearing.refusals import NoMarginParameters
from clearing.services.novate_trades import novate_trades
from ledger.models import Account
from reference.api.fields import decimal_text
from reference.core.actor import Actor
from reference.core.directory import SecurityEntry
from reference.queries import business_clock, directory
from trades.core.lifecycle import Side, TradeStatus
from trades.models import Match, Trade
from trades.queries.life import match_of


@dataclass(frozen=True)
class NetPosition:
    """One security of the account's open portfolio; positive: it receives."""

    security: SecurityEntry
    quantity_units: int
    cash_minor: int
    digits: int

    @property
    def cash(self) -> str:
        """Write the cash as a decimal string."""
        return decimal_text(minor=self.cash_minor, digits=self.digits)


@dataclass(frozen=True)
class TradeClearing:
    """The clearing of one trade, as the side that asks sees it; amounts as decimal strings.

    margin_required: what the account's margin rises by because of this trade, None where the model refuses, and then
    why. settlement_amount: what the account receives (+) or pays (−) for the trade, or for all that it was netted into.
    """

    id: UUID
    trade_id: str
    clearing_id: str | None
    clearing_status: str
    account: str
    currency: str
    margin_required: str | None
    portfolio_margin: str | None
    margin_refused: str
    net_positions: list[NetPosition]
    settlement_amount: str
    settlement_date: date


def clear_trade(*, trade: Trade, at: datetime, business_date: date) -> None:
    """Make sure that a matched trade is novated, or obliges its parties gross; called twice it changes nothing."""
    if match_of(trade=trade) is not None and trade.status == TradeStatus.MATCHED:
        novate_trades(at=at, business_date=business_date)


def read_trade_clearing(*, trade: Trade, actor: Actor) -> TradeClearing:
    """Return how a trade is cleared, from the side of the participant that asks; for others, of the reporter."""
    match = match_of(trade=trade)
    is_buyer = _asks_for_buyer(trade=trade, actor=actor)
    named = match or trade
    account = Account.objects.get(pk=(named.buyer_account_id if is_buyer else named.seller_account_id) or 0)
    sign = 1 if is_buyer else -1
    novation = None if match is None else Novation.objects.filter(match_id=match.pk).first()
    obligation = _obligation(match=match, novation=novation, account=account)
    status = _status(trade=trade, match=match, novation=novation, obligation=obligation)
    source = directory()
    currency = source.currencies[trade.currency_id]
    amount = match.amount_minor if match is not None else trade.amount_minor
    required, total, refused = _margin(trade=trade, account=account, sign=sign, is_open=status in ("NOVATED", "NETTED"))
    positions = open_positions(
        business_date=business_clock().business_date, accounts=[account.pk]
    ).of_currency(currency.id)  # fmt: skip
    return TradeClearing(
        id=trade.public_id,
        trade_id=trade.trade_id,
        clearing_id=None if novation is None else str(novation.pk),
        clearing_status=status,
        account=account.code,
        currency=currency.code,
        margin_required=None if required is None else decimal_text(minor=required, digits=currency.digits),
        portfolio_margin=None if total is None else decimal_text(minor=total, digits=currency.digits),
        margin_refused=refused,
        net_positions=[
            NetPosition(source.securities[security], quantity, cash, currency.digits)
            for security, quantity, cash in zip(
                positions.security.tolist(), positions.quantity_units.tolist(), positions.cash_minor.tolist(),
                strict=True,
            )
        ],
        settlement_amount=decimal_text(
            minor=-sign * amount if obligation is None else obligation.cash_minor, digits=currency.digits
        ),
        settlement_date=trade.settlement_date if obligation is None else obligation.settlement_date,
    )  # fmt: skip


def _asks_for_buyer(*, trade: Trade, actor: Actor) -> bool:
    if actor.participant_id is not None and trade.side == Side.BOTH:
        return trade.buyer_id == actor.participant_id
    return trade.side != Side.SELL


def _obligation(*, match: Match | None, novation: Novation | None, account: Account) -> Obligation | None:
    """Return what the trade was netted into on the account's side, if it was."""
    if match is None or novation is None or novation.netting_run_id is None:
        return None
    return Obligation.objects.filter(
        netting_run_id=novation.netting_run_id, account=account, security_id=match.security_id,
        currency_id=match.currency_id,
    ).first()  # fmt: skip


def _status(*, trade: Trade, match: Match | None, novation: Novation | None, obligation: Obligation | None) -> str:
    """Return where the trade stands in clearing."""
    if trade.status == TradeStatus.CANCELLED or (novation is not None and novation.cancelled_at is not None):
        return "CANCELLED"
    if match is None:
        return "UNMATCHED"
    if novation is None:
        return "WAITING" if match.cleared else "NOT_CLEARED"
    if obligation is None:
        return "NOVATED"
    if obligation.carried_at is not None:
        return "CARRIED"
    return "NETTED" if obligation.discharged_at is None else "SETTLED"


def _margin(*, trade: Trade, account: Account, sign: int, is_open: bool) -> tuple[int | None, int | None, str]:
    """Return the margin increment of the trade and the margin of the portfolio with it, or why there is none."""
    if not is_open:
        return 0, None, ""
    try:
        # The trade is in the open portfolio already: the answer to taking it out, turned round.
        answer = margin_what_if(
            account=account,
            added={trade.security_id: -sign * trade.quantity_units},
            business_date=business_clock().business_date,
        )
    except (RiskRefused, NoMarginParameters) as refusal:
        return None, None, refusal.message
    segment = answer.segments[0]
    return -segment.increment.requirement, segment.before.requirement, ""
