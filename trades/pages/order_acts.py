"""What is done to an order from its page: taken back, or given other terms."""

from decimal import Decimal, InvalidOperation
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from reference.answering import act_and_return, acting_actor_of
from reference.core.limits import LARGEST_AMOUNT
from reference.queries import business_clock
from trades.core.order_lifecycle import OrderStatus
from trades.queries.orders import get_order
from trades.refusals.orders import MalformedOrder
from trades.services.orders.replace_order import replace_order
from trades.services.orders.withdraw_orders import cancel_order


@require_POST
def cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take back what is left of an order at the venues."""
    actor, reading = acting_actor_of(request), business_clock()
    order = get_order(actor=actor, public_id=public_id)

    def act() -> str:
        after = cancel_order(
            order_id=order.pk, at=reading.at, business_date=reading.business_date, actor=actor,
            note=request.POST.get("note", "").strip()[:200],
        )  # fmt: skip
        if after == OrderStatus.CANCELLED:
            return "The order is cancelled."
        return "The rest of the order is cancelled; what was filled goes on to clear and settle."

    return act_and_return(request, act=act, back=reverse("order", args=[public_id]))


@require_POST
def replace(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Give an order another quantity or limit."""
    actor, reading = acting_actor_of(request), business_clock()
    order = get_order(actor=actor, public_id=public_id)

    def act() -> str:
        quantity, limit = read_terms(request)
        replace_order(
            order_id=order.pk, quantity_units=quantity, limit_price=limit, at=reading.at,
            business_date=reading.business_date, actor=actor,
        )  # fmt: skip
        return "The order has its new terms."

    return act_and_return(request, act=act, back=reverse("order", args=[public_id]))


def read_terms(request: HttpRequest) -> tuple[int | None, Decimal | None]:
    """Return the quantity and the limit of a form; None for one that was left as the form showed it: it stays.

    Raises MalformedOrder.
    """
    quantity, limit = _changed(request, "quantity"), _changed(request, "limit_price")
    if quantity is None and limit is None:
        raise MalformedOrder("Neither the quantity nor the limit was changed.")
    if quantity is not None and not (
        quantity.isascii() and quantity.isdigit() and len(quantity) <= 20 and 0 < int(quantity) <= LARGEST_AMOUNT
    ):
        raise MalformedOrder("The quantity is a whole number above zero.")
    try:
        price = None if limit is None else Decimal(limit)
    except InvalidOperation:
        raise MalformedOrder("The limit is a decimal number.") from None
    if price is not None and not (price.is_finite() and price > 0):
        raise MalformedOrder("The limit is above zero.")
    return None if quantity is None else int(quantity), price


def _changed(request: HttpRequest, name: str) -> str | None:
    """Return a field of the form; None where it is empty or as the form showed it."""
    text = request.POST.get(name, "").strip()
    return None if text in ("", request.POST.get(f"shown_{name}")) else text
