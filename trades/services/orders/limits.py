"""What a replacement takes of a client's limits: what it adds is checked, and reserved before a venue is asked.

Until the venues know of it an order may trade by its old terms, so it holds the greater of both reservations. What
it adds to neither use nor units is refused by no limit, however low the limit is by now: it could be cancelled whole.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from django.db import connection

from reference.core.actor import Actor
from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.order_checks import OrderSituation
from trades.core.order_ticket import (
    OrderTicket,
    OrderType,
    ResolvedTicket,
    convert_minor,
    reckon_notional_minor,
    resolve_ticket,
)
from trades.models import Order
from trades.refusals.orders import OrderRefused, ReplacementRejected, UnknownOrder
from trades.services.orders.order_situation import OPEN_LIST, PlacingContext, lock_clients, read_context
from trades.services.orders.place_orders import find_rejection, run_checks

RESERVE_SQL = "UPDATE trades_order SET reserved_minor = reserved_minor + %s WHERE id = %s"
COUNT_SQL = """
    INSERT INTO trades_dailyuse (client_id, business_date, ordered_minor, replaced_minor, limit_minor)
    SELECT id, %(business_date)s, 0, %(added_minor)s, daily_limit_minor FROM trades_client WHERE id = %(client_id)s
    ON CONFLICT (client_id, business_date) DO UPDATE
        SET replaced_minor = trades_dailyuse.replaced_minor + EXCLUDED.replaced_minor,
            limit_minor = EXCLUDED.limit_minor
"""
# What of an order's fills is paid for, or will never be.
DONE_MINOR = """(
    SELECT coalesce(sum(f.amount_minor), 0) FROM trades_fill f JOIN trades_trade t ON t.id = f.trade_id
    WHERE f.order_id = o.id AND t.status IN ('SETTLED', 'CANCELLED')
)"""
DONE_SQL = f"SELECT {DONE_MINOR}::bigint FROM trades_order o WHERE o.id = %s"
# What is bought and not paid for at its price, and what is open at the worst it may still cost.
SHRINK_SQL = f"""
    UPDATE trades_order o SET reserved_minor = needed.minor
    FROM (
        SELECT o.id, ceil(o.credit_rate * (o.filled_minor - {DONE_MINOR} + rest.minor))::bigint AS minor
        FROM trades_order o
        JOIN reference_security s ON s.asset_ptr_id = o.security_id
        JOIN reference_asset a ON a.id = o.currency_id
        CROSS JOIN LATERAL (SELECT CASE WHEN o.status NOT IN ({OPEN_LIST}) THEN 0 ELSE ceil(
            (o.quantity_units - o.filled_units) * coalesce(o.limit_price, o.protection_price)
            * CASE s.quotation WHEN 'PERCENT' THEN 0.01 ELSE 1 END * power(10::numeric, a.digits)) END AS minor) rest
        WHERE o.id = ANY(%(orders)s) AND o.reserved_minor > 0
        ORDER BY o.id FOR NO KEY UPDATE OF o
    ) needed
    WHERE o.id = needed.id AND o.reserved_minor > needed.minor
"""


def recheck_limits(
    *,
    order_id: int,
    quantity_units: int,
    limit_price: Decimal | None,
    at: datetime,
    business_date: date,
    actor: Actor,
) -> None:
    """Check an open order's new quantity and limit by what they add to the old ones, and reserve that.

    quantity_units: in all, with what is filled. limit_price: None keeps the limit. What they add to the order's
    worth counts against the day's limit, what they add to its reservation against credit and margin, and what they
    add to the units of a sale must be covered. Inside the caller's transaction, the order locked.
    Raises UnknownOrder, OrderRefused (the terms themselves), ReplacementRejected (a check; `errors` name it).
    """
    order = Order.objects.select_related("client", "security").get(pk=order_id)
    ticket = _ticket_of(order=order, quantity_units=quantity_units, limit_price=limit_price)
    clients = lock_clients(codes=[ticket.client], actor=actor)
    if ticket.client not in clients:
        raise UnknownOrder
    context = read_context(tickets=[ticket], clients=clients, actor=actor, at=at, business_date=business_date)
    change = _resolve_change(order=order, ticket=ticket, context=context)
    situation = _judge_by_change(order=order, ticket=ticket, situation=context.situation)
    rejection = find_rejection(verdicts=run_checks(tickets=[change], situation=situation).get(0, ()))
    if rejection is not None:
        errors = [{"pointer": "", "code": rejection.code, "detail": rejection.message}]
        raise ReplacementRejected(rejection.message, errors=errors)
    with connection.cursor() as cursor:
        if change.reserve_minor:
            cursor.execute(RESERVE_SQL, [change.reserve_minor, order_id])
        if change.ordered_minor:
            cursor.execute(
                COUNT_SQL,
                {
                    "client_id": order.client_id,
                    "business_date": business_date,
                    "added_minor": change.ordered_minor,
                },
            )


def shrink_reservations(*, order_ids: Collection[int]) -> int:
    """Free what purchases hold above what they may still cost; return how many did.

    After a replacement, and when fills of an order are settled or withdrawn while the rest of it goes on.
    """
    with connection.cursor() as cursor:
        cursor.execute(SHRINK_SQL, {"orders": sorted(order_ids)})
        return int(cursor.rowcount)


def _ticket_of(*, order: Order, quantity_units: int, limit_price: Decimal | None) -> OrderTicket:
    """Return an order with its new terms as a ticket; a market order at the price that protects it."""
    # A limit of zero is a limit, which is refused.
    price = (order.limit_price or order.protection_price) if limit_price is None else limit_price
    return OrderTicket(
        client_order_id=order.client_order_id,
        client=order.client.code,
        security=order.security.code,
        side=OrderSide(order.side),
        quantity=quantity_units,
        order_type=OrderType.LIMIT,
        limit_price=price,
        time_in_force=TimeInForce(order.time_in_force),
        expires_on=order.expires_on,
    )


def _resolve_change(*, order: Order, ticket: OrderTicket, context: PlacingContext) -> ResolvedTicket:
    """Return the order as it would be, with what it adds to its reservation and to the day. Raises OrderRefused."""
    found = resolve_ticket(ticket=ticket, place=0, public_id=order.public_id, context=context.tickets)
    if isinstance(found, list):
        errors = [{"pointer": each.pointer, "code": each.code, "detail": each.message} for each in found]
        raise OrderRefused(found[0].message, errors=errors)
    price = order.limit_price or order.protection_price or Decimal(0)
    before = reckon_notional_minor(security=found.security, quantity_units=order.quantity_units, price=price)
    added_minor = convert_minor(amount_minor=found.notional_minor, rate=order.credit_rate) - convert_minor(
        amount_minor=before, rate=order.credit_rate
    )
    rest_minor = reckon_notional_minor(
        security=found.security,
        quantity_units=ticket.quantity - order.filled_units,
        price=ticket.limit_price or Decimal(0),
    )
    owed_minor = order.filled_minor - _count_done(order=order)
    reserve_minor = convert_minor(amount_minor=owed_minor + rest_minor, rate=order.credit_rate)
    return found._replace(
        credit_rate=order.credit_rate,
        ordered_minor=max(added_minor, 0),
        reserve_minor=max(reserve_minor - order.reserved_minor, 0) if order.side == OrderSide.BUY else 0,
    )


def _count_done(*, order: Order) -> int:
    """Return what of an order's fills needs no credit any more, in minor units of its currency."""
    with connection.cursor() as cursor:
        cursor.execute(DONE_SQL, [order.pk])
        return int(cursor.fetchone()[0])


def _judge_by_change(*, order: Order, ticket: OrderTicket, situation: OrderSituation) -> OrderSituation:
    """Return the situation for a ticket whose amounts are what it adds, and whose units are all of the order's.

    What a sale has promised it may go on promising, covered or not. What only becomes smaller breaks no rule anew.
    """
    key = order.account_id, order.security_id
    units = max(situation.free_units.get(key, 0), 0) + (order.quantity_units if order.side == OrderSide.SELL else 0)
    same_price = ticket.limit_price == (order.limit_price or order.protection_price)
    smaller = same_price and ticket.quantity <= order.quantity_units
    return replace(
        situation,
        free_units={**situation.free_units, key: units},
        rule_kinds=frozenset() if smaller else situation.rule_kinds,
    )
