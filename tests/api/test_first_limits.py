"""A new client's limits are nothing until another person than who opened it approves those it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reference.models import Proposal
from tests.factories.trading import make_trader
from tests.pages.reading import text_of

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.market import Market

CLIENTS = "/api/v1/static-data/clients"
JSON = "application/json"
ORION: dict[str, Any] = {
    "code": "ORION", "name": "Orion Fund", "settlement_account": "ALPHA-SEC-HOUSE", "default_currency": "EUR",
    "credit_limit": "1000000.00", "daily_limit": "5000000.00", "margin_percent": "10",
}  # fmt: skip


def test_the_first_limits_wait_for_a_second_person_and_nothing_is_ordered_before(
    alpha: Client, operator: Client, market: Market
) -> None:
    assert alpha.post(CLIENTS, ORION, content_type=JSON).status_code == 201
    make_trader(broker=market.alpha, code="T-ANN")
    order = {
        "client": "ORION", "security": "EQUITY", "side": "BUY", "quantity": 10,
        "order_type": "LIMIT", "limit_price": "10.00", "time_in_force": "DAY",
    }  # fmt: skip
    for side, why in (("BUY", "credit limit, of which 0.00 of 0.00 is free"), ("SELL", "can sell 0 EQUITY")):
        refused = alpha.post("/api/v1/orders", order | {"side": side, "client_order_id": side}, content_type=JSON)
        assert (refused.status_code, refused.json()["code"]) == (422, "order-rejected"), refused.json()
        assert why in refused.json()["detail"]
    proposal = Proposal.objects.get()
    assert proposal.proposed_by == "alpha"
    assert proposal.after == {
        "credit_limit_minor": 1_000_000_00, "daily_limit_minor": 5_000_000_00, "margin_percent": "10.00",
    }  # fmt: skip
    path = f"/api/v1/proposals/{proposal.public_id}/approve"
    assert alpha.post(path, {}, content_type=JSON).json()["code"] == "own-proposal-not-approvable"
    assert operator.post(path, {}, content_type=JSON).status_code == 200
    shown = alpha.get(f"{CLIENTS}/ORION").json()
    assert [shown[name] for name in ("credit_limit", "daily_limit", "margin_percent")] == [
        "1000000.00", "5000000.00", "10.00",
    ]  # fmt: skip


def test_a_client_that_is_given_no_limits_proposes_none(alpha: Client) -> None:
    nothing = {"credit_limit": "0", "daily_limit": "0", "margin_percent": "0"}
    assert alpha.post(CLIENTS, ORION | nothing, content_type=JSON).status_code == 201
    assert not Proposal.objects.exists()
    page = alpha.get("/clients/ORION/")
    assert "Credit 0.00 EUR of 0.00 EUR 0.0 %" in text_of(page)
    assert "tone-bad" not in page.content.decode(), "nothing of nothing is no alarm"
