"""Compliance in the API: who reads it, what may be done to an alert, a rule and the restricted list; enrichment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.market import Market

LISTS = ("/api/v1/compliance/alerts", "/api/v1/compliance/rules", "/api/v1/compliance/restricted")


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(path, body, content_type="application/json")


@pytest.fixture
def reported(market: Market, operator: Client, alpha: Client) -> str:
    """A trade of ALPHA in a restricted security, enriched; its public id."""
    from tests.factories.market import NOW, TODAY
    from trades.services.compliance.enrich import enrich_trades
    from trades.services.compliance.load_compliance import load_compliance

    load_compliance()
    body = {"security": market.equity.code, "participant": "ALPHA", "reason": "Insider list"}
    assert post(operator, "/api/v1/compliance/restricted", body).status_code == 201
    answer = post(alpha, "/api/v1/trades", market.report())
    assert answer.status_code == 201
    assert enrich_trades(at=NOW, business_date=TODAY) == 1
    public_id: str = answer.json()["id"]
    return public_id


@pytest.mark.parametrize("path", LISTS)
def test_a_participant_is_told_nothing(path: str, alpha: Client, auditor: Client, reported: str) -> None:
    answer = alpha.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")
    assert auditor.get(path).json()["results"]


def test_an_alert_tells_what_was_found_and_of_what(operator: Client, reported: str) -> None:
    (alert,) = operator.get("/api/v1/compliance/alerts?severity=HIGH&status=OPEN").json()["results"]
    assert (alert["rule"], alert["trade"], alert["order"]) == ("RESTRICTED", reported, None)
    assert alert["participant"] == "ALPHA"
    assert "Insider list" in alert["words"]
    assert operator.get("/api/v1/compliance/alerts?subject=ORDER").json()["results"] == []


def test_an_alert_is_closed_with_a_note_by_an_operator_alone(
    operator: Client, auditor: Client, alpha: Client, reported: str
) -> None:
    (alert,) = operator.get("/api/v1/compliance/alerts").json()["results"]
    path = f"/api/v1/compliance/alerts/{alert['id']}"
    closing = {"status": "CLOSED", "note": "Approved in advance"}
    assert post(auditor, path, closing).status_code == post(alpha, path, closing).status_code == 403
    refused = post(operator, path, {"status": "CLOSED"})
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[-1]) == (422, "alert-needs-a-note")
    assert post(operator, path, {"status": "CLOSED", "note": "x", "why": "y"}).status_code == 400
    done = post(operator, path, closing).json()
    assert (done["status"], done["handled_by"], done["note"]) == ("CLOSED", "operator", "Approved in advance")
    assert post(operator, path, closing).status_code == 409
    assert post(operator, "/api/v1/compliance/alerts/999999", closing).status_code == 404


def test_a_rule_is_changed_by_a_proposal(operator: Client, auditor: Client, reported: str) -> None:
    path = "/api/v1/compliance/rules/FAT-FINGER"
    assert auditor.patch(path, {"active": False}, content_type="application/json").status_code == 403
    answer = operator.patch(path, {"ceiling_minor": 5_000}, content_type="application/json")
    assert (answer.status_code, answer.json()["status"]) == (202, "PROPOSED")
    assert operator.get(path).json()["ceiling_minor"] == 10_000_000_000
    wrong = operator.patch(path, {"collar_bp": 5}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/collar_bp")
    assert operator.get("/api/v1/compliance/rules/NONE").status_code == 404


def test_a_restriction_ends_once(market: Market, operator: Client, reported: str) -> None:
    (entry,) = operator.get("/api/v1/compliance/restricted?in_force=true").json()["results"]
    again = {"security": market.equity.code, "participant": "ALPHA", "reason": "again"}
    assert post(operator, "/api/v1/compliance/restricted", again).status_code == 409
    path = f"/api/v1/compliance/restricted/{entry['id']}/end"
    assert post(operator, path, {}).json()["ended_by"] == "operator"
    assert post(operator, path, {}).status_code == 409
    assert post(operator, "/api/v1/compliance/restricted", {**again, "security": "XX"}).status_code >= 400


def test_a_trade_carries_its_enrichment(alpha: Client, bravo: Client, reported: str) -> None:
    inside = alpha.get(f"/api/v1/trades/{reported}").json()["enrichment"]
    beside = alpha.get(f"/api/v1/trades/{reported}/enrichment").json()
    assert inside == beside
    assert (beside["price_source"], beside["mid"], beside["notional"]) == ("NONE", None, "10120.00")
    assert beside["risk_score"] == sum(part["points"] for part in beside["parts"])
    assert bravo.get(f"/api/v1/trades/{reported}/enrichment").status_code == 404


def test_a_trade_that_waits_for_its_enrichment_says_so(market: Market, alpha: Client) -> None:
    public_id = post(alpha, "/api/v1/trades", market.report()).json()["id"]
    assert alpha.get(f"/api/v1/trades/{public_id}").json()["enrichment"] is None
    assert alpha.get(f"/api/v1/trades/{public_id}/enrichment").status_code == 404
