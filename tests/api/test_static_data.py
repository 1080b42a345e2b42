"""Static data in the API: what each role may create, read, change and leave, and what needs a second person."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from reference.core.identifiers import isin_check_digit, lei_check_digits
from reference.models import Participant, Proposal, Security
from tests.factories.market import Market, login
from tests.factories.trading import make_client, make_trader
from trades.models import Client as OrderClient
from trades.models import Trader

BASE = "/api/v1/static-data"
JSON = "application/json"


def entry(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "code": "ORION", "name": "Orion Fund", "broker": "ALPHA", "settlement_account": "ALPHA-SEC-HOUSE",
        "default_currency": "EUR", "credit_limit": "1000000.00", "daily_limit": "5000000.00", "margin_percent": "10",
        "short_sale_allowed": False,
    }  # fmt: skip
    return {name: value for name, value in (fields | changes).items() if value is not None}


def post(client: Client, path: str, fields: Any) -> Any:
    return client.post(f"{BASE}/{path}", fields, content_type=JSON)


def patch(client: Client, path: str, fields: Any) -> Any:
    return client.patch(f"{BASE}/{path}", fields, content_type=JSON)


def approved(waits: Any, path: str, operator: Client) -> Any:
    """Return what stands once a second operator has approved; until then what stood before, and no own approval."""
    assert waits.status_code == 202, waits.json()
    address = f"/api/v1/proposals/{waits.json()['id']}/approve"
    before = operator.get(f"{BASE}/{path}").json()
    assert operator.post(address, {}, content_type=JSON).json()["code"] == "own-proposal-not-approvable"
    second = User.objects.filter(username="second").first()
    other = Client()
    if second is None:
        other = login(name="second")
    else:
        other.force_login(second)
    assert other.post(address, {}, content_type=JSON).status_code == 200
    after = operator.get(f"{BASE}/{path}").json()
    assert after != before
    return after


def test_a_client_is_opened_read_changed_and_closed(alpha: Client) -> None:
    created = post(alpha, "clients", entry(broker=None))
    assert created.status_code == 201, created.json()
    shown = {
        "code": "ORION", "name": "Orion Fund", "broker": "ALPHA", "settlement_account": "ALPHA-SEC-HOUSE",
        "default_currency": "EUR", "status": "ACTIVE", "credit_limit": "0.00", "credit_used": "0.00",
        "daily_limit": "0.00", "ordered_today": "0.00", "margin_percent": "0.00", "short_sale_allowed": False,
    }  # fmt: skip
    assert created.json() == shown
    assert alpha.get(f"{BASE}/clients/ORION").json() == shown
    assert alpha.get(f"{BASE}/clients").json()["results"] == [shown]
    changed = patch(alpha, "clients/orion", {"name": "Orion II", "settlement_account": "ALPHA-SEC-FUND1"})
    assert (changed.status_code, changed.json()["name"]) == (200, "Orion II")
    assert changed.json()["settlement_account"] == "ALPHA-SEC-FUND1"
    closed = alpha.delete(f"{BASE}/clients/ORION")
    assert (closed.status_code, closed.json()["status"]) == (200, "CLOSED")
    again = patch(alpha, "clients/ORION", {"name": "Orion III"})
    assert (again.status_code, again.json()["code"]) == (409, "client-step-illegal")


def test_limits_wait_for_a_second_person(alpha: Client, operator: Client, market: Market) -> None:
    make_client(broker=market.alpha, code="ORION", credit_limit_minor=100_00, daily_limit_minor=500_00)
    waiting = patch(alpha, "clients/ORION", {"credit_limit": "250.00", "short_sale_allowed": True, "name": "Orion"})
    assert waiting.status_code == 202, waiting.json()
    proposal = waiting.json()
    assert (proposal["status"], proposal["proposed_by"], proposal["participant"]) == ("PROPOSED", "alpha", "ALPHA")
    assert proposal["changes"] == [
        {"label": "Credit limit", "before": "100.00 EUR", "after": "250.00 EUR"},
        {"label": "Short sales", "before": "not allowed", "after": "allowed"},
    ]
    row = OrderClient.objects.get(code="ORION")
    assert (row.name, row.credit_limit_minor, row.short_sale_allowed) == ("Orion", 100_00, False)
    address = f"/api/v1/proposals/{proposal['id']}"
    own = alpha.post(f"{address}/approve", {}, content_type=JSON)
    assert (own.status_code, own.json()["code"]) == (409, "own-proposal-not-approvable")
    second = patch(operator, "clients/ORION", {"credit_limit": "300.00"})
    assert (second.status_code, second.json()["code"]) == (409, "proposal-already-open")
    approved = operator.post(f"{address}/approve", {"reason": "as agreed"}, content_type=JSON)
    assert (approved.status_code, approved.json()["status"]) == (200, "APPROVED")
    assert (approved.json()["decided_by"], approved.json()["reason"]) == ("operator", "as agreed")
    row.refresh_from_db()
    assert (row.credit_limit_minor, row.short_sale_allowed) == (250_00, True)
    late = operator.post(f"{address}/reject", {"reason": "no"}, content_type=JSON)
    assert (late.status_code, late.json()["code"]) == (409, "proposal-already-decided")
    assert alpha.get(f"{BASE}/clients/ORION").json()["credit_limit"] == "250.00"


def test_a_colleague_of_the_broker_is_a_second_person(alpha: Client, market: Market) -> None:
    make_client(broker=market.alpha, code="ORION")
    colleague = login(participant=market.alpha, name="alpha-two")
    made = patch(alpha, "clients/ORION", {"margin_percent": "12.5"}).json()
    assert colleague.post(f"/api/v1/proposals/{made['id']}/approve", {}, content_type=JSON).status_code == 200
    assert str(OrderClient.objects.get(code="ORION").margin_percent) == "12.50"


def test_a_proposal_is_rejected_with_a_reason_or_withdrawn(alpha: Client, operator: Client, market: Market) -> None:
    make_client(broker=market.alpha, code="ORION")
    first = patch(alpha, "clients/ORION", {"daily_limit": "7.00"}).json()
    silent = operator.post(f"/api/v1/proposals/{first['id']}/reject", {}, content_type=JSON)
    assert (silent.status_code, silent.json()["code"]) == (422, "proposal-needs-a-reason")
    assert operator.post(f"/api/v1/proposals/{first['id']}/withdraw", content_type=JSON).status_code == 403
    said = operator.post(f"/api/v1/proposals/{first['id']}/reject", {"reason": "too low"}, content_type=JSON)
    assert (said.json()["status"], said.json()["reason"]) == ("REJECTED", "too low")
    second = patch(alpha, "clients/ORION", {"daily_limit": "7.00"}).json()
    withdrawn = alpha.post(f"/api/v1/proposals/{second['id']}/withdraw", content_type=JSON)
    assert (withdrawn.status_code, withdrawn.json()["status"]) == (200, "WITHDRAWN")
    listed = operator.get("/api/v1/proposals?status=REJECTED").json()["results"]
    assert [row["id"] for row in listed] == [first["id"]]
    assert operator.get("/api/v1/proposals?subject=ORION&limit=1").json()["results"][0]["id"] == second["id"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"code": "orion"}, 422, "code-malformed"),
        ({"name": " "}, 400, "invalid-input"),
        ({"broker": "NOBODY"}, 422, "unknown-participant"),
        ({"broker": "CSD", "settlement_account": "CSD-SEC-HOUSE"}, 422, "broker-serves-no-clients"),
        ({"broker": None}, 422, "broker-serves-no-clients"),
        ({"settlement_account": "BRAVO-SEC-HOUSE"}, 422, "settlement-account-not-the-brokers"),
        ({"settlement_account": "ALPHA-CASH-HOUSE"}, 422, "settlement-account-not-the-brokers"),
        ({"settlement_account": "NONE"}, 422, "settlement-account-not-the-brokers"),
        ({"default_currency": "XXX"}, 422, "unknown-currency"),
        ({"credit_limit": "-1"}, 400, "invalid-input"),
        ({"credit_limit": "1.001"}, 422, "amount-not-exact"),
        ({"credit_limit": "99999999999999"}, 400, "invalid-input"),
        ({"margin_percent": "101"}, 400, "invalid-input"),
        ({"status": "CLOSED"}, 400, "invalid-input"),
    ],
)
def test_a_client_that_breaks_a_rule_is_refused(
    operator: Client, changes: dict[str, Any], status: int, code: str
) -> None:
    refused = post(operator, "clients", entry() | changes if None not in changes.values() else entry(**changes))
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert not OrderClient.objects.exists()


def test_a_code_is_taken_once(operator: Client) -> None:
    assert post(operator, "clients", entry()).status_code == 201
    again = post(operator, "clients", entry())
    assert (again.status_code, again.json()["code"]) == (409, "code-taken")


def test_each_participant_has_its_own_clients_traders_and_proposals(
    alpha: Client, bravo: Client, auditor: Client, operator: Client, market: Market
) -> None:
    make_client(broker=market.alpha, code="ORION")
    make_client(broker=market.bravo, code="VEGA")
    make_trader(broker=market.alpha, code="T-ANN")
    proposal = patch(alpha, "clients/ORION", {"credit_limit": "5.00"}).json()
    for who, clients, traders, proposals in (
        (alpha, ["ORION"], ["T-ANN"], 1), (bravo, ["VEGA"], [], 0), (auditor, ["ORION", "VEGA"], ["T-ANN"], 1),
    ):  # fmt: skip
        assert [row["code"] for row in who.get(f"{BASE}/clients").json()["results"]] == clients
        assert [row["code"] for row in who.get(f"{BASE}/traders").json()["results"]] == traders
        assert len(who.get("/api/v1/proposals").json()["results"]) == proposals
    for path in (f"{BASE}/clients/ORION", f"{BASE}/traders/T-ANN", f"/api/v1/proposals/{proposal['id']}"):
        assert bravo.get(path).status_code == 404
    assert patch(bravo, "clients/ORION", {"name": "Mine"}).status_code == 404
    assert patch(bravo, "traders/T-ANN", {"name": "Mine"}).status_code == 404
    assert bravo.delete(f"{BASE}/clients/ORION").status_code == 404
    for step in ("approve", "reject", "withdraw"):
        answer = bravo.post(f"/api/v1/proposals/{proposal['id']}/{step}", {}, content_type=JSON)
        assert answer.status_code == 404
    foreign = post(bravo, "clients", entry(code="LYRA"))
    assert (foreign.status_code, foreign.json()["code"]) == (403, "not-your-broker")
    assert post(auditor, "clients", entry(code="LYRA")).status_code == 403
    assert patch(auditor, "clients/ORION", {"name": "Mine"}).status_code == 403
    approved = auditor.post(f"/api/v1/proposals/{proposal['id']}/approve", {}, content_type=JSON)
    assert approved.status_code == 403
    assert Proposal.objects.get().status == "PROPOSED"


def test_traders(alpha: Client, bravo: Client, market: Market) -> None:
    created = post(alpha, "traders", {"code": "T-ANN", "name": "Ann", "user": "alpha"})
    assert (created.status_code, created.json()["user"]) == (201, "alpha")
    other = post(alpha, "traders", {"code": "T-BEN", "name": "Ben", "user": "alpha"})
    assert (other.status_code, other.json()["code"]) == (422, "login-not-the-brokers")
    foreign = post(alpha, "traders", {"code": "T-BEN", "name": "Ben", "user": "bravo"})
    assert (foreign.status_code, foreign.json()["code"]) == (422, "login-not-the-brokers")
    renamed = patch(alpha, "traders/T-ANN", {"name": "Anna", "user": None})
    assert (renamed.json()["name"], renamed.json()["user"]) == ("Anna", None)
    left = alpha.delete(f"{BASE}/traders/T-ANN")
    assert (left.status_code, left.json()["active"]) == (200, False)
    assert Trader.objects.count() == 1


def participant(**changes: Any) -> dict[str, Any]:
    return {
        "code": "DELTA", "name": "Delta Securities", "lei": "999900TESTDELTA100" + lei_check_digits(
            body="999900TESTDELTA100"), "bic": "DLTADEFF", "role": "BROKER", "clearing_member": "ALPHA",
    } | changes  # fmt: skip


def test_participants_and_brokers(operator: Client, alpha: Client, market: Market) -> None:
    created = post(operator, "participants", participant())
    assert created.status_code == 201, created.json()
    assert created.json() == operator.get(f"{BASE}/participants/DELTA").json()
    brokers = [row["code"] for row in alpha.get(f"{BASE}/brokers").json()["results"]]
    assert brokers == ["ALPHA", "BRAVO", "CHARLIE", "DELTA"]
    assert alpha.get(f"{BASE}/brokers/CSD").status_code == 404
    assert alpha.get(f"{BASE}/participants/CSD").status_code == 200
    assert patch(operator, "brokers/DELTA", {"name": "Delta & Co"}).json()["name"] == "Delta & Co"
    asked = {"name": "Delta", "clearing_member": "BRAVO"}
    changed = approved(patch(operator, "brokers/DELTA", asked), "brokers/DELTA", operator)
    assert (changed["name"], changed["clearing_member"]) == ("Delta", "BRAVO")
    told = Proposal.objects.get()
    assert (told.kind, told.subject, told.participant_id) == ("participant", "DELTA", None)
    left = approved(operator.delete(f"{BASE}/participants/DELTA"), "participants/DELTA", operator)
    assert left["active"] is False
    assert Participant.objects.filter(code="DELTA").exists()
    for path, code in (("CSD", "infrastructure-stays-active"), ("ALPHA", "others-clear-through-it")):
        refused = operator.delete(f"{BASE}/participants/{path}")
        assert (refused.status_code, refused.json()["code"]) == (409, code)
    for fields, code in (
        ({"lei": "529900T8BM49AURSDO56"}, "lei-check-digits-wrong"), ({"bic": "X"}, "bic-malformed"),
        ({"clearing_member": None}, "static-data-invalid"), ({"clearing_member": "NOBODY"}, "unknown-participant"),
        ({"role": "CCP"}, "invalid-input"), ({"code": "a"}, "invalid-input"), ({"extra": 1}, "invalid-input"),
    ):  # fmt: skip
        refused = post(operator, "participants", participant(code="ECHO") | fields)
        assert refused.status_code in (400, 422)
        assert refused.json()["code"] == code, refused.json()
    assert post(alpha, "participants", participant(code="ECHO")).status_code == 403
    assert patch(alpha, "participants/ALPHA", {"name": "Mine"}).status_code == 403
    assert alpha.delete(f"{BASE}/participants/ALPHA").status_code == 403


def test_instruments(operator: Client, alpha: Client, market: Market) -> None:
    isin = "XS123456789"
    isin += isin_check_digit(body=isin)
    fields = {
        "isin": isin, "symbol": "NOVA", "name": "Nova", "issuer_name": "Nova SA", "security_type": "EQUITY",
        "quotation": "UNIT", "currency": "EUR",
    }  # fmt: skip
    created = post(operator, "instruments", fields)
    assert (created.status_code, created.json()["settlement_lag_days"]) == (201, 2)
    assert alpha.get(f"{BASE}/instruments/NOVA").json() == created.json()
    lots = approved(patch(operator, f"instruments/{isin}", {"lot_size_units": 10}), "instruments/NOVA", operator)
    assert lots["lot_size_units"] == 10
    left = approved(operator.delete(f"{BASE}/instruments/NOVA"), "instruments/NOVA", operator)
    assert left["active"] is False
    assert Security.objects.filter(code=isin, active=False, lot_size_units=10).exists()
    bad = post(operator, "instruments", fields | {"isin": "XS1234567890", "symbol": "X"})
    assert bad.json()["code"] == "isin-check-digit-wrong"
    assert post(operator, "instruments", fields).json()["code"] == "code-taken"
    matured = patch(operator, "instruments/NOVA", {"maturity_date": "2020-01-01"})
    assert (matured.status_code, matured.json()["code"]) == (422, "static-data-invalid")
    assert post(alpha, "instruments", fields | {"symbol": "X"}).status_code == 403
    assert alpha.get(f"{BASE}/instruments?security_type=BOND").json()["results"][0]["symbol"] == "BOND"


def test_currencies(operator: Client, alpha: Client, market: Market) -> None:
    created = post(operator, "currencies", {"code": "GBP", "name": "Pound sterling", "calendar": "TARGET"})
    assert (created.status_code, created.json()["digits"]) == (201, 2)
    assert [row["code"] for row in alpha.get(f"{BASE}/currencies").json()["results"]] == ["EUR", "GBP", "USD"]
    waits = patch(operator, "currencies/GBP", {"tolerance_below_minor": 7})
    assert waits.json()["changes"] == [{"label": "Tolerance below, minor units", "before": "200", "after": "7"}]
    assert approved(waits, "currencies/GBP", operator)["tolerance_below_minor"] == 7
    refused = operator.delete(f"{BASE}/currencies/GBP")
    assert (refused.status_code, refused.json()["code"]) == (409, "currency-stays")
    lost = post(operator, "currencies", {"code": "CHF", "name": "Franc", "calendar": "MOON"})
    assert (lost.status_code, lost.json()["code"]) == (422, "static-data-invalid")
    assert patch(alpha, "currencies/GBP", {"name": "Mine"}).status_code == 403


def test_accounts(operator: Client, alpha: Client, bravo: Client, market: Market) -> None:
    refused = post(operator, "accounts", {"participant": "ALPHA", "kind": "SECURITIES", "name": "FUND2"})
    assert (refused.status_code, refused.json()["code"]) == (422, "linked-cash-refused")
    assert post(operator, "accounts", {"participant": "ALPHA", "kind": "CASH", "name": "FUND2"}).status_code == 201
    created = post(operator, "accounts", {"participant": "ALPHA", "kind": "SECURITIES", "name": "FUND2"})
    assert (created.json()["code"], created.json()["linked_cash"]) == ("ALPHA-SEC-FUND2", "ALPHA-CASH-FUND2")
    moved = patch(operator, "accounts/ALPHA-SEC-FUND2", {"linked_cash": "ALPHA-CASH-HOUSE"})
    assert moved.json()["changes"] == [
        {"label": "Paid for by", "before": "ALPHA-CASH-FUND2", "after": "ALPHA-CASH-HOUSE"}
    ]
    assert approved(moved, "accounts/ALPHA-SEC-FUND2", operator)["linked_cash"] == "ALPHA-CASH-HOUSE"
    for fields in ({"linked_cash": "BRAVO-CASH-HOUSE"}, {"linked_cash": "ALPHA-SEC-HOUSE"}):
        answer = patch(operator, "accounts/ALPHA-SEC-FUND2", fields)
        assert (answer.status_code, answer.json()["code"]) == (422, "linked-cash-refused")
    stays = operator.delete(f"{BASE}/accounts/ALPHA-SEC-FUND2")
    assert (stays.status_code, stays.json()["code"]) == (409, "account-stays")
    assert bravo.get(f"{BASE}/accounts/ALPHA-SEC-FUND2").status_code == 404
    owners = {row["participant"] for row in bravo.get(f"{BASE}/accounts").json()["results"]}
    assert owners == {"BRAVO"}
    assert post(alpha, "accounts", {"participant": "ALPHA", "kind": "CASH", "name": "MINE"}).status_code == 403


@pytest.mark.parametrize(
    "noun", ["clients", "traders", "brokers", "participants", "accounts", "instruments", "currencies"]
)
def test_every_list_turns_its_pages_and_refuses_unknown_filters(operator: Client, market: Market, noun: str) -> None:
    for _ in range(2):
        make_client(broker=market.alpha)
        make_trader(broker=market.alpha)
    first = operator.get(f"{BASE}/{noun}?limit=1").json()
    second = operator.get(first["next"]).json()
    key = "isin" if noun == "instruments" else "code"
    assert len(first["results"]) == len(second["results"]) == 1
    assert first["results"][0][key] < second["results"][0][key]
    assert operator.get(f"{BASE}/{noun}?nonsense=1").status_code == 400
    assert operator.get(f"{BASE}/{noun}/NO-SUCH").status_code == 404
    assert operator.get(f"{BASE}/{noun}/%00").status_code == 404
    for body in ("[]", "null", "3", '{"code": null}', '{"name": {"a": [1]}}', "{"):
        answer = operator.post(f"{BASE}/{noun}", body, content_type=JSON)
        assert answer.status_code in (400, 422), body
