"""The page of credit: lines, what is owed on them, each credit with its pledges; and the same in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

API = "/api/v1/settlement"


@pytest.fixture
def lent(chain: Chain) -> Chain:
    """DELTA owes 650.00 of 1,000.00 against shares that it was buying; BRAVO has a line and needs none."""
    from tests.factories.credit import lend, price
    from tests.factories.instructions import instruct

    price(chain, "STOCK", "10")
    lend(chain, "DELTA", 100_000)
    lend(chain, "BRAVO", 100_000)
    instruct(chain, "ALPHA", "DELTA", 100, 70_000)
    cycle = chain.cycle(name="The one that lends")
    assert cycle is not None
    assert cycle.credit_drawn_minor == {"EUR": 65_000}
    return chain


def test_without_a_line_the_page_says_why_it_is_empty(operator: Client, chain: Chain) -> None:
    assert "No credit line" in get_text(operator, "/credit/")


def test_the_operator_sees_lines_and_credits(operator: Client, lent: Chain) -> None:
    text = get_text(operator, "/credit/")
    for shown in ("DELTA", "1,000.00", "650.00", "The one that lends", "77 STOCK", "Still to draw"):
        assert shown in text
    (row,) = get_csv(operator, "/credit/?format=csv")
    assert (row["participant"], row["amount_minor"], row["status"]) == ("DELTA", "65000", "OPEN")
    assert row["pledged"] == f"77 {lent.isins['STOCK']}"
    assert get_csv(operator, "/credit/?format=csv&status=REIMBURSED") == []
    assert get_csv(operator, "/credit/?format=csv&participant=BRAVO") == []


def test_the_cycle_tells_what_it_drew(operator: Client, alpha: Client, lent: Chain) -> None:
    from settlement.models import CreditDraw

    address = f"/cycles/{CreditDraw.objects.get().cycle_id}/"
    assert "Credit drawn, EUR" in get_text(operator, address)
    assert "Credit drawn" not in get_text(alpha, address)


def test_a_participant_sees_its_own_only_and_changes_nothing(delta: Client, bravo: Client, lent: Chain) -> None:
    from settlement.models import CreditLine

    assert len(get_csv(delta, "/credit/?format=csv")) == 1
    assert get_csv(bravo, "/credit/?format=csv") == []
    own = get_text(bravo, "/credit/")
    assert "DELTA" not in own
    assert "Save" not in own
    line = CreditLine.objects.order_by("id").first()
    assert line is not None
    assert bravo.post(f"/credit/{line.pk}/change/", {"limit": "1"}).status_code == 403
    assert delta.get(f"{API}/credit").json()["results"][0]["amount"] == "650.00"
    assert bravo.get(f"{API}/credit").json()["results"] == []
    assert [row["participant"] for row in bravo.get(f"{API}/credit-lines").json()["lines"]] == ["BRAVO"]


def test_the_operator_changes_a_line_with_what_it_means_and_a_record(operator: Client, lent: Chain) -> None:
    from events.models import AuditRecord
    from settlement.models import CreditLine
    from tests.factories.market import login

    line = CreditLine.objects.get(account__participant_id=lent.ids["DELTA"])

    def change(**fields: str) -> str:
        response = operator.post(f"/credit/{line.pk}/change/", fields, follow=True)
        return " ".join(response.content.decode().split())

    assert "649.99" not in change(limit="649.99", active="on")
    line.refresh_from_db()
    assert line.limit_minor == 100_000
    for wrong in ("many", "NaN", "1.005", "-1", ""):
        change(limit=wrong, active="on")
    line.refresh_from_db()
    assert (line.limit_minor, line.active) == (100_000, True)
    told = change(limit="2,000.00")
    assert "stopped: nothing more is drawn" in told
    assert "waits for a second person" in told
    line.refresh_from_db()
    assert (line.limit_minor, line.active) == (100_000, False)
    assert AuditRecord.objects.filter(action="creditline.changed").count() == 1
    assert "waits for a decision" in change(limit="3,000.00")
    queue = get_text(operator, "/approvals/?view=waiting")
    for shown in ("DELTA EUR", "1,000.00 EUR", "2,000.00 EUR", "another person decides"):
        assert shown in queue
    assert b'<a href="/credit/">DELTA EUR' in operator.get("/approvals/?view=waiting").content
    second = login(name="second")
    assert "Approved and carried out" in get_text(second, decide(second))
    line.refresh_from_db()
    assert (line.limit_minor, line.active) == (200_000, False)


def decide(client: Client) -> str:
    """Approve the one proposal; return the page that tells of it."""
    from reference.models import Proposal

    proposal = Proposal.objects.get()
    assert client.post(f"/approvals/{proposal.public_id}/approve/").status_code == 302
    return "/approvals/"


def test_the_api_tells_a_line_whole(operator: Client, lent: Chain) -> None:
    lines = {row["participant"]: row for row in operator.get(f"{API}/credit-lines").json()["lines"]}
    assert lines["DELTA"] == {
        "participant": "DELTA", "currency": "EUR", "active": True, "limit": "1000.00", "owed": "650.00",
        "overnight": "0.00", "pledged": "654.50", "available": "153.00", "free": "153.00",
    }  # fmt: skip
    (credit,) = operator.get(f"{API}/credit?participant=DELTA").json()["results"]
    assert credit["pledges"] == [{"security": lent.isins["STOCK"], "quantity": 77, "unit_value_minor": 850}]
    assert operator.get(f"{API}/credit?colour=red").status_code == 400
