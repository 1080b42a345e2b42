"""The pages of risk: failures first, what each member stands at, calls and collateral with their forms, statements."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.pages.reading import get_csv, get_text, links_of, text_of

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.factories.chain import Chain


@pytest.fixture
def chain(db: None) -> Chain:
    """ALPHA has put up cash and bonds; BRAVO's call of 700.00 is overdue, 100.00 of it paid; DELTA is called."""
    from clearing.services.issue_calls import issue_calls
    from clearing.services.pay_calls import pay_calls
    from tests.factories.chain import make_chain
    from tests.factories.collateral import join, put_in, require

    made = make_chain()
    join(made)
    put_in(made, "ALPHA", "EUR", 100_000)
    put_in(made, "ALPHA", "BOND", 1_000)
    made.give("ALPHA", "EUR", 50_000)
    made.give("BRAVO", "EUR", 10_000)
    issue_calls(run=require(made, ALPHA=120_000, BRAVO=70_000))
    made.move_to(made.day.replace(day=9), 9)
    pay_calls(at=made.at, business_date=made.day)
    issue_calls(run=require(made, "INTRADAY", ALPHA=120_000, BRAVO=70_000, DELTA=30_000))
    made.move_to(made.day, 9, 20)
    return made


@pytest.fixture
def echo(chain: Chain) -> Client:
    from tests.pages.conftest import participant

    return participant(chain, "ECHO")


def post(client: Client, address: str, **fields: str) -> str:
    """Send a form and return the text of the page it comes back to."""
    response = client.post(address, fields, follow=True)
    assert response.status_code == 200, (address, response.status_code)
    return text_of(response)


def test_what_is_overdue_comes_first(operator: Client) -> None:
    text = get_text(operator, "/risk/")
    assert text.index("1 margin call overdue") < text.index("Open calls") < text.index("Members")
    assert "BRAVO: 600.00 EUR since 09:00 CET" in text
    rows = re.findall(r"(ALPHA|BRAVO|DELTA) EUR", text)
    assert rows == ["BRAVO", "DELTA", "ALPHA"]
    assert "DELTA: Intraday call for collateral due 09 Sep 2008 10:00:00 CET , 40 m 00 s left" in text


def test_each_segment_says_what_stands_and_what_is_next(operator: Client) -> None:
    text = get_text(operator, "/risk/")
    assert "ALPHA EUR 702 EUR free 1,200.00 1,000.00 901.60 1,901.60 701.60" in text
    assert "BRAVO EUR Pay now 700.00 100.00 0.00 100.00 −600.00 600.00 overdue" in text
    assert "DELTA EUR Pay by the deadline 300.00 0.00 0.00 0.00 −300.00 300.00" in text
    assert {f"/risk/collateral/?member={code}" for code in ("ALPHA", "BRAVO", "DELTA")} <= links_of(operator, "/risk/")
    by_member = {row["member"]: row for row in get_csv(operator, "/risk/?format=csv")}
    assert (by_member["BRAVO"]["balance_minor"], by_member["BRAVO"]["overdue_minor"]) == ("-60000", "60000")


def test_a_member_sees_itself_only(alpha: Client, bravo: Client, echo: Client) -> None:
    for address in ("/risk/", "/risk/calls/", "/risk/collateral/", "/risk/statement/"):
        assert "BRAVO" not in get_text(alpha, address)
        assert "ALPHA" not in get_text(bravo, address)
    for address in ("/risk/calls/?format=csv", "/risk/collateral/?format=csv"):
        assert {row["member"] for row in get_csv(alpha, address)} <= {"ALPHA"}
        assert get_csv(echo, address) == []
    assert alpha.get("/risk/statement/?member=BRAVO").status_code == 404
    assert echo.get("/risk/statement/?member=ALPHA").status_code == 404
    assert "You clear through Participant ALPHA" in get_text(echo, "/risk/")


def test_the_home_page_and_the_menu_tell_of_overdue_calls(operator: Client, alpha: Client, bravo: Client) -> None:
    for client, told in ((operator, True), (bravo, True), (alpha, False)):
        assert ("1 margin call overdue" in get_text(client, "/")) is told
        menu = client.get("/audit/").content.decode()
        found = re.search(r'href="/risk/"[^>]*>(.*?)</a>', menu, re.DOTALL)
        assert found is not None
        assert ('class="count">1<' in found.group(1)) is told


def test_the_calls_page_lists_and_filters(operator: Client) -> None:
    assert len(get_csv(operator, "/risk/calls/?format=csv")) == 2
    (row,) = get_csv(operator, "/risk/calls/?status=OVERDUE&format=csv")
    assert (row["member"], row["kind"], row["amount_minor"], row["paid_minor"]) == (
        "BRAVO",
        "INITIAL",
        "70000",
        "10000",
    )
    assert "No call here" in get_text(operator, "/risk/calls/?status=WITHDRAWN")
    assert "passed" in get_text(operator, "/risk/calls/?member=BRAVO")


def test_a_call_is_paid_by_form_and_asks_twice(operator: Client, bravo: Client, alpha: Client, chain: Chain) -> None:
    from clearing.models import MarginCall

    call = MarginCall.objects.get(status="OVERDUE")
    address = f"/risk/calls/{call.pk}/pay/"
    assert "Tick that you have checked it" in post(bravo, address)
    assert "does not hold" in post(bravo, address, sure="on")
    chain.give("BRAVO", "EUR", 60_000)
    assert "There is no such margin call" in post(alpha, address, sure="on")
    assert f"Call {call.pk} is paid" in post(bravo, address, sure="on")
    assert MarginCall.objects.get(pk=call.pk).status == "PAID"
    assert bravo.get(address).status_code == 405


def test_only_an_operator_withdraws_a_call_and_says_why(operator: Client, bravo: Client, auditor: Client) -> None:
    from clearing.models import MarginCall

    call = MarginCall.objects.get(status="OVERDUE")
    address = f"/risk/calls/{call.pk}/withdraw/"
    for client in (bravo, auditor):
        assert client.post(address, {"sure": "on", "why": "x"}).status_code == 403
    assert "Tick that you have checked it" in post(operator, address, why="a mistake")
    assert "Say why" in post(operator, address, sure="on")
    assert MarginCall.objects.get(pk=call.pk).status == "OVERDUE"
    assert "is withdrawn" in post(operator, address, sure="on", why="a mistake")
    assert "popovertarget" not in get_text(operator, "/risk/calls/?status=WITHDRAWN")


def test_collateral_is_shown_with_haircut_and_limit(alpha: Client) -> None:
    text = get_text(alpha, "/risk/collateral/")
    assert "BOND Issuer 1,000 98.00 980.00 EUR 8 % 901.60 EUR 47 %" in text
    assert "ALPHA EUR 1,000.00 EUR 901.60 EUR 1,901.60 EUR 1,200.00 EUR 701.60 EUR" in text


@pytest.mark.parametrize(
    ("action", "fields", "told"),
    [
        ("deposit", {"amount": "100.00"}, "Deposited"),
        ("deposit", {"amount": "1,000.00"}, "does not hold that much"),
        ("withdraw", {"amount": "701.60"}, "Withdrawn"),
        ("withdraw", {"amount": "701.61"}, "701.60 EUR are free"),
        ("withdraw", {"security": "BOND", "quantity": "500"}, "Withdrawn"),
        ("withdraw", {"security": "BOND", "quantity": "1.5"}, "whole number of units"),
        ("withdraw", {"amount": "1e99999"}, "Write a number"),
        ("withdraw", {"amount": "NaN"}, "Write a number"),
        ("withdraw", {}, "Write an amount of cash"),
        ("release", {}, "All free cash"),
        ("substitute", {"security": "BOND", "quantity": "100"}, "Substituted: EUR came in"),
        ("substitute", {"security": "BOND", "quantity": "100", "into_amount": "1.00"}, "Substituted: EUR came in"),
        ("substitute", {"security": "BOND", "quantity": "1000", "into_amount": "100.00"}, "would be worth"),
    ],
)
def test_collateral_moves_by_form(alpha: Client, action: str, fields: dict[str, str], told: str) -> None:
    address = f"/risk/collateral/{action}/"
    assert told in post(alpha, address, currency="EUR", sure="on", **fields)


def test_every_form_asks_twice_and_of_its_own_member(alpha: Client, auditor: Client, operator: Client) -> None:
    from clearing.models import CollateralMovement

    before = CollateralMovement.objects.count()
    for action in ("deposit", "withdraw", "substitute", "release"):
        address = f"/risk/collateral/{action}/"
        fields: dict[str, Any] = {"currency": "EUR", "amount": "1.00"}
        assert "Tick that you have checked it" in post(alpha, address, **fields)
        assert "no such clearing member" in post(alpha, address, **fields, sure="on", member="BRAVO")
        assert auditor.post(address, fields | {"sure": "on", "member": "ALPHA"}).status_code == 403
        assert alpha.get(address).status_code == 405
    assert "Deposit" not in get_text(auditor, "/risk/collateral/?member=ALPHA").replace("Deposited", "")
    assert CollateralMovement.objects.count() == before
    assert "Deposited: it counts" in post(
        operator, "/risk/collateral/deposit/", member="ALPHA", currency="EUR", amount="1.00", sure="on"
    )


def test_a_statement_is_a_page_a_csv_and_json(alpha: Client, operator: Client, chain: Chain) -> None:
    address = "/risk/statement/?member=ALPHA&business_date=2008-09-08"
    text = get_text(alpha, address)
    assert "Margin statement of" in text
    assert "ALPHA-SEC-HOUSE" in text
    assert "Deposited" in text
    rows = get_csv(alpha, address + "&format=csv")
    by_section = {row["section"]: row["amount_minor"] for row in rows}
    assert (by_section["collateral: counted"], by_section["margin: required in all"]) == ("190160", "120000")
    assert alpha.get(address + "&format=json").json()["segments"][0]["balance"] == "701.60"
    assert "Nothing on this day" in get_text(operator, "/risk/statement/?member=DELTA&business_date=2008-09-01")
    assert operator.get("/risk/statement/?member=NOSUCH").status_code == 404


@pytest.mark.parametrize(
    ("address", "most"),
    [("/risk/", 23), ("/risk/calls/", 14), ("/risk/collateral/", 25), ("/risk/statement/?member=ALPHA", 29)],
)
def test_members_cost_no_queries(
    address: str, most: int, operator: Client, chain: Chain, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    from tests.factories.collateral import put_in

    for code in ("BRAVO", "CHARLIE", "DELTA"):
        put_in(chain, code, "EUR", 5_000)
        put_in(chain, code, "BOND", 100)
    operator.get(address)
    with django_assert_max_num_queries(most):
        assert operator.get(address).status_code == 200
