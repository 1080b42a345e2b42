"""Blocks: one side of a trade, or all fills of an order on one trade date, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.db.models import Max, QuerySet

from reference.core.actor import Actor
from reference.queries import business_clock
from trades.core.allocation import Block
from trades.core.book.terms import OrderSide
from trades.core.lifecycle import Side, TradeStatus
from trades.core.order_lifecycle import OrderStatus
from trades.models import Allocation, Fill, Order, Trade
from trades.refusals.allocations import BlockGone, BlockNotCleared, BlockNotNamed, BlockNotYours, BlockOfAnOrder

NOT_DONE = (OrderStatus.RECEIVED, OrderStatus.VALIDATED, OrderStatus.ROUTING, OrderStatus.PARTIALLY_FILLED)

# Of `asked` (key, trade_id, order_id, side, trade_date): the matches each block consists of, a cancelled one excepted.
BLOCK_MATCHES = """
    SELECT k.key, m.id AS match_id, m.quantity_units, m.amount_minor, 0::bigint AS fee_minor, m.settlement_date
    FROM asked k JOIN trades_trade t ON t.id = k.trade_id AND t.status <> 'CANCELLED'
    JOIN trades_match m ON m.buy_trade_id = t.id WHERE k.side = 'BUY'
    UNION ALL
    SELECT k.key, m.id, m.quantity_units, m.amount_minor, 0::bigint, m.settlement_date
    FROM asked k JOIN trades_trade t ON t.id = k.trade_id AND t.status <> 'CANCELLED'
    JOIN trades_match m ON m.sell_trade_id = t.id WHERE k.side = 'SELL'
    UNION ALL
    SELECT k.key, m.id, f.quantity_units, f.amount_minor, f.fee_minor, m.settlement_date
    FROM asked k JOIN trades_fill f ON f.order_id = k.order_id
    JOIN trades_trade t ON t.id = f.trade_id AND t.status <> 'CANCELLED' AND t.trade_date = k.trade_date
    JOIN trades_match m ON m.buy_trade_id = t.id
"""

FIGURES_SQL = f"""
    WITH asked (key, trade_id, order_id, side, trade_date) AS (
        VALUES (0::bigint, %(trade)s::bigint, %(order)s::bigint, %(side)s::text, %(trade_date)s::date))
    SELECT coalesce(sum(quantity_units), 0)::bigint, coalesce(sum(amount_minor), 0)::bigint,
           coalesce(sum(fee_minor), 0)::bigint FROM ({BLOCK_MATCHES}) b
"""


@dataclass(frozen=True, slots=True)
class BlockTerms:
    """A block by what it is of. full_units: what it comes to when all of it has traded.

    is_done: whether no more of it can trade on its date.
    """

    trade: Trade | None
    order: Order | None
    side: OrderSide
    participant_id: int
    account_id: int
    security_id: int
    currency_id: int
    trade_date: date
    full_units: int
    is_done: bool


def find_block(
    *, actor: Actor, trade: Trade | None = None, order: Order | None = None, side: str = "",
    trade_date: date | None = None,
) -> BlockTerms:  # fmt: skip
    """Return the terms of a block that the actor may allocate, from a trade or an order it may see.

    side: of a trade that names both parties; a party's own, where left out. trade_date: of an order; where left out,
    its last fill's, or today. Raises BlockNotNamed, BlockNotYours, BlockNotCleared, BlockGone, BlockOfAnOrder.
    """
    if (trade is None) == (order is None):
        raise BlockNotNamed
    block = _of_order(order, trade_date) if order is not None else _of_trade(actor, trade, side)
    if actor.participant_id not in (None, block.participant_id):
        raise BlockNotYours
    return block


def read_figures(*, block: BlockTerms) -> Block:
    """Return what of a block has traded so far: units, amount and fees; zeros before its first match."""
    with connection.cursor() as cursor:
        cursor.execute(
            FIGURES_SQL,
            {
                "trade": block.trade.pk if block.trade else None, "order": block.order.pk if block.order else None,
                "side": block.side, "trade_date": block.trade_date,
            },
        )  # fmt: skip
        return Block(*cursor.fetchone())


def allocations_visible_to(*, actor: Actor) -> QuerySet[Allocation]:
    """Return the allocations an actor sees: those of its own blocks, or all."""
    rows = Allocation.objects.select_related("participant", "account", "trade", "order", "security", "currency")
    return rows if actor.participant_id is None else rows.filter(participant_id=actor.participant_id)


def _of_trade(actor: Actor, trade: Trade | None, side: str) -> BlockTerms:
    assert trade is not None
    if trade.side != Side.BOTH:
        if side and side != trade.side:
            raise BlockNotYours
        found = OrderSide(trade.side)
    elif side:
        found = OrderSide(side)
    elif actor.participant_id in (trade.buyer_id, trade.seller_id):
        found = OrderSide.BUY if actor.participant_id == trade.buyer_id else OrderSide.SELL
    else:
        raise BlockNotNamed
    if not trade.cleared:
        raise BlockNotCleared
    if trade.status == TradeStatus.CANCELLED:
        raise BlockGone
    if Fill.objects.filter(trade=trade, order__side=found).exists():
        raise BlockOfAnOrder
    buys = found == OrderSide.BUY
    account = trade.buyer_account_id if buys else trade.seller_account_id
    assert account is not None
    return BlockTerms(
        trade=trade, order=None, side=found, participant_id=trade.buyer_id if buys else trade.seller_id,
        account_id=account, security_id=trade.security_id, currency_id=trade.currency_id, trade_date=trade.trade_date,
        full_units=trade.quantity_units, is_done=True,
    )  # fmt: skip


def _of_order(order: Order, trade_date: date | None) -> BlockTerms:
    fills = Fill.objects.filter(order=order).exclude(trade__status=TradeStatus.CANCELLED)
    today = business_clock().business_date
    last = fills.aggregate(last=Max("trade__trade_date"))["last"]
    working = order.status in NOT_DONE
    day = trade_date or last or today
    if last is None and not working:
        raise BlockGone
    return BlockTerms(
        trade=None, order=order, side=OrderSide(order.side), participant_id=order.broker_id,
        account_id=order.account_id, security_id=order.security_id, currency_id=order.currency_id, trade_date=day,
        full_units=order.quantity_units, is_done=not working or day < today,
    )  # fmt: skip
