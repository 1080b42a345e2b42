"""Routers, recorders and clients who cancel, all at once, on connections of their own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.factories.routing import Desk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(transactional_db: None) -> Desk:
    """Two venues that lose every fourth call, Monday, ten o'clock."""
    from tests.factories.routing import make_desk

    return make_desk(success_ppm=750_000)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do works at the same time, each on a connection of its own; return what they return."""
    from django.db import connections

    def run(work: Callable[[], Any]) -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(timeout=120) for future in [pool.submit(run, work) for work in works]]


def test_two_routers_and_two_recorders_fill_each_order_once(desk: Desk) -> None:
    """Tasks doubled: sums, fills and executions agree, and a further round finds nothing."""
    from tests.factories.routing import assert_consistent
    from trades.models import Fill, Order

    desk.offer("XAAA", 400, "9.98")
    desk.offer("XBBB", 800, "9.99")
    for _ in range(20):
        desk.order(40)
    at_once(desk.route, desk.route, desk.record, desk.record)
    # What a venue was given up for is tried again a minute later.
    for minutes in (2, 4, 6):
        at_once(lambda: desk.route(minutes=minutes), lambda: desk.route(minutes=minutes))  # noqa: B023
    assert set(Order.objects.values_list("status", "filled_units")) == {("FILLED", 40)}
    fills = Fill.objects.count()
    assert at_once(lambda: desk.route(minutes=7), desk.record) == [0, 0]
    assert Fill.objects.count() == fills
    assert_consistent()


def test_cancels_race_with_fills(desk: Desk) -> None:
    """While the market comes to resting orders, their client takes them back: each unit is filled or cancelled."""
    from reference.core.actor import SYSTEM
    from tests.factories.market import TODAY
    from tests.factories.routing import assert_consistent, later
    from trades.core.order_lifecycle import OrderStatus
    from trades.models import Order, OrderWish
    from trades.services.orders.withdraw_orders import cancel_orders

    orders = [desk.order(40, "9.50") for _ in range(10)]
    desk.route()

    def cancel() -> None:
        for order in orders:
            cancel_orders(
                order_ids=[order.pk], end=OrderStatus.CANCELLED, at=later(1), business_date=TODAY, actor=SYSTEM
            )

    def sell() -> None:
        for _ in range(10):
            desk.offer("XAAA", 20, "9.50")
            desk.record()

    at_once(cancel, sell, desk.route)
    desk.route(minutes=2)
    assert not OrderWish.objects.exists()
    assert not Order.objects.filter(status__in=["VALIDATED", "ROUTING", "PARTIALLY_FILLED"]).exists()
    assert_consistent()


def test_ends_of_two_kinds_and_new_orders_never_wait_for_each_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One client's order ends part filled, another's unfilled, and a set comes of both: no deadlock over credit."""
    import threading
    import time

    from reference.core.actor import SYSTEM
    from tests.factories.market import TODAY
    from tests.factories.ordering import make_ticket, place
    from tests.factories.routing import assert_consistent, fresh, later
    from tests.factories.trading import make_client
    from tests.factories.venues import BUY
    from trades.core.order_lifecycle import OrderStatus
    from trades.services.orders import end_orders
    from trades.services.orders.step_orders import step_orders
    from trades.services.orders.withdraw_orders import cancel_orders

    second = make_client(broker=desk.market.alpha, credit_limit_minor=10**12, daily_limit_minor=10**12)
    desk.offer("XAAA", 10, "9.00")
    part = desk.order(40, "9.50", client=second, side=BUY)
    desk.route()
    whole = desk.order(40, "9.50", side=BUY)
    assert fresh(part).status == "PARTIALLY_FILLED"
    stepped = threading.Event()

    def step(**terms: Any) -> int:
        count = step_orders(**terms)
        stepped.set()
        time.sleep(0.5)
        return count

    monkeypatch.setattr(end_orders, "step_orders", step)

    def cancel() -> None:
        ids = [part.pk, whole.pk]
        cancel_orders(order_ids=ids, end=OrderStatus.CANCELLED, at=later(1), business_date=TODAY, actor=SYSTEM)

    def buy() -> list[str]:
        stepped.wait(timeout=60)
        tickets = [make_ticket(client=one, security=desk.market.equity, side=BUY) for one in (desk.client, second)]
        return [outcome.outcome for outcome in place(*tickets)]

    assert at_once(cancel, buy)[1] == ["ACCEPTED", "ACCEPTED"]
    assert (fresh(part).status, fresh(whole).status) == ("CLEARING", "CANCELLED")
    assert_consistent()


def test_an_execution_reported_by_two_at_once_is_one(desk: Desk) -> None:
    """The same report on two connections: one is taken, the other is told that it stands."""
    from decimal import Decimal

    from reference.core.actor import SYSTEM
    from tests.factories.market import NOW, TODAY
    from tests.factories.ordering import place_order, quote
    from tests.factories.routing import assert_consistent
    from trades.models import Fill
    from trades.services.orders.report_execution import ExecutionReport, report_execution

    paper = desk.market.bond
    quote(security=paper, bid="101.000", ask="101.010")
    order = place_order(client=desk.client, security=paper, quantity=1000, limit_price=Decimal("101.02"))
    report = ExecutionReport("E-1", Decimal("101.01"), 1000, NOW, "XAAA")

    def tell() -> str:
        told = report_execution(
            order_public_id=order.public_id, report=report, actor=SYSTEM, at=NOW, business_date=TODAY
        )
        return told.outcome

    assert sorted(at_once(tell, tell, tell)) == ["ACCEPTED", "REPEATED", "REPEATED"]
    assert Fill.objects.count() == 1
    assert_consistent()
