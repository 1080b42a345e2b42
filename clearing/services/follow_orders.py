"""Move executed orders along with the trades their fills became: cleared, at the CSD, settled, withdrawn.

What of a purchase is paid for, or will never be, holds its client's credit no more, whatever becomes of its rest.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from reference.locks import take_lock
from trades.core.order_lifecycle import AFTER_EXECUTION, OrderStatus, steps_between
from trades.services.orders.limits import shrink_reservations
from trades.services.orders.step_orders import ENDS, lock_credit, step_orders

FOLLOWING_LOCK: Final = "follow orders"
CLEARING_STATUSES: Final = (OrderStatus.FILLED, OrderStatus.CLEARING)
SETTLING_STATUSES: Final = (OrderStatus.CLEARED, OrderStatus.SETTLING)

# trades/core/order_lifecycle.py:follow_trades in SQL, for a set of orders; a test compares the two. A trade is at the
# CSD where the obligation it went into, on the order's side, is instructed, or was discharged without moving anything.
DUE_SQL = """
    WITH netted AS MATERIALIZED (
        SELECT max(settlement_date) AS until FROM clearing_nettingrun
    ), fill AS MATERIALIZED (
        SELECT o.id, o.status AS standing, o.reserved_minor, o.credit_rate, f.amount_minor,
            t.status, t.status = 'SETTLED' OR CASE
            WHEN t.status = 'CLEARED' AND t.settlement_date <= netted.until THEN EXISTS (
                SELECT FROM trades_match m
                JOIN clearing_novation n ON n.match_id = m.id AND n.netting_run_id IS NOT NULL
                JOIN clearing_obligation b ON b.netting_run_id = n.netting_run_id
                    AND b.account_id = CASE o.side WHEN 'BUY' THEN m.buyer_account_id ELSE m.seller_account_id END
                    AND b.security_id = m.security_id AND b.currency_id = m.currency_id
                WHERE m.buy_trade_id = t.id AND (b.discharged_at IS NOT NULL OR EXISTS (
                    SELECT FROM settlement_instruction i WHERE i.source = 'OBLIGATION' AND i.source_id = b.id)))
            WHEN t.status = 'MATCHED' AND NOT t.cleared THEN EXISTS (
                SELECT FROM trades_match m
                JOIN clearing_obligation b ON b.match_id = m.id
                JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = b.id
                WHERE m.buy_trade_id = t.id)
            ELSE false END AS instructed
        FROM trades_order o
        JOIN trades_fill f ON f.order_id = o.id
        JOIN trades_trade t ON t.id = f.trade_id
        CROSS JOIN netted
        WHERE o.status = ANY(%s)
    )
    SELECT id, standing, target, reserved_minor > owed_minor FROM (
        SELECT id, standing, reserved_minor,
            ceil(credit_rate * coalesce(sum(amount_minor) FILTER (WHERE status NOT IN ('SETTLED', 'CANCELLED')), 0))
                AS owed_minor,
            CASE
            WHEN NOT bool_or(status <> 'CANCELLED') THEN 'CANCELLED'
            WHEN bool_and(status IN ('SETTLED', 'CANCELLED')) THEN 'SETTLED'
            WHEN bool_or(status = 'SETTLED') OR bool_and(status = 'CANCELLED' OR instructed) THEN 'SETTLING'
            WHEN bool_and(status IN ('CLEARED', 'CANCELLED')) THEN 'CLEARED'
            ELSE 'CLEARING' END AS target
        FROM fill GROUP BY id, standing, reserved_minor, credit_rate
    ) stood
    WHERE target <> standing OR reserved_minor > owed_minor
    ORDER BY id
"""
# Open orders some of which is paid for already: good till cancelled, and filled in part on an earlier day.
OPEN_SQL = """
    SELECT o.id FROM trades_order o
    WHERE o.status = 'PARTIALLY_FILLED' AND o.reserved_minor > 0 AND EXISTS (
        SELECT FROM trades_fill f JOIN trades_trade t ON t.id = f.trade_id
        WHERE f.order_id = o.id AND t.status IN ('SETTLED', 'CANCELLED'))
"""


def follow_orders(*, at: datetime, statuses: Sequence[OrderStatus] = CLEARING_STATUSES + SETTLING_STATUSES) -> int:
    """Move every executed order in these statuses to where its trades stand, step by step; return how many moved.

    Frees the credit held for what has settled or was withdrawn; with SETTLING also that of open orders. An order
    never goes back: one whose settlement is withdrawn stays where it is. Called twice, it finds nothing the second
    time.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=FOLLOWING_LOCK)
        cursor.execute(DUE_SQL, [[str(status) for status in statuses]])
        rows = cursor.fetchall()
        ways = {
            order: steps_between(before=OrderStatus(before), after=OrderStatus(after))
            for order, before, after, _ in rows
        }
        ended = {order for order, way in ways.items() if way and way[-1] in ENDS}
        freed = {order for order, _, _, frees in rows if frees} - ended
        if OrderStatus.SETTLING in statuses:
            cursor.execute(OPEN_SQL)
            freed.update(order for (order,) in cursor.fetchall())
        if ended or freed:
            lock_credit(order_ids=ended | freed)
        for status in (*AFTER_EXECUTION, OrderStatus.CANCELLED):
            moved = [order for order, way in ways.items() if status in way]
            if moved:
                step_orders(order_ids=moved, status=status, at=at)
        if freed:
            shrink_reservations(order_ids=freed)
    return sum(1 for way in ways.values() if way)
