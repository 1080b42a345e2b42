"""Move executed orders along with the trades their fills became: cleared, at the CSD, settled, withdrawn."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from reference.locks import take_lock
from trades.core.order_lifecycle import AFTER_EXECUTION, OrderStatus, steps_between
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
        SELECT o.id, o.status AS standing, t.status, t.status = 'SETTLED' OR CASE
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
    SELECT id, standing, target FROM (
        SELECT id, standing, CASE
            WHEN NOT bool_or(status <> 'CANCELLED') THEN 'CANCELLED'
            WHEN bool_and(status IN ('SETTLED', 'CANCELLED')) THEN 'SETTLED'
            WHEN bool_or(status = 'SETTLED') OR bool_and(status = 'CANCELLED' OR instructed) THEN 'SETTLING'
            WHEN bool_and(status IN ('CLEARED', 'CANCELLED')) THEN 'CLEARED'
            ELSE 'CLEARING' END AS target
        FROM fill GROUP BY id, standing
    ) stood
    WHERE target <> standing
    ORDER BY id
"""


def follow_orders(*, at: datetime, statuses: Sequence[OrderStatus] = CLEARING_STATUSES + SETTLING_STATUSES) -> int:
    """Move every executed order in these statuses to where its trades stand, step by step; return how many moved.

    An order never goes back: one whose settlement is withdrawn stays where it is. Called twice, it finds nothing the
    second time.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=FOLLOWING_LOCK)
        cursor.execute(DUE_SQL, [[str(status) for status in statuses]])
        ways = {
            order: steps_between(before=OrderStatus(before), after=OrderStatus(after))
            for order, before, after in cursor.fetchall()
        }
        ended = [order for order, way in ways.items() if way and way[-1] in ENDS]
        if ended:
            lock_credit(order_ids=ended)
        for status in (*AFTER_EXECUTION, OrderStatus.CANCELLED):
            moved = [order for order, way in ways.items() if status in way]
            if moved:
                step_orders(order_ids=moved, status=status, at=at)
    return sum(1 for way in ways.values() if way)
