"""Give an order another quantity, another limit, or both: the venue first, then us."""

from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from events.services.audit import record_action
from reference.core.actor import Actor
from reference.stored_answers import Asked
from trades.core.order_lifecycle import OrderStatus
from trades.core.order_ticket import OrderType
from trades.core.slice_lifecycle import WishKind
from trades.models import Order, OrderWish
from trades.refusals.routing import LimitOfMarketOrder, ReplacedBelowFilled
from trades.services.orders.asked_before import told, was_asked
from trades.services.orders.carry_out_wishes import carry_out_wishes
from trades.services.orders.limits import recheck_limits
from trades.services.orders.record_fills import record_fills
from trades.services.orders.routing_lock import routing_lock
from trades.services.orders.withdraw_orders import refuse_ended

ACTION = "order.replaced"


def replace_order(
    *,
    order_id: int,
    quantity_units: int | None,
    limit_price: Decimal | None,
    at: datetime,
    business_date: date,
    actor: Actor,
    asked: Asked | None = None,
) -> OrderStatus:
    """Replace an order's quantity and limit; return its status then.

    quantity_units: the whole new quantity, with what is filled (FIX tag 38). What is None stays as it is when the
    replacement takes effect: no other changes the order in between, and one that was left half done is done first.
    The limits are checked and taken with the wish, before a venue is asked; whoever dies in between leaves the wish,
    and the router carries it out. What a venue fills before it knows of the new quantity is filled: the order is
    then for that much. asked: the request; one that was carried out before it was answered changes nothing again,
    whatever the order has become since. Raises UnknownOrder, OrderAlreadyFilled, OrderNotOpen, ReplacedBelowFilled,
    LimitOfMarketOrder, the refusals of recheck_limits; RuntimeError inside a transaction.
    """
    with routing_lock():
        carry_out_wishes(at=at, business_date=business_date)
        record_fills(at=at, business_date=business_date)
        with transaction.atomic():
            found = Order.objects.select_for_update().filter(pk=order_id).first()
            if found is not None and asked is not None and was_asked(order_id=order_id, action=ACTION, asked=asked):
                return OrderStatus(found.status)
            order = refuse_ended(order_id=order_id)
            if quantity_units is None:
                quantity_units = order.quantity_units
            if quantity_units <= order.filled_units:
                raise ReplacedBelowFilled(
                    f"{order.filled_units} units are filled already.", pointer="/quantity", filled=order.filled_units
                )
            if limit_price is not None and order.order_type == OrderType.MARKET:
                raise LimitOfMarketOrder(pointer="/limit_price")
            recheck_limits(
                order_id=order_id, quantity_units=quantity_units, limit_price=limit_price, at=at,
                business_date=business_date, actor=actor,
            )  # fmt: skip
            wish = {
                "kind": WishKind.REPLACE, "quantity_units": quantity_units, "limit_price": limit_price,
                "actor": actor.name, "note": "", "wished_at": at,
            }  # fmt: skip
            OrderWish.objects.update_or_create(order_id=order_id, defaults=wish)
            record_action(
                actor=actor, action=ACTION, at=at, business_date=business_date, object_type="order",
                object_id=order_id, summary=f"{order.client_order_id}: {quantity_units:,} units",
                detail={"quantity": quantity_units, "limit": None if limit_price is None else str(limit_price)}
                | told(asked=asked),
            )  # fmt: skip
        carry_out_wishes(at=at, business_date=business_date)
    return OrderStatus(Order.objects.values_list("status", flat=True).get(pk=order_id))
