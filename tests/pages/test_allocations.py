"""The pages of allocations: the form with its live result, the list, one of them, who may see and do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain(db: None) -> Chain:
    """ALPHA has bought 100 STOCK for 1,000.00 EUR from BRAVO, and has two clients."""
    from ledger.services import open_accounts
    from tests.factories.chain import make_chain

    made = make_chain()
    for name in ("C1", "C2"):
        open_accounts(participants=[(made.ids["ALPHA"], "ALPHA")], name=name)
    made.trade("1", "ALPHA", "BRAVO")
    made.clear()
    return made


@pytest.fixture
def users(chain: Chain) -> dict[str, Client]:
    from reference.models import Participant
    from tests.factories.market import login

    found = {"operator": login(name="operator"), "auditor": login(name="auditor", role="AUDITOR")}
    for code in ("ALPHA", "BRAVO"):
        found[code] = login(participant=Participant.objects.get(code=code), name=code.lower())
    return found


def fields(chain: Chain, **told: str) -> dict[str, Any]:
    from trades.models import Trade

    named = {f"told-{chain.account('ALPHA', name=name).pk}": value for name, value in told.items()}
    return {"trade": str(Trade.objects.get(trade_id="1-A").public_id), "method": "QUANTITY", **named}


def test_the_form_shows_what_is_left_and_what_each_gets(chain: Chain, users: dict[str, Client]) -> None:
    page = users["ALPHA"].get("/allocations/new/", {"trade": fields(chain)["trade"]})
    text = page.content.decode()
    assert "ALPHA-SEC-C2" in text
    assert "where it stands" in text
    preview = users["ALPHA"].get("/allocations/preview/", fields(chain, C1="33")).content.decode()
    assert "33 units are allocated of a block of 100." in preview
    assert "67" in preview
    whole = users["ALPHA"].get(
        "/allocations/preview/", fields(chain, C1="1", C2="2") | {"method": "PRO_RATA"}
    ).content.decode()  # fmt: skip
    assert "All" in whole
    assert "330.00" in whole.replace("\u2009", "")
    assert "670.00" in whole.replace("\u2009", "")
    assert "no number" in users["ALPHA"].get("/allocations/preview/", fields(chain, C1="x")).content.decode()


def test_a_block_is_allocated_shared_anew_and_cancelled(chain: Chain, users: dict[str, Client]) -> None:
    from trades.models import Allocation

    done = users["ALPHA"].post("/allocations/new/", fields(chain, C1="40", C2="60"))
    first = Allocation.objects.get()
    assert done.headers["Location"] == f"/allocations/{first.public_id}/"
    page = users["ALPHA"].get(done.headers["Location"]).content.decode()
    assert "ALPHA-SEC-C1" in page
    assert "400.00" in page.replace("\u2009", "")
    refused = users["ALPHA"].post("/allocations/new/", fields(chain, C1="40"))
    assert "40 units are allocated of a block of 100." in refused.content.decode()
    users["ALPHA"].post("/allocations/new/", fields(chain, HOUSE="1", C2="99"))
    first.refresh_from_db()
    second = Allocation.objects.exclude(pk=first.pk).get()
    assert (first.status, second.status, second.replaces_id) == ("CANCELLED", "APPLIED", first.pk)
    users["ALPHA"].post(f"/allocations/{second.public_id}/cancel/", {"reason": "never mind"})
    second.refresh_from_db()
    assert (second.status, second.note) == ("CANCELLED", "never mind")
    listed = users["ALPHA"].get("/allocations/").content.decode()
    assert str(first.public_id) in listed
    assert str(second.public_id) in listed
    csv = b"".join(users["ALPHA"].get("/allocations/?format=csv&status=APPLIED").streaming_content)  # type: ignore[attr-defined]
    assert csv.count(b"\n") == 1


def test_others_see_nothing_and_an_auditor_changes_nothing(chain: Chain, users: dict[str, Client]) -> None:
    from trades.models import Allocation

    assert users["auditor"].post("/allocations/new/", fields(chain, C1="100")).status_code == 403
    assert users["BRAVO"].post("/allocations/new/", fields(chain, C1="100")).status_code == 302
    assert not Allocation.objects.exists()
    users["operator"].post("/allocations/new/", fields(chain, C1="100"))
    found = Allocation.objects.get()
    for user, code in (("BRAVO", 404), ("ALPHA", 200), ("auditor", 200)):
        assert users[user].get(f"/allocations/{found.public_id}/").status_code == code
    assert str(found.public_id) not in users["BRAVO"].get("/allocations/").content.decode()
    assert users["BRAVO"].get("/allocations/preview/", fields(chain)).status_code == 404
    assert users["ALPHA"].get("/allocations/preview/", {"trade": str(uuid4())}).status_code == 404
    assert users["ALPHA"].get("/allocations/preview/", {"trade": "x"}).status_code == 404


def test_the_api_allocates_reads_and_cancels(chain: Chain, users: dict[str, Client]) -> None:
    body = {
        "trade": fields(chain)["trade"], "method": "PERCENTAGE",
        "lines": [{"account": "C1", "percentage": "33.3"}, {"account": "C2", "percentage": "66.7"}],
    }  # fmt: skip
    url = "/api/v1/allocations"

    def post(path: str, data: Any, user: str = "ALPHA") -> Any:
        return users[user].post(path, data=data, content_type="application/json")

    assert post(url, body, "auditor").status_code == 403
    assert post(url, body, "BRAVO").status_code == 404
    assert post(url, body | {"extra": 1}).status_code in (400, 422)
    wrong = post(url, body | {"lines": [{"account": "C1", "quantity": 100}]})
    assert wrong.status_code in (400, 422), wrong.content
    late = post(url, body | {"lines": [{"account": "C1", "percentage": "99"}]}).json()
    assert late["type"].endswith("percentages-not-hundred")
    made = post(url, body)
    assert made.status_code == 201, made.content
    answer = made.json()
    assert (answer["status"], answer["quantity"], answer["amount"], answer["average_price"]) == (
        "APPLIED", 100, "1000.00", "10",
    )  # fmt: skip
    assert [(row["account"], row["quantity"], row["amount"]) for row in answer["accounts"]] == [
        ("ALPHA-SEC-C1", 33, "330.00"), ("ALPHA-SEC-C2", 67, "670.00"),
    ]  # fmt: skip
    assert post(url, body).json()["type"].endswith("block-allocated")
    own = made.headers["Location"]
    assert users["ALPHA"].get(own).json()["id"] == answer["id"]
    assert users["BRAVO"].get(own).status_code == 404
    assert len(users["auditor"].get(url).json()["results"]) == 1
    assert users["BRAVO"].get(url).json()["results"] == []
    assert users["ALPHA"].get(f"{url}?colour=red").status_code in (400, 422)
    again = post(f"{own}/reallocate", {"method": "PRO_RATA", "lines": [{"account": "C2", "weight": "1"}]})
    assert (again.status_code, again.json()["replaces"]) == (201, answer["id"])
    cancelled = post(f"{again.headers['Location']}/cancel", {})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "CANCELLED")
    assert post(f"{again.headers['Location']}/cancel", {}).status_code == 409


@pytest.mark.parametrize("figure", ["NaN", "sNaN", "Infinity", "-Infinity", "1e99999", "9" * 60])
@pytest.mark.parametrize("method", ["QUANTITY", "PERCENTAGE", "PRO_RATA"])
def test_a_figure_that_is_none_is_said_beside_the_form(
    method: str, figure: str, chain: Chain, users: dict[str, Client]
) -> None:
    told = fields(chain, C1=figure) | {"method": method}
    for answer in (users["ALPHA"].get("/allocations/preview/", told), users["ALPHA"].post("/allocations/new/", told)):
        assert answer.status_code == 200
        assert "is no number" in answer.content.decode()


def test_more_than_the_block_is_said_beside_the_form(chain: Chain, users: dict[str, Client]) -> None:
    for method in ("QUANTITY", "PERCENTAGE", "PRO_RATA"):
        told = fields(chain, C1="9" * 20) | {"method": method}
        assert users["ALPHA"].get("/allocations/preview/", told).status_code == 200
        assert users["ALPHA"].post("/allocations/new/", told).status_code in (200, 302)
