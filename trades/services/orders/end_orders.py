"""End what is left of orders: none of their slices is open at a venue any more."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection

from events.services.outbox import record_fact
from trades.contracts import OrdersEnded
from trades.core.order_lifecycle import OrderStatus, follow_end
from trades.services.orders.step_orders import step_orders

LOCK_SQL = """
    SELECT id, filled_units FROM trades_order
    WHERE id = ANY(%s) AND status IN ('VALIDATED', 'ROUTING', 'PARTIALLY_FILLED') ORDER BY id FOR UPDATE
"""
REFUSED_SQL = "UPDATE trades_order SET refusal_code = %s, refusal = %s WHERE id = ANY(%s)"


def end_orders(
    *, order_ids: Collection[int], end: OrderStatus, code: str, note: str, at: datetime, actor: str = ""
) -> int:
    """End the rest of orders by CANCELLED, EXPIRED or REJECTED; return how many. Those not open are left.

    What was filled goes on to clear (follow_end). Its trades may be far beyond that and move no more, so who follows
    them is told. code, note: why, by its stable code and in words.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK_SQL, [list(order_ids)])
        rows = cursor.fetchall()
        ends: dict[OrderStatus, list[int]] = {}
        for order_id, filled_units in rows:
            ends.setdefault(follow_end(filled_units=filled_units, end=end), []).append(order_id)
        if rejected := ends.get(OrderStatus.REJECTED):
            cursor.execute(REFUSED_SQL, [code, note, rejected])
        if going_on := ends.get(OrderStatus.CLEARING):
            record_fact(fact=OrdersEnded(count=len(going_on)))
    for status, ended in ends.items():
        step_orders(order_ids=ended, status=status, at=at, note=note, actor=actor)
    return len(rows)
