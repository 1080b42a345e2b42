"""An order over the API, at the venues: what it reads after its fills, and how it is replaced and cancelled."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from tests.factories.market import login
from tests.factories.routing import Desk, make_desk
from trades.models import CreditUse

URL = "/api/v1/orders"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return make_desk()


@pytest.fixture
def alpha(desk: Desk) -> Browser:
    return login(participant=desk.market.alpha, name="alpha-desk")


def post(browser: Browser, public_id: Any, act: str, content: dict[str, Any]) -> Any:
    return browser.post(f"{URL}/{public_id}/{act}", content, content_type="application/json")


def used(desk: Desk) -> int:
    return CreditUse.objects.get(client=desk.client).used_minor


def test_an_order_tells_where_it_went_and_what_it_became(desk: Desk, alpha: Browser) -> None:
    desk.offer("XAAA", 60, "9.99")
    order = desk.order(quantity=100)
    desk.route()
    desk.record()
    read = alpha.get(f"{URL}/{order.public_id}").json()
    assert (read["status"], read["filled_quantity"], read["filled_amount"]) == ("PARTIALLY_FILLED", 60, "599.40")
    assert (read["average_price"], read["reserved"], read["limit_price"]) == ("9.99", "1000.00", "10")
    assert [step["status"] for step in read["status_history"]] == [
        "RECEIVED", "VALIDATED", "ROUTING", "PARTIALLY_FILLED",
    ]  # fmt: skip
    (execution,) = read["executions"]
    assert (execution["venue"], execution["quantity"], execution["price"], execution["amount"]) == (
        "XAAA", 60, "9.99", "599.40",
    )  # fmt: skip
    assert execution["trade_status"] == "MATCHED"
    assert alpha.get(f"/api/v1/trades/{execution['trade']}").status_code == 200
    assert sum(part["filled_quantity"] for part in read["slices"]) == 60
    assert read["life"][-1]["after"] in ("PARTIALLY_FILLED", "")
    assert set(read["links"]) == {"self", "cancel", "replace"}
    # What is left is taken back: the purchase holds what it cost, until it settles.
    cancelled = post(alpha, order.public_id, "cancel", {"reason": "changed my mind"})
    assert cancelled.status_code == 200, cancelled.content
    assert cancelled.json()["status"] == "CLEARING"
    assert set(cancelled.json()["links"]) == {"self"}
    assert used(desk) == 59_940
    again = post(alpha, order.public_id, "cancel", {})
    assert again.status_code == 409


def test_a_replacement_moves_the_reservation_and_a_rejected_one_nothing(desk: Desk, alpha: Browser) -> None:
    order = desk.order(quantity=100)
    desk.route()
    smaller = post(alpha, order.public_id, "replace", {"quantity": 50})
    assert smaller.status_code == 200, smaller.content
    assert (smaller.json()["quantity"], smaller.json()["reserved"], used(desk)) == (50, "500.00", 50_000)
    dearer = post(alpha, order.public_id, "replace", {"limit_price": "10.50"})
    assert (dearer.json()["limit_price"], used(desk)) == ("10.5", 52_500)
    limit = desk.client.credit_limit_minor
    over = post(alpha, order.public_id, "replace", {"quantity": limit})
    assert over.status_code == 422
    assert over.json()["code"] in ("replacement-rejected", "order-refused")
    off_tick = post(alpha, order.public_id, "replace", {"limit_price": "10.505"})
    assert (off_tick.json()["code"], off_tick.json()["errors"][0]["code"]) == ("replacement-rejected", "limit-off-tick")
    assert used(desk) == 52_500
    for content, status in (({}, 400), ({"quantity": 0}, 400), ({"colour": "red"}, 400), ({"quantity": "x"}, 400)):
        assert post(alpha, order.public_id, "replace", content).status_code == status
    gone = post(alpha, order.public_id, "cancel", {})
    assert (gone.json()["status"], used(desk)) == ("CANCELLED", 0)
    assert post(alpha, order.public_id, "replace", {"quantity": 5}).status_code == 409


def test_a_replacement_keeps_what_it_does_not_name_whatever_it_is_by_then(
    desk: Desk, alpha: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading an order and replacing its limit somebody else doubles its quantity."""
    from trades.queries.orders import get_order

    order = desk.order(quantity=100)
    desk.route()

    def read_then_double(**terms: Any) -> Any:
        monkeypatch.undo()
        found = get_order(**terms)
        assert post(alpha, order.public_id, "replace", {"quantity": 200}).status_code == 200
        return found

    monkeypatch.setattr("trades.api.views.orders.get_order", read_then_double)
    answer = post(alpha, order.public_id, "replace", {"limit_price": "9.90"}).json()
    assert (answer["quantity"], answer["limit_price"]) == (200, "9.9")


def test_another_brokers_order_is_unknown(desk: Desk) -> None:
    order = desk.order()
    stranger = login(participant=desk.maker, name="stranger")
    for act, content in (("cancel", {}), ("replace", {"quantity": 5})):
        assert post(stranger, order.public_id, act, content).status_code == 404
    assert stranger.get(f"{URL}/{order.public_id}").status_code == 404
