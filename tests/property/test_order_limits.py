"""Any walk of orders, cancellations and fills: no limit is ever exceeded, and use is what the orders hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference.core.actor import SYSTEM
from reference.refusals import Refusal
from tests.factories.market import NOW, TODAY, make_market
from tests.factories.ordering import make_ticket, place
from tests.factories.trading import make_client
from trades.core.order_lifecycle import OrderStatus
from trades.models import CreditUse, DailyUse, Order
from trades.queries.limit_invariants import LIMIT_INVARIANTS
from trades.services.orders.limits import recheck_limits, shrink_reservations
from trades.services.orders.step_orders import step_orders

pytestmark = pytest.mark.django_db

CREDIT, DAILY = 50_000, 120_000
acts = st.lists(
    st.tuples(
        st.sampled_from(["place", "place", "cancel", "fill", "replace"]),
        st.integers(1, 60),
        st.integers(1, 12),
        st.sampled_from(["BUY", "SELL"]),
    ),
    max_size=25,
)


def check(client: Any) -> None:
    """Compare the use of the limits with the orders, and run the invariants."""
    orders = Order.objects.filter(client=client)
    held = sum(orders.values_list("reserved_minor", flat=True))
    credit = CreditUse.objects.filter(client=client).first()
    day = DailyUse.objects.filter(client=client, business_date=TODAY).first()
    assert (credit.used_minor if credit else 0) == held <= CREDIT
    assert (day.ordered_minor + day.replaced_minor if day else 0) <= DAILY
    with connection.cursor() as cursor:
        for name, sql in LIMIT_INVARIANTS.items():
            cursor.execute(sql)
            assert cursor.fetchall() == [], name


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walk=acts)
def test_limits_hold_over_any_walk(walk: list[tuple[str, int, int, str]]) -> None:
    with transaction.atomic():
        market = make_market()
        client = make_client(
            broker=market.alpha, credit_limit_minor=CREDIT, daily_limit_minor=DAILY, short_sale_allowed=True
        )
        for act, units, price, side in walk:
            open_order = Order.objects.filter(client=client, status__in=["VALIDATED", "ROUTING"]).order_by("?").first()
            if act == "place":
                before = CreditUse.objects.filter(client=client).values_list("used_minor", flat=True).first() or 0
                ticket = make_ticket(
                    client=client, security=market.equity, quantity=units, limit_price=Decimal(price), side=side
                )
                (outcome,) = place(ticket)
                if outcome.outcome == "REJECTED" and outcome.problems[0].code == "credit-limit-exceeded":
                    assert before + units * price * 100 > CREDIT
            elif open_order is not None:
                change(act, open_order, units, price)
            check(client)
        transaction.set_rollback(True)


def change(act: str, order: Order, units: int, price: int) -> None:
    """Cancel, fill or replace an order."""
    if act == "cancel":
        step_orders(order_ids=[order.pk], status=OrderStatus.CANCELLED, at=NOW)
    elif act == "fill":
        if order.status == OrderStatus.VALIDATED:
            step_orders(order_ids=[order.pk], status=OrderStatus.ROUTING, at=NOW)
        cost = order.quantity_units * int(min(order.limit_price or 0, price) * 100)
        Order.objects.filter(pk=order.pk).update(
            routed_units=order.quantity_units, filled_units=order.quantity_units, filled_minor=cost
        )
        step_orders(order_ids=[order.pk], status=OrderStatus.FILLED, at=NOW)
    else:
        try:
            with transaction.atomic():
                recheck_limits(
                    order_id=order.pk, quantity_units=units, limit_price=Decimal(price), at=NOW, business_date=TODAY,
                    actor=SYSTEM,
                )  # fmt: skip
        except Refusal:
            return
        Order.objects.filter(pk=order.pk).update(quantity_units=units, limit_price=Decimal(price))
        shrink_reservations(order_ids=[order.pk])
