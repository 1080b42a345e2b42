"""Executions that a venue reports: recorded once, refused by name, nothing half done."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from tests.factories.market import Market, login
from tests.factories.ordering import place_order
from tests.factories.routing import assert_consistent, fresh, steps_of
from tests.factories.trading import make_client
from tests.factories.venues import make_book, make_venue
from trades.models import Fill, Order, OrderSlice, Trade, Venue

pytestmark = pytest.mark.django_db


@pytest.fixture
def venue(market: Market) -> Venue:
    """A venue outside of the simulation: it has no book here; BRAVO is its market maker."""
    return make_venue(mic="XOUT", market_maker_id=market.bravo.pk)


@pytest.fixture
def speaker(venue: Venue) -> Browser:
    """The venue's own login."""
    return login(participant=venue.participant, name="xout")


@pytest.fixture
def order(market: Market, venue: Venue) -> Order:
    """An order of ALPHA's client to buy 100 of the equity, up to 10.00."""
    return place_order(client=make_client(broker=market.alpha), security=market.equity)


def post(browser: Browser, order: Order, **changes: Any) -> Any:
    """Report an execution of 40 at 9.98, with changes; a field changed to None is left out."""
    content = {
        "execution_id": "E-1",
        "executed_price": "9.98",
        "executed_quantity": 40,
        "timestamp": "2008-09-08T10:00:00+02:00",
        "exchange_id": "XOUT",
        "execution_fees": "0.15",
    } | changes
    content = {name: value for name, value in content.items() if value is not None}
    return browser.post(f"/api/v1/execution/{order.public_id}", content, content_type="application/json")


def test_an_execution_becomes_a_fill_and_a_trade(speaker: Browser, market: Market, order: Order) -> None:
    response = post(speaker, order)
    assert response.status_code == 201, response.content
    trade = Trade.objects.get()
    assert response.json() == {
        "execution_id": "E-1",
        "executed_price": "9.980000",
        "executed_quantity": 40,
        "timestamp": "2008-09-08T10:00:00+02:00",
        "exchange_id": "XOUT",
        "execution_fees": "0.15",
        "order_id": str(order.public_id),
        "order_status": "PARTIALLY_FILLED",
        "outcome": "ACCEPTED",
        "links": {"order": f"/api/v1/orders/{order.public_id}", "trade": f"/api/v1/trades/{trade.public_id}"},
    }
    assert (trade.trade_id, trade.trading_venue, trade.buyer, trade.seller, trade.amount_minor) == (
        "E-1", "XOUT", market.alpha, market.bravo, 39_920,
    )  # fmt: skip
    assert steps_of(order) == ["RECEIVED", "VALIDATED", "ROUTING", "PARTIALLY_FILLED"]
    assert OrderSlice.objects.get().status == "FILLED"
    assert post(speaker, order, execution_id="E-2", executed_quantity=60).json()["order_status"] == "FILLED"
    assert fresh(order).fees_minor == 30
    assert_consistent()


def test_told_twice_it_is_one(speaker: Browser, order: Order) -> None:
    assert post(speaker, order).status_code == 201
    again = post(speaker, order)
    assert (again.status_code, again.json()["outcome"]) == (200, "REPEATED")
    for change in ({"executed_price": "9.97"}, {"executed_quantity": 41}, {"execution_fees": "0.16"}):
        other = post(speaker, order, **change)
        assert (other.status_code, other.json()["code"]) == (409, "execution-id-reused")
    assert Fill.objects.count() == Trade.objects.count() == 1
    assert_consistent()


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"executed_quantity": 101}, 409, "execution-above-quantity"),
        ({"executed_price": "10.01"}, 409, "execution-beyond-limit"),
        ({"executed_price": "0"}, 422, "execution-out-of-range"),
        ({"timestamp": "2008-09-08T10:01:00+02:00"}, 422, "execution-out-of-range"),
        ({"timestamp": "2008-09-08T09:59:00+02:00"}, 422, "execution-out-of-range"),
        ({"execution_fees": "0.001"}, 422, "execution-out-of-range"),
        ({"exchange_id": "XNOT"}, 404, "unknown-venue"),
        ({"counterparty": "NOBODY"}, 422, "unknown-counterparty"),
        ({"counterparty": "ALPHA"}, 422, "unknown-counterparty"),
    ],
)
def test_refusals_by_name_leave_nothing(
    speaker: Browser, order: Order, changes: dict[str, Any], status: int, code: str
) -> None:
    response = post(speaker, order, **changes)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (Fill.objects.count(), Trade.objects.count(), OrderSlice.objects.count()) == (0, 0, 0)
    assert (fresh(order).status, fresh(order).routed_units) == ("VALIDATED", 0)


def test_above_what_is_left_after_a_part(speaker: Browser, order: Order) -> None:
    assert post(speaker, order).status_code == 201
    response = post(speaker, order, execution_id="E-2", executed_quantity=61)
    assert (response.status_code, response.json()["left"]) == (409, 60)
    assert fresh(order).filled_units == 40
    assert_consistent()


def test_after_the_end_it_is_too_late(speaker: Browser, order: Order) -> None:
    from reference.core.actor import SYSTEM
    from tests.factories.market import NOW, TODAY
    from trades.services.orders.withdraw_orders import cancel_order

    cancel_order(order_id=order.pk, at=NOW, business_date=TODAY, actor=SYSTEM)
    response = post(speaker, order)
    assert (response.status_code, response.json()["code"]) == (409, "execution-after-end")
    assert not Trade.objects.exists()


def test_a_book_that_is_kept_here_is_not_reported(speaker: Browser, market: Market, venue: Venue, order: Order) -> None:
    make_book(venue=venue, security_id=market.equity.pk)
    response = post(speaker, order)
    assert (response.status_code, response.json()["code"]) == (409, "execution-of-own-book")


def test_who_may_report(alpha: Browser, auditor: Browser, operator: Browser, order: Order, venue: Venue) -> None:
    """A broker is no venue; the auditor changes nothing; an operator may, and names the other side."""
    assert post(alpha, order).status_code == 404
    assert post(auditor, order).status_code == 403
    assert post(Browser(), order).status_code in (401, 403)
    assert post(operator, order, counterparty="CHARLIE").status_code == 201
    assert Trade.objects.get().seller.code == "CHARLIE"


def test_a_taken_trade_id_is_refused(speaker: Browser, operator: Browser, market: Market, order: Order) -> None:
    """The venue has reported a trade of its own under this id."""
    report = market.report(trade_id="E-1")
    assert speaker.post("/api/v1/trades", report, content_type="application/json").status_code == 201
    response = post(speaker, order)
    assert (response.status_code, response.json()["code"]) == (409, "execution-id-reused")
