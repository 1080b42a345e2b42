"""What an execution at a venue is on our side: one locked-in trade, and a fill for each client order in it. Pure."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from trades.core.lifecycle import Side
from trades.core.report import PRICE_DIGITS, ResolvedReport, SecurityTerms
from trades.core.resolution import settlement_amount_minor
from trades.core.venue_fees import VenueFees, compute_fee_minor


class ExecutedSide(NamedTuple):
    """One side of an execution. The market maker has no order of ours: its order_id and slice_id are None."""

    participant_id: int
    account_id: int
    order_id: int | None = None
    slice_id: int | None = None
    quoted_price: Decimal | None = None


class Executed(NamedTuple):
    """An execution as the venue tells it. reporter_id: the venue's participant.

    fee_minor: what the venue says that it charges the taker; None: by its schedule of fees.
    """

    venue_id: int
    mic: str
    reporter_id: int
    fees: VenueFees
    execution_id: str
    at: datetime
    trade_date: date
    security_id: int
    price: Decimal
    quantity_units: int
    buyer: ExecutedSide
    seller: ExecutedSide
    buyer_is_maker: bool
    fee_minor: int | None = None


class ExecutedFill(NamedTuple):
    """One order's part of an execution."""

    order_id: int
    slice_id: int
    maker: bool
    fee_minor: int
    quoted_price: Decimal | None


def name_execution(*, mic: str, isin: str, number: int) -> str:
    """Return the reference of a book's execution: unique at the venue, in at most 35 letters.

    Its "#" stands in no reference that is reported (trades/core/report.py), so that nobody can take it before.
    """
    return f"{mic}-{isin}#{number}"


def resolve_execution(*, executed: Executed, terms: SecurityTerms, settlement_date: date) -> ResolvedReport:
    """Return the locked-in trade of an execution; its amount is that of a trade report (settlement_amount_minor).

    What is worth less than half a minor unit costs one: the trade is made, and an amount is never zero.
    """
    millionths = int(executed.price.scaleb(PRICE_DIGITS))
    amount_minor = settlement_amount_minor(
        quantity_units=executed.quantity_units, price_in_millionths=millionths, divisor=terms.amount_divisor
    )
    return ResolvedReport(
        trade_id=executed.execution_id,
        reporter_id=executed.reporter_id,
        side=Side.BOTH,
        buyer_id=executed.buyer.participant_id,
        seller_id=executed.seller.participant_id,
        buyer_account_id=executed.buyer.account_id,
        seller_account_id=executed.seller.account_id,
        security_id=executed.security_id,
        currency_id=terms.currency_id,
        quantity_units=executed.quantity_units,
        price=Decimal(millionths).scaleb(-PRICE_DIGITS),
        amount_minor=max(amount_minor, 1),
        trade_date=executed.trade_date,
        settlement_date=settlement_date,
        cleared=True,
        transaction_type="",
        trading_venue=executed.mic,
    )


def fills_of(*, executed: Executed, amount_minor: int) -> Iterator[ExecutedFill]:
    """Give the fill of each client order in an execution, with its fee as maker or taker."""
    for side, maker in ((executed.buyer, executed.buyer_is_maker), (executed.seller, not executed.buyer_is_maker)):
        if side.order_id is None or side.slice_id is None:
            continue
        fee_minor = executed.fee_minor
        if fee_minor is None:
            fee_minor = compute_fee_minor(fees=executed.fees, amount_minor=amount_minor, maker=maker)
        yield ExecutedFill(side.order_id, side.slice_id, maker, fee_minor, side.quoted_price)
