"""Move orders along their life, in sets. The database refuses a step the life does not hold."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection

from trades.core.order_lifecycle import OrderStatus

ENDS = (OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.SETTLED)
EXECUTED = (OrderStatus.FILLED, OrderStatus.CLEARING, OrderStatus.CLEARED, OrderStatus.SETTLING)

# What an order holds of its client's credit after a step to %(status)s: what ended holds nothing, what trades no more
# the price of what it bought, and what is open all that it might still cost.
RESERVED_AFTER = f"""
    CASE WHEN %(status)s IN ({", ".join(f"'{end}'" for end in ENDS)}) THEN 0
         WHEN %(status)s IN ({", ".join(f"'{end}'" for end in EXECUTED)})
         THEN LEAST(o.reserved_minor, ceil(o.filled_minor * o.credit_rate)::bigint)
         ELSE o.reserved_minor END
"""
STEP_SQL = f"""
    WITH moved AS (
        UPDATE trades_order o SET status = %(status)s, reserved_minor = {RESERVED_AFTER}
        FROM (SELECT id FROM trades_order WHERE id = ANY(%(orders)s) ORDER BY id FOR NO KEY UPDATE) locked
        WHERE o.id = locked.id
        RETURNING o.id
    )
    INSERT INTO trades_orderstep (order_id, status, at, note, actor)
    SELECT id, %(status)s, %(at)s, %(note)s, %(actor)s FROM moved ORDER BY id
"""
LOCK_CREDIT_SQL = """
    SELECT FROM trades_credituse
    WHERE client_id IN (SELECT client_id FROM trades_order WHERE id = ANY(%s)) ORDER BY client_id FOR NO KEY UPDATE
"""


def lock_credit(*, order_ids: Collection[int]) -> None:
    """Lock what the orders' clients use of their credit, in the order of the clients.

    Before several steps in one transaction: each locks the clients of its own orders in order, and together they
    would not, so that they and a set of new orders could wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK_CREDIT_SQL, [list(order_ids)])


def step_orders(
    *, order_ids: Collection[int], status: OrderStatus, at: datetime, note: str = "", actor: str = ""
) -> int:
    """Move orders to a status and write the step of each; return how many.

    A step to the status an order has already is written too: a replacement. Frees what the order holds of its
    client's credit when it ends, and what its rest held when it trades no more.
    Raises IntegrityError (trades_order_legal_step) where one may not go there.
    """
    if not order_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            STEP_SQL,
            {"orders": sorted(order_ids), "status": str(status), "at": at, "note": note, "actor": actor},
        )
        return int(cursor.rowcount)
