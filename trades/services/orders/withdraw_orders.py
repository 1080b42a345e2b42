"""Take back what is left of orders, by their client's wish or because their time is over: the venue first, then us."""

from collections.abc import Collection
from datetime import date, datetime

from django.db import connection, transaction

from events.services.audit import record_actions
from reference.core.actor import Actor
from reference.stored_answers import Asked
from trades.core.order_lifecycle import OrderStatus
from trades.core.slice_lifecycle import WishKind
from trades.models import Order
from trades.refusals.orders import UnknownOrder
from trades.refusals.routing import OrderAlreadyFilled, OrderNotOpen
from trades.services.orders.asked_before import told, was_asked
from trades.services.orders.carry_out_wishes import carry_out_wishes
from trades.services.orders.record_fills import record_fills
from trades.services.orders.routing_lock import routing_lock

KINDS = {OrderStatus.CANCELLED: WishKind.CANCEL, OrderStatus.EXPIRED: WishKind.EXPIRE}
ACTIONS = {OrderStatus.CANCELLED: "order.cancelled", OrderStatus.EXPIRED: "order.expired"}

WISH_SQL = """
    INSERT INTO trades_orderwish (order_id, kind, actor, note, wished_at)
    SELECT o.id, %(kind)s, %(actor)s, %(note)s, %(at)s FROM (
        SELECT id FROM trades_order
        WHERE id = ANY(%(orders)s) AND status IN ('VALIDATED', 'ROUTING', 'PARTIALLY_FILLED') ORDER BY id FOR UPDATE
    ) o
    ON CONFLICT (order_id) DO UPDATE SET kind = excluded.kind, quantity_units = NULL, limit_price = NULL,
        actor = excluded.actor, note = excluded.note, wished_at = excluded.wished_at
    RETURNING order_id, (SELECT client_order_id FROM trades_order WHERE id = order_id)
"""


def cancel_orders(
    *,
    order_ids: Collection[int],
    end: OrderStatus,
    at: datetime,
    business_date: date,
    actor: Actor,
    note: str = "",
    asked: Asked | None = None,
) -> dict[int, OrderStatus]:
    """End what is left of orders as CANCELLED or EXPIRED; return the status of each that there is.

    The wish is written before the venues are asked. Whoever dies in between leaves it, and the router carries it
    out. What a venue fills before our cancel comes there is filled: such an order is FILLED, or goes on to CLEARING
    with the part it has. Orders that are not open are left. Raises RuntimeError inside a transaction.
    """
    with routing_lock():
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    WISH_SQL,
                    {"orders": list(order_ids), "kind": KINDS[end], "actor": actor.name, "note": note, "at": at},
                )
                wished = sorted(cursor.fetchall())
            if wished:
                record_actions(
                    actor=actor,
                    action=ACTIONS[end],
                    at=at,
                    business_date=business_date,
                    object_type="order",
                    objects=[
                        (order_id, f"{code}: {note or end.lower()}", told(asked=asked)) for order_id, code in wished
                    ],
                )
        if wished:
            carry_out_wishes(at=at, business_date=business_date)
    found = Order.objects.filter(pk__in=order_ids).values_list("pk", "status")
    return {pk: OrderStatus(status) for pk, status in found}


def cancel_order(
    *, order_id: int, at: datetime, business_date: date, actor: Actor, note: str = "", asked: Asked | None = None
) -> OrderStatus:
    """Cancel what is left of one order; return its status: CANCELLED, or CLEARING with what it had filled.

    asked: the request; one that was carried out before it was answered is answered as if it had been.
    Raises UnknownOrder, OrderAlreadyFilled, OrderNotOpen; the second also where a venue filled it just before.
    """
    # What has been executed and not recorded yet is filled already.
    record_fills(at=at, business_date=business_date)
    if asked is not None and was_asked(order_id=order_id, action=ACTIONS[OrderStatus.CANCELLED], asked=asked):
        return _cancelled_before(order_id=order_id, at=at, business_date=business_date)
    refuse_ended(order_id=order_id)
    after = cancel_orders(
        order_ids=[order_id], end=OrderStatus.CANCELLED, at=at, business_date=business_date, actor=actor, note=note,
        asked=asked,
    )[order_id]  # fmt: skip
    if after == OrderStatus.FILLED:
        raise OrderAlreadyFilled("The venue filled the order before it could be cancelled.")
    return after


def _cancelled_before(*, order_id: int, at: datetime, business_date: date) -> OrderStatus:
    """Return the status of an order whose end was wished already. Raises OrderAlreadyFilled, OrderNotOpen."""
    with routing_lock():
        carry_out_wishes(at=at, business_date=business_date)
    order = Order.objects.get(pk=order_id)
    if order.status == OrderStatus.EXPIRED or order.filled_units == order.quantity_units:
        refuse_ended(order_id=order_id)
    return OrderStatus(order.status)


def refuse_ended(*, order_id: int) -> Order:
    """Return an order that is open. Raises UnknownOrder, OrderAlreadyFilled, OrderNotOpen."""
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise UnknownOrder
    if order.filled_units == order.quantity_units:
        raise OrderAlreadyFilled
    if order.status not in (OrderStatus.VALIDATED, OrderStatus.ROUTING, OrderStatus.PARTIALLY_FILLED):
        raise OrderNotOpen(f"The order is {order.status}.")
    return order
