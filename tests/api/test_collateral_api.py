"""Collateral, calls and margin statements through the API: what they say, who may do what, who sees whose."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

pytestmark = pytest.mark.django_db
BASE = "/api/v1/clearing"


@pytest.fixture
def chain(db: None) -> Chain:
    """ALPHA has put up cash and bonds and needs less, BRAVO is called; Monday 2008-09-08."""
    from clearing.services.issue_calls import issue_calls
    from tests.factories.chain import make_chain
    from tests.factories.collateral import join, put_in, require

    made = make_chain()
    join(made)
    put_in(made, "ALPHA", "EUR", 100_000)
    put_in(made, "ALPHA", "BOND", 1_000)
    made.give("ALPHA", "EUR", 50_000)
    made.give("BRAVO", "EUR", 80_000)
    issue_calls(run=require(made, ALPHA=120_000, BRAVO=70_000))
    return made


@pytest.fixture
def users(chain: Chain) -> dict[str, Client]:
    from reference.models import Participant
    from tests.factories.market import login

    found = {"operator": login(name="operator"), "auditor": login(name="auditor", role="AUDITOR")}
    for code in ("ALPHA", "BRAVO", "ECHO"):
        found[code] = login(participant=Participant.objects.get(code=code), name=code.lower())
    return found


def get(client: Client, path: str) -> Any:
    response = client.get(f"{BASE}/{path}")
    assert response.status_code == 200, response.content
    return response.json()


def post(client: Client, path: str, fields: dict[str, Any] | None = None) -> Any:
    return client.post(f"{BASE}/{path}", data=fields or {}, content_type="application/json")


def test_the_report_says_what_counts_and_what_is_free(users: dict[str, Client]) -> None:
    found = get(users["operator"], "collateral")
    by_member = {row["member"]: row for row in found["segments"]}
    assert set(by_member) == {"ALPHA", "BRAVO"}
    alpha = by_member["ALPHA"]
    assert [alpha[name] for name in ("cash", "securities", "value", "margin_required", "balance", "free_cash")] == [
        "1000.00", "901.60", "1901.60", "1200.00", "701.60", "701.60",
    ]  # fmt: skip
    (holding,) = alpha["holdings"]
    assert (holding["quantity"], holding["price"], holding["haircut_percent"], holding["value"]) == (
        1_000, "98", "8.000", "901.60",
    )  # fmt: skip
    assert (by_member["BRAVO"]["balance"], by_member["BRAVO"]["called"]) == ("-700.00", "700.00")


def test_a_member_sees_its_own_and_nobody_elses(users: dict[str, Client]) -> None:
    assert {row["member"] for row in get(users["ALPHA"], "collateral")["segments"]} == {"ALPHA"}
    assert get(users["ALPHA"], "calls")["results"] == []
    assert {row["member"] for row in get(users["ALPHA"], "collateral/movements")["results"]} == {"ALPHA"}
    assert [row["member"] for row in get(users["BRAVO"], "calls")["results"]] == ["BRAVO"]
    for who in ("ALPHA", "ECHO"):
        assert users[who].get(f"{BASE}/collateral?member=BRAVO").status_code == 404
        assert users[who].get(f"{BASE}/margin-statement?member=BRAVO").status_code == 404
    assert get(users["ECHO"], "collateral")["segments"] == []
    assert {row["member"] for row in get(users["auditor"], "calls")["results"]} == {"BRAVO"}


def test_a_member_moves_its_own_collateral(users: dict[str, Client], chain: Chain) -> None:
    alpha = users["ALPHA"]
    made = post(alpha, "collateral/deposit", {"currency": "EUR", "amount": "250.00"})
    assert made.status_code == 201, made.content
    assert (made.json()["member"], made.json()["amount"], made.json()["quantity"]) == ("ALPHA", "250.00", None)
    back = post(alpha, "collateral/withdraw", {"currency": "EUR", "security": "BOND", "quantity": 10})
    assert (back.json()["asset"], back.json()["quantity"], back.json()["amount"]) == (chain.isins["BOND"], -10, None)
    swapped = post(alpha, "collateral/substitute", {"currency": "EUR", "security": "BOND", "quantity": 10})
    assert [(row["kind"], row["asset"]) for row in swapped.json()] == [
        ("SUBSTITUTION", chain.isins["BOND"]), ("SUBSTITUTION", "EUR"),
    ]  # fmt: skip
    released = post(alpha, "collateral/release", {"currency": "EUR"})
    assert released.status_code == 201
    (segment,) = get(alpha, "collateral")["segments"]
    assert (segment["value"], segment["free_cash"]) == ("1200.00", "0.00")


@pytest.mark.parametrize(
    ("path", "fields", "status", "code"),
    [
        ("withdraw", {"currency": "EUR", "amount": "701.61"}, 409, "collateral-not-free"),
        ("withdraw", {"currency": "EUR", "amount": "1000.01"}, 409, "collateral-not-held"),
        ("deposit", {"currency": "EUR", "amount": "500.01"}, 409, "collateral-not-held"),
        ("deposit", {"currency": "EUR", "amount": "0"}, 422, "collateral-refused"),
        ("deposit", {"currency": "EUR", "amount": "0.001"}, 422, "collateral-refused"),
        ("deposit", {"currency": "EUR"}, 422, "collateral-refused"),
        ("deposit", {"currency": "EUR", "amount": "1", "security": "BOND", "quantity": 1}, 422, "collateral-refused"),
        ("deposit", {"currency": "EUR", "security": "NOSUCH", "quantity": 1}, 422, "unknown-security"),
        ("deposit", {"currency": "EUR", "security": "DOLLAR", "quantity": 1}, 422, "collateral-not-eligible"),
        ("deposit", {"currency": "XXX", "amount": "1"}, 422, "unknown-currency"),
        ("deposit", {"currency": "EUR", "amount": "NaN"}, 400, "validation"),
        ("deposit", {"currency": "EUR", "amount": "1", "colour": "red"}, 400, "validation"),
        ("deposit", {"currency": "EUR", "amount": "1", "member": "BRAVO"}, 404, "unknown-membership"),
        ("substitute", {"currency": "EUR", "amount": "1", "into": []}, 422, "collateral-refused"),
        ("substitute", {"currency": "EUR", "amount": "1", "into": [{"amount": "1"}]}, 422, "collateral-refused"),
    ],
)
def test_what_is_wrong_is_refused_by_name_and_changes_nothing(
    users: dict[str, Client], path: str, fields: dict[str, Any], status: int, code: str
) -> None:
    from clearing.models import CollateralMovement

    before = CollateralMovement.objects.count()
    response = post(users["ALPHA"], f"collateral/{path}", fields)
    assert (response.status_code, CollateralMovement.objects.count()) == (status, before), response.content
    if code != "validation":
        assert response.json()["code"] == code


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("deposit", {"amount": "250.00"}),
        ("withdraw", {"amount": "701.60"}),
        ("substitute", {"security": "BOND", "quantity": 10}),
        ("release", {}),
    ],
)
def test_a_dry_run_answers_and_changes_nothing(users: dict[str, Client], path: str, fields: dict[str, Any]) -> None:
    from clearing.models import CollateralMovement
    from events.models import AuditRecord

    before = (CollateralMovement.objects.count(), AuditRecord.objects.count(), get(users["ALPHA"], "collateral"))
    response = post(users["ALPHA"], f"collateral/{path}?dry_run=true", fields | {"currency": "EUR"})
    assert response.status_code == 200, response.content
    assert (
        CollateralMovement.objects.count(),
        AuditRecord.objects.count(),
        get(users["ALPHA"], "collateral"),
    ) == before
    assert post(users["ALPHA"], f"collateral/{path}?dry_run=maybe", fields | {"currency": "EUR"}).status_code == 400
    assert post(users["ALPHA"], f"collateral/{path}", fields | {"currency": "EUR"}).status_code == 201


def test_only_who_may_acts(users: dict[str, Client]) -> None:
    from clearing.models import MarginCall

    call = MarginCall.objects.get()
    fields = {"member": "ALPHA", "currency": "EUR", "amount": "1"}
    assert post(users["auditor"], "collateral/deposit", fields).status_code == 403
    assert post(users["ECHO"], "collateral/deposit", {"currency": "EUR", "amount": "1"}).status_code == 404
    assert post(users["operator"], "collateral/deposit", {"currency": "EUR", "amount": "1"}).status_code == 422
    assert post(users["operator"], "collateral/deposit", fields).status_code == 201
    assert post(users["ALPHA"], f"calls/{call.pk}/pay").status_code == 404
    assert post(users["auditor"], f"calls/{call.pk}/pay").status_code == 403
    assert post(users["BRAVO"], f"calls/{call.pk}/withdraw", {"why": "no"}).status_code == 403
    assert post(users["operator"], f"calls/{call.pk}/withdraw", {}).status_code == 400


def test_a_call_is_paid_once(users: dict[str, Client]) -> None:
    from clearing.models import MarginCall

    call = MarginCall.objects.get()
    (row,) = get(users["BRAVO"], "calls?status=ISSUED")["results"]
    assert (row["kind"], row["amount"], row["open"], row["payments"]) == ("INITIAL", "700.00", "700.00", [])
    paid = post(users["BRAVO"], f"calls/{call.pk}/pay")
    assert (paid.json()["status"], paid.json()["open"]) == ("PAID", "0.00")
    assert [payment["amount"] for payment in paid.json()["payments"]] == ["700.00"]
    again = post(users["BRAVO"], f"calls/{call.pk}/pay")
    assert (again.status_code, again.json()["code"]) == (409, "call-not-open")
    assert post(users["operator"], f"calls/{call.pk}/withdraw", {"why": "x"}).json()["code"] == "call-not-open"


def test_the_statement_of_a_day_adds_up(users: dict[str, Client], chain: Chain) -> None:
    found = get(users["ALPHA"], f"margin-statement?business_date={chain.day}")
    (segment,) = found["segments"]
    assert segment == {
        "currency": "EUR", "margin_required": "1200.00", "collateral": "1901.60", "balance": "701.60",
        "variation": "0.00",
    }  # fmt: skip
    lines = {(line["section"], line["item"]): line["amount"] for line in found["lines"]}
    assert lines["collateral: cash", "EUR"] == "1000.00"
    assert lines["collateral: security", chain.isins["BOND"]] == "901.60"
    assert lines["margin: required", "ALPHA-SEC-HOUSE"] == "1200.00"
    bravo = get(users["operator"], f"margin-statement?member=BRAVO&business_date={chain.day}")
    assert {line["section"]: line["amount"] for line in bravo["lines"]}["call: initial"] == "700.00"
    assert get(users["ALPHA"], f"margin-statement?business_date={date(2008, 9, 1)}")["segments"] == []
    for wrong in ("business_date=yesterday", "day=2008-09-08", "business_date=2008-02-30"):
        assert users["ALPHA"].get(f"{BASE}/margin-statement?{wrong}").status_code == 400
    assert users["operator"].get(f"{BASE}/margin-statement").status_code == 400
