"""Orders through the API: placed, rejected, refused, repeated, listed, read; each broker sees its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client as Browser

from reference.queries import forget_directory
from tests.factories.market import Market, login
from tests.factories.ordering import place_order, quote
from tests.factories.trading import make_client, make_trader
from trades.api import order_examples
from trades.api.order_serializers import OrderTicketSerializer
from trades.core.order_ticket import OrderTicket
from trades.models import Client, CreditUse, Order, OrderStep

URL = "/api/v1/orders"


@pytest.fixture
def client_of_alpha(market: Market) -> Client:
    return make_client(broker=market.alpha, code="NORTHSEA")


def fields(market: Market, **changes: Any) -> dict[str, Any]:
    """Return a good order to buy 100 at 10.00, with changes; a field changed to None is left out."""
    content = {
        "client_order_id": "O-1",
        "client": "NORTHSEA",
        "security": market.equity.code,
        "side": "BUY",
        "quantity": 100,
        "order_type": "LIMIT",
        "limit_price": "10.00",
    } | changes
    return {name: value for name, value in content.items() if value is not None}


def post(browser: Browser, content: Any, url: str = URL) -> Any:
    return browser.post(url, content, content_type="application/json")


def test_an_order_is_taken(alpha: Browser, market: Market, client_of_alpha: Client) -> None:
    response = post(alpha, fields(market))
    assert response.status_code == 201, response.content
    answer = response.json()
    order = Order.objects.get()
    here = f"{URL}/{order.public_id}"
    assert answer == {
        "id": str(order.public_id),
        "client_order_id": "O-1",
        "status": "VALIDATED",
        "outcome": "ACCEPTED",
        "warnings": [],
        "links": {"self": here, "cancel": f"{here}/cancel", "replace": f"{here}/replace"},
    }
    assert response["Location"] == here
    assert (order.entered_by, order.reserved_minor) == ("alpha", 100_000)


def test_repeated_is_the_same_order(alpha: Browser, market: Market, client_of_alpha: Client) -> None:
    first = post(alpha, fields(market))
    second = post(alpha, fields(market, limit_price=10, security=market.equity.symbol))
    assert second.status_code == 200
    assert second.json() == first.json() | {"outcome": "REPEATED"}
    other = post(alpha, fields(market, quantity=200))
    assert (other.status_code, other.json()["code"]) == (409, "client-order-id-reused")
    assert Order.objects.count() == 1


def test_a_rejected_order_stands_and_is_linked(alpha: Browser, market: Market, client_of_alpha: Client) -> None:
    response = post(alpha, fields(market, side="SELL"))
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    order = Order.objects.get()
    assert (problem["code"], problem["errors"][0]["code"]) == ("order-rejected", "short-sale-not-allowed")
    assert (problem["status"], problem["order_status"], problem["id"]) == (422, "REJECTED", str(order.public_id))
    read = alpha.get(problem["links"]["self"]).json()
    assert (read["status"], read["refusal_code"], read["reserved"]) == ("REJECTED", "short-sale-not-allowed", "0.00")
    assert [step["status"] for step in read["status_history"]] == ["RECEIVED", "REJECTED"]
    again = post(alpha, fields(market, side="SELL"))
    assert again.status_code == 422
    told = {"outcome": "REPEATED", "correlation_id": again["X-Request-ID"]}
    assert again.json() == problem | told
    assert Order.objects.count() == 1


BAD_FIELDS = [
    ({"client_order_id": None}, "/client_order_id"),
    ({"client_order_id": ""}, "/client_order_id"),
    ({"client_order_id": "x" * 37}, "/client_order_id"),
    ({"client_order_id": "a\x00b"}, "/client_order_id"),
    ({"client": "NOBODY"}, "/client"),
    ({"client": None}, "/client"),
    ({"client": 7}, "/client"),
    ({"security": "XS0000000000"}, "/security"),
    ({"security": None}, "/security"),
    ({"side": "HOLD"}, "/side"),
    ({"side": None}, "/side"),
    ({"quantity": 0}, "/quantity"),
    ({"quantity": -5}, "/quantity"),
    ({"quantity": 1.5}, "/quantity"),
    ({"quantity": 10**16}, "/quantity"),
    ({"quantity": "many"}, "/quantity"),
    ({"quantity": 10**15}, "/quantity"),
    ({"order_type": "STOP"}, "/order_type"),
    ({"order_type": None}, "/order_type"),
    ({"order_type": "MARKET"}, "/limit_price"),
    ({"limit_price": None}, "/limit_price"),
    ({"limit_price": "0"}, "/limit_price"),
    ({"limit_price": "-1"}, "/limit_price"),
    ({"limit_price": "NaN"}, "/limit_price"),
    ({"limit_price": "1e30"}, "/limit_price"),
    ({"limit_price": "1.0000001"}, "/limit_price"),
    ({"limit_price": "1e-999999"}, "/limit_price"),
    ({"limit_price": "cheap"}, "/limit_price"),
    ({"time_in_force": "GTD"}, "/time_in_force"),
    ({"expires_on": "2008-09-09"}, "/expires_on"),
    ({"time_in_force": "GTC", "expires_on": "2008-09-05"}, "/expires_on"),
    ({"time_in_force": "GTC", "expires_on": "soon"}, "/expires_on"),
    ({"trader": "NOBODY"}, "/trader"),
    ({"price": "10"}, "/price"),
]


@pytest.mark.parametrize(("changes", "pointer"), BAD_FIELDS)
def test_a_malformed_order_leaves_nothing(
    alpha: Browser, market: Market, client_of_alpha: Client, changes: dict[str, Any], pointer: str
) -> None:
    response = post(alpha, fields(market, **changes))
    assert response.status_code == 422, response.content
    problem = response.json()
    assert problem["code"] == "order-refused"
    if pointer != "/price":
        assert problem["errors"][0]["pointer"] == pointer, problem
    assert not Order.objects.exists()
    assert not CreditUse.objects.exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"\xff"', b'{"client": "A\xff"}'])
def test_what_is_no_order_is_a_bad_request(alpha: Browser, market: Market, body: bytes) -> None:
    response = alpha.post(URL, body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["code"] in ("malformed-order", "broken-encoding")


REJECTIONS = [
    ({"limit_price": "10.005"}, "limit-off-tick"),
    ({"order_type": "MARKET", "limit_price": None}, "no-quote"),
    ({"quantity": 100_001}, "credit-limit-exceeded"),
    ({"side": "SELL"}, "short-sale-not-allowed"),
    ({"security": "BOND", "quantity": 1500}, "quantity-not-in-lots"),
    ({"security": "DOLLAR"}, "exchange-rate-missing"),
]


@pytest.mark.parametrize(("changes", "code"), REJECTIONS)
def test_each_check_rejects_by_its_code(
    alpha: Browser, market: Market, client_of_alpha: Client, changes: dict[str, Any], code: str
) -> None:
    response = post(alpha, fields(market, **changes))
    assert response.status_code == 422
    assert [error["code"] for error in response.json()["errors"]] == [code]
    assert alpha.get(f"/problems/{code}").status_code == 200
    order = Order.objects.get()
    assert (order.status, order.refusal_code, order.reserved_minor, order.ordered_minor) == ("REJECTED", code, 0, 0)
    assert not CreditUse.objects.exists()


INACTIVE = [
    ("client", {"status": "SUSPENDED"}, "client-not-active"),
    ("broker", {"active": False}, "broker-not-active"),
    ("trader", {"active": False}, "trader-not-active"),
    ("security", {"active": False}, "inactive-security"),
]


@pytest.mark.parametrize(("who", "change", "code"), INACTIVE)
def test_for_who_is_not_active_orders_are_cancelled_and_nothing_else(
    operator: Browser, market: Market, client_of_alpha: Client, who: str, change: dict[str, Any], code: str
) -> None:
    trader = make_trader(broker=market.alpha)
    placed = post(operator, fields(market, trader=trader.code)).json()
    subject = {"client": client_of_alpha, "broker": market.alpha, "trader": trader, "security": market.equity}[who]
    type(subject)._default_manager.filter(pk=subject.pk).update(**change)
    forget_directory()
    response = post(operator, fields(market, client_order_id="O-2", trader=trader.code))
    assert response.status_code == 422, response.content
    problem = response.json()
    assert (problem["code"], [error["code"] for error in problem["errors"]]) == ("order-rejected", [code])
    assert operator.get(f"/problems/{code}").status_code == 200
    rejected = Order.objects.get(client_order_id="O-2")
    assert (rejected.status, rejected.refusal_code, rejected.reserved_minor) == ("REJECTED", code, 0)
    larger = post(operator, {"quantity": 200}, placed["links"]["replace"])
    # Whoever replaces need not be who placed it.
    assert larger.status_code == (200 if who == "trader" else 422)
    if who != "trader":
        assert [error["code"] for error in larger.json()["errors"]] == [code]
    assert post(operator, {}, placed["links"]["cancel"]).json()["status"] == "CANCELLED"


def test_a_broker_sends_and_sees_its_own_clients_orders(
    alpha: Browser, bravo: Browser, auditor: Browser, operator: Browser, market: Market, client_of_alpha: Client
) -> None:
    public_id = post(alpha, fields(market)).json()["id"]
    stranger = post(bravo, fields(market, client_order_id="O-2"))
    assert stranger.json()["errors"][0]["code"] == "unknown-client"
    assert post(auditor, fields(market, client_order_id="O-2")).status_code == 403
    assert post(operator, fields(market, client_order_id="O-2")).status_code == 201
    for browser, seen in ((alpha, 2), (bravo, 0), (auditor, 2), (operator, 2)):
        assert len(browser.get(URL).json()["results"]) == seen
        assert browser.get(f"{URL}/{public_id}").status_code == (200 if seen else 404)
    for act, content in (("cancel", {}), ("replace", {"quantity": 50})):
        assert post(bravo, content, f"{URL}/{public_id}/{act}").status_code == 404
        assert post(auditor, content, f"{URL}/{public_id}/{act}").status_code == 403


def test_the_list_is_filtered_and_cut(alpha: Browser, market: Market, client_of_alpha: Client) -> None:
    for number in range(3):
        place_order(client=client_of_alpha, security=market.equity, client_order_id=f"L-{number}")
    post(alpha, fields(market, side="SELL"))
    rejected = alpha.get(URL, {"status": "REJECTED"}).json()["results"]
    assert [row["client_order_id"] for row in rejected] == ["O-1"]
    page = alpha.get(f"{URL}?limit=2&q=L-").json()
    assert [row["client_order_id"] for row in page["results"]] == ["L-2", "L-1"]
    assert [row["client_order_id"] for row in alpha.get(page["next"]).json()["results"]] == ["L-0"]
    assert alpha.get(URL, {"colour": "red"}).status_code == 400


def test_the_traders_login_enters_for_its_trader(market: Market, client_of_alpha: Client) -> None:
    from django.contrib.auth.models import User

    browser = login(participant=market.alpha, name="tina")
    trader = make_trader(broker=market.alpha, user_id=User.objects.get(username="tina").pk)
    post(browser, fields(market))
    assert Order.objects.get().trader == trader
    other = make_trader(broker=market.bravo)
    response = post(browser, fields(market, client_order_id="O-2", trader=other.code))
    assert response.json()["errors"][0]["code"] == "unknown-trader"


def test_a_list_of_orders_is_answered_line_by_line(alpha: Browser, market: Market, client_of_alpha: Client) -> None:
    good = fields(market)
    lines = [good, good, good | {"quantity": 5}, {"client": "X"}, good | {"client_order_id": "O-2", "side": "SELL"}]
    response = post(alpha, json.dumps(lines), f"{URL}/bulk")
    assert response.status_code == 200
    found = [(line["line"], line["outcome"], line.get("status")) for line in response.json()]
    assert found == [
        (1, "ACCEPTED", "VALIDATED"),
        (2, "REPEATED", "VALIDATED"),
        (3, "REFUSED", None),
        (4, "REFUSED", None),
        (5, "REJECTED", "REJECTED"),
    ]
    assert Order.objects.count() == 2
    assert post(alpha, json.dumps({"orders": []}), f"{URL}/bulk").json()["code"] == "malformed-order"
    assert post(alpha, json.dumps([1] * 1001), f"{URL}/bulk").status_code == 413


def test_a_market_order_is_reckoned_at_its_protection_price(
    alpha: Browser, market: Market, client_of_alpha: Client
) -> None:
    quote(security=market.equity, bid="9.98", ask="10.02")
    answer = post(alpha, fields(market, order_type="MARKET", limit_price=None))
    assert answer.status_code == 201, answer.content
    read = alpha.get(answer.json()["links"]["self"]).json()
    assert (read["protection_price"], read["arrival_mid"], read["reserved"]) == ("10.52", "10", "1052.00")


def test_the_older_address_answers_the_same(alpha: Browser, market: Market, client_of_alpha: Client) -> None:
    response = post(alpha, fields(market), "/order/")
    assert response.status_code == 201
    assert response["Link"] == '</api/v1/orders>; rel="successor-version"'
    assert response["Deprecation"].startswith("@")
    public_id = response.json()["id"]
    old, new = alpha.get(f"/order/{public_id}"), alpha.get(f"{URL}/{public_id}")
    assert old.json() == new.json()
    assert old["Link"] == f'<{URL}/{public_id}>; rel="successor-version"'
    assert "Deprecation" not in new
    assert alpha.get("/order/").json()["results"] == alpha.get(URL).json()["results"]
    assert post(alpha, {}, "/order/").status_code == 422
    assert alpha.get("/order/none")["Content-Type"] == "application/problem+json"
    assert Browser().get("/order/").status_code == 401


def test_the_examples_run(alpha: Browser, market: Market, client_of_alpha: Client) -> None:
    assert set(OrderTicketSerializer().fields) == set(OrderTicket.__struct_fields__)
    ticket = order_examples.TICKET | {"security": market.equity.code, "client": client_of_alpha.code}
    big = make_client(broker=market.alpha, credit_limit_minor=10**12, daily_limit_minor=10**12)
    placed = post(alpha, ticket | {"client": big.code})
    assert placed.status_code == 201
    assert set(placed.json()) == set(order_examples.PLACED)
    rejected = post(alpha, ticket | {"client_order_id": "O-2008-09-08-000002", "side": "SELL"}).json()
    assert set(rejected) == set(order_examples.REJECTED)
    assert rejected["errors"][0]["code"] == order_examples.REJECTED["errors"][0]["code"]


def test_steps_tell_who_and_when(alpha: Browser, market: Market, client_of_alpha: Client) -> None:
    post(alpha, fields(market))
    steps = list(OrderStep.objects.order_by("id").values_list("status", "actor"))
    assert steps == [("RECEIVED", "alpha"), ("VALIDATED", "")]
