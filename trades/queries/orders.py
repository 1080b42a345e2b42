"""Reads of orders: one with all that it names, how far it is, the views of the blotter."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from reference.core.actor import Actor
from trades.core.lifecycle import Side
from trades.core.order_lifecycle import OPEN_STATUSES, OrderStatus
from trades.models import Order, Trade
from trades.queries.visible import orders_visible_to
from trades.refusals.orders import UnknownOrder

SHOWN = ("client", "broker", "trader", "account", "security", "currency")
OPEN = sorted(OPEN_STATUSES)
PRICE_DIGITS = 4
BASIS_POINTS = 10_000


@dataclass(frozen=True)
class Executed:
    """How an order has fared so far.

    slippage_bp: of its average price against the middle of the quote when it came, in basis points; above zero is
    worse for the client. None where it has no fill, or no quote stood.
    """

    order: Order
    average_price: Decimal | None
    filled_percent: float
    slippage_bp: float | None


def get_order(*, actor: Actor, public_id: UUID | str) -> Order:
    """Return one order with all that it names. Raises UnknownOrder where there is none this actor may see."""
    found = orders_visible_to(actor=actor).select_related(*SHOWN).filter(public_id=public_id).first()
    if found is None:
        raise UnknownOrder
    return found


def orders_behind(*, trade: Trade, actor: Actor) -> list[Order]:
    """Return the orders that a venue's execution filled, those the actor may see; none for any other trade."""
    if trade.side != Side.BOTH:
        return []
    return list(orders_visible_to(actor=actor).select_related("client").filter(fills__trade=trade).order_by("pk"))


def describe_execution(*, order: Order) -> Executed:
    """Return an order with its average price and how much of it is filled; the order has its currency with it."""
    average = slippage = None
    if order.filled_units:
        average = Decimal(order.filled_minor).scaleb(-order.currency.digits) / order.filled_units
        if order.arrival_mid:
            worse = average - order.arrival_mid if order.side == "BUY" else order.arrival_mid - average
            slippage = float(worse / order.arrival_mid * BASIS_POINTS)
        average = round(average, PRICE_DIGITS)
    return Executed(order, average, 100 * order.filled_units / order.quantity_units, slippage)


def orders_in_view(*, rows: QuerySet[Order], view: str, business_date: date) -> QuerySet[Order]:
    """Return the orders of one view: `working`, open or of today; `open`; `today`; of it `rejected`; or `all`."""
    if view == "working":
        return rows.filter(Q(status__in=OPEN) | Q(business_date=business_date))
    if view == "open":
        return rows.filter(status__in=OPEN)
    if view == "today":
        return rows.filter(business_date=business_date)
    if view == "rejected":
        return rows.filter(business_date=business_date, status=OrderStatus.REJECTED)
    return rows


def split_open(*, rows: QuerySet[Order]) -> tuple[QuerySet[Order], QuerySet[Order]]:
    """Return those of some orders that are open, the newest first, and the others."""
    return rows.filter(status__in=OPEN).order_by("-pk"), rows.exclude(status__in=OPEN)


def count_orders(*, actor: Actor, business_date: date) -> dict[str, int]:
    """Count the views of the blotter that an index carries: all but the last, every order."""
    rows = orders_visible_to(actor=actor)
    today = rows.filter(business_date=business_date)
    still_open, received = rows.filter(status__in=OPEN).count(), today.count()
    return {
        "working": still_open + received - today.filter(status__in=OPEN).count(),
        "open": still_open,
        "today": received,
        "rejected": today.filter(status=OrderStatus.REJECTED).count(),
    }


def count_by_status(*, actor: Actor, business_date: date) -> dict[str, int]:
    """Count the orders received on a business date by where they stand."""
    rows = orders_visible_to(actor=actor).filter(business_date=business_date)
    return dict(rows.order_by().values_list("status").annotate(total=Count("id")))


def newest_orders(*, actor: Actor, count: int) -> list[Order]:
    """Return the newest orders, with what they name."""
    return list(orders_visible_to(actor=actor).select_related(*SHOWN).order_by("-pk")[:count])
