"""The pages of clients, static data and approvals: what they say, what their forms do, and who sees what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_csv, get_text, links_of, text_of

if TYPE_CHECKING:
    from django.test import Client

    from reference.models import Participant
    from tests.factories.chain import Chain


def member(code: str) -> Participant:
    from reference.models import Participant

    return Participant.objects.get(code=code)


@pytest.fixture
def orion(chain: Chain) -> None:
    from tests.factories.trading import make_client, make_trader

    make_client(broker=member("ALPHA"), code="ORION", name="Orion Fund", credit_limit_minor=1_000_000_00)
    make_client(broker=member("BRAVO"), code="VEGA", name="Vega Fund")
    make_trader(broker=member("ALPHA"), code="T-ANN")


def fields(**changes: str) -> dict[str, str]:
    return {
        "name": "Orion Fund", "settlement_account": "ALPHA-SEC-HOUSE", "status": "ACTIVE",
        "credit_limit": "1,000,000.00", "daily_limit": "5000000.00", "margin_percent": "0.00",
    } | changes  # fmt: skip


def test_limits_are_proposed_approved_and_shown(orion: None, operator: Client, alpha: Client) -> None:
    text = get_text(alpha, "/clients/")
    assert "ORION Orion Fund" in text
    assert "VEGA" not in text
    page = get_text(alpha, "/clients/ORION/")
    assert "Credit 0.00 EUR of 1,000,000.00 EUR 0.0 %" in page
    answered = alpha.post("/static-data/clients/ORION/", fields(credit_limit="2,500,000", name="Orion"), follow=True)
    text = text_of(answered)
    assert "Limits of client ORION: waits for a second person" in text
    assert "Credit limit: 1,000,000.00 EUR → 2,500,000.00 EUR" in text
    assert "another person decides" in text
    assert "ORION Active Orion" in " ".join(text.split())
    queue = get_text(operator, "/approvals/")
    assert "To decide 1 All waiting 1" in queue
    assert "To decide 0 All waiting 1" in get_text(alpha, "/approvals/")
    assert operator.get("/approvals/").context["nav_counts"]["approvals"] == 1
    assert alpha.get("/approvals/").context["nav_counts"]["approvals"] == 0
    assert "ORION limits of a client, ALPHA Credit limit: 1,000,000.00 EUR → 2,500,000.00 EUR Proposed alpha" in queue
    from reference.models import Proposal

    address = f"/approvals/{Proposal.objects.get().public_id}"
    own = alpha.post(f"{address}/approve/", follow=True)
    assert "Whoever proposed a change does not decide it" in text_of(own)
    said = operator.post(f"{address}/approve/", {"back": "/clients/ORION/"}, follow=True)
    assert said.redirect_chain == [("/clients/ORION/", 302)]
    text = text_of(said)
    assert "Approved and carried out: Limits of client ORION." in text
    assert "of 2,500,000.00 EUR" in text
    assert "Nothing waits here" in get_text(operator, "/approvals/")
    assert "Approved by operator, 10 Sep 10:00 alpha" in get_text(operator, "/approvals/?view=decided")
    [row] = get_csv(operator, "/approvals/?view=all&format=csv")
    assert (row["subject"], row["status"], row["decided_by"]) == ("ORION", "APPROVED", "operator")


def test_a_rejection_says_why_and_changes_nothing(orion: None, operator: Client, alpha: Client) -> None:
    from reference.models import Proposal

    alpha.post("/static-data/clients/ORION/", fields(short_sale_allowed="on"))
    address = f"/approvals/{Proposal.objects.get().public_id}"
    assert "Say why" in text_of(operator.post(f"{address}/reject/", {"reason": " "}, follow=True))
    away = operator.post(f"{address}/reject/", {"reason": "not covered", "back": "//elsewhere.example/"})
    assert away["Location"] == "/approvals/"
    text = get_text(alpha, "/clients/ORION/")
    assert "not covered" in text
    assert "Short sales not allowed" in text
    assert operator.post(f"{address}/burn/").status_code == 404


def test_nobody_sees_or_decides_of_another_broker(orion: None, bravo: Client, auditor: Client, alpha: Client) -> None:
    from reference.models import Proposal

    alpha.post("/static-data/clients/ORION/", fields(margin_percent="5"))
    proposal = Proposal.objects.get()
    for address in ("/clients/ORION/", "/static-data/clients/ORION/", "/static-data/traders/T-ANN/"):
        assert bravo.get(address).status_code == 404
        assert bravo.post("/static-data/clients/ORION/", fields(name="Mine")).status_code == 404
    assert "ORION" not in get_text(bravo, "/approvals/?view=all")
    assert bravo.post(f"/approvals/{proposal.public_id}/approve/").status_code == 404
    assert bravo.post("/static-data/clients/ORION/leave/").status_code == 404
    assert auditor.post(f"/approvals/{proposal.public_id}/approve/").status_code == 403
    assert auditor.post("/static-data/clients/ORION/", fields(name="Mine")).status_code == 403
    assert "Change it" not in get_text(auditor, "/clients/ORION/")
    assert [row["code"] for row in get_csv(auditor, "/clients/?format=csv")] == ["ORION", "VEGA"]
    assert [row["code"] for row in get_csv(bravo, "/clients/?format=csv")] == ["VEGA"]
    assert get_csv(bravo, "/static-data/traders/?format=csv") == []
    assert Proposal.objects.get().status == "PROPOSED"


def test_a_client_is_opened_and_closed_by_forms(orion: None, alpha: Client) -> None:
    assert "New client" in get_text(alpha, "/static-data/clients/new/")
    entry = fields(code="LYRA", name="Lyra", default_currency="EUR")
    del entry["status"]
    refused = alpha.post("/static-data/clients/new/", entry | {"settlement_account": "BRAVO-SEC-HOUSE"})
    assert refused.status_code == 422
    assert "A client settles in a securities account of its broker" in text_of(refused)
    assert b'value="LYRA"' in refused.content
    empty = alpha.post("/static-data/clients/new/", {"code": "LYRA"})
    assert text_of(empty).count("This field is required.") == 4
    opened = alpha.post("/static-data/clients/new/", entry, follow=True)
    assert opened.redirect_chain == [("/clients/LYRA/", 302)]
    assert "LYRA is there. Its limits are nothing until a second person approves" in text_of(opened)
    assert "Daily limit: 0.00 EUR → 5,000,000.00 EUR" in text_of(opened)
    closed = text_of(alpha.post("/static-data/clients/LYRA/leave/", follow=True))
    assert "LYRA has left" in closed
    assert "LYRA Closed" in closed
    assert "Change it" not in closed


def test_the_index_counts_what_the_actor_sees(orion: None, operator: Client, alpha: Client, auditor: Client) -> None:
    assert "Clients 2 Clients whose orders" in get_text(operator, "/static-data/")
    assert "Clients 1 Clients whose orders" in get_text(alpha, "/static-data/")
    assert "/static-data/instruments/new/" in links_of(operator, "/static-data/")
    assert "/static-data/instruments/new/" not in links_of(alpha, "/static-data/")
    assert "/static-data/clients/new/" not in links_of(auditor, "/static-data/")


@pytest.mark.parametrize(
    ("plural", "key", "change", "shown"),
    [
        ("traders", "T-ANN", {"name": "Ann B", "active": "on"}, "Name Ann B"),
        ("participants", "ECHO", {"name": "Echo Bank", "clearing_member": "BRAVO", "active": "on"}, "Name Echo Bank"),
        ("brokers", "ECHO", {"name": "Echo", "clearing_member": "ALPHA"}, "Change of participant ECHO: waits for a"),
        ("instruments", "STOCK", {"name": "Stock", "lot_size_units": "10", "active": "on"}, "Lot size units 1 "),
        ("currencies", "EUR", {"name": "The euro"}, "Name The euro"),
        ("accounts", "ALPHA-SEC-FUND", {"linked_cash": "ALPHA-CASH-HOUSE"}, "Paid for by ALPHA-CASH-FUND"),
    ],
)
def test_each_kind_is_listed_shown_and_changed(
    orion: None, operator: Client, alpha: Client, plural: str, key: str, change: dict[str, str], shown: str
) -> None:
    assert key in get_text(operator, f"/static-data/{plural}/")
    from trades.pages.static_data import NOUNS

    listed = NOUNS[plural]
    from reference.core.actor import SYSTEM

    written = listed.noun.shape(listed.noun.find(actor=SYSTEM, key=key)).data
    key = written[listed.key]
    form = {
        name: str(written[name]) for name in listed.noun.changes().fields if written[name] not in (None, True, False)
    }
    said = operator.post(f"/static-data/{plural}/{key}/", form | change, follow=True)
    assert shown in text_of(said)
    assert get_csv(operator, f"/static-data/{plural}/?format=csv")
    if plural != "traders":
        assert alpha.post(f"/static-data/{plural}/{key}/", form | change).status_code == 403
        assert alpha.get(f"/static-data/{plural}/new/").status_code == 403
    assert operator.get(f"/static-data/{plural}/NO-SUCH/").status_code == 404


def test_what_waits_is_shown_with_its_subject_and_carried_out(orion: None, operator: Client) -> None:
    from reference.models import Participant, Proposal
    from tests.factories.market import login

    assert "names at once, the rest when a second person approves" in get_text(
        operator, "/static-data/participants/ECHO/"
    )
    assert "takes effect when a second person" in get_text(operator, "/static-data/accounts/ALPHA-SEC-FUND/")
    said = text_of(operator.post("/static-data/participants/ECHO/leave/", follow=True))
    assert "Change of participant ECHO: waits for a second person, under Approvals." in said
    assert "ECHO participant Active: yes → no" in said, "on its own page too"
    assert Participant.objects.get(code="ECHO").active
    assert "ECHO participant Active: yes → no" in get_text(operator, "/approvals/?view=waiting")
    assert "/static-data/participants/ECHO/" in links_of(operator, "/approvals/?view=waiting")
    proposal = Proposal.objects.get()
    login(name="second").post(f"/approvals/{proposal.public_id}/approve/")
    assert not Participant.objects.get(code="ECHO").active


def test_what_cannot_leave_says_why(orion: None, operator: Client) -> None:
    for address, why in (
        ("currencies/EUR", "A currency stays"), ("accounts/ALPHA-SEC-FUND", "An account stays"),
        ("participants/CSD", "stay active"), ("participants/ALPHA", "Others clear through this member"),
    ):  # fmt: skip
        assert why in text_of(operator.post(f"/static-data/{address}/leave/", follow=True))


@pytest.mark.parametrize("address", ["/clients/", "/approvals/", "/static-data/traders/"])
def test_rows_cost_no_queries(orion: None, operator: Client, address: str) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from reference.core.actor import SYSTEM
    from tests.factories.market import NOW, TODAY
    from tests.factories.trading import make_client, make_trader
    from trades.services.change_client import change_client

    def add(number: int) -> None:
        client = make_client(broker=member("ALPHA"))
        make_trader(broker=member("ALPHA"))
        change_client(
            client_id=client.pk, changes={"credit_limit_minor": number}, actor=SYSTEM, at=NOW, business_date=TODAY
        )

    def count() -> int:
        operator.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert operator.get(address).status_code == 200
        return len(queries)

    add(0)
    before = count()
    for number in range(12):
        add(number + 1)
    assert count() == before
