"""Default management on its pages and in the API: walked through by two operators, bids sealed, drills."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from pytest_django import DjangoDbBlocker

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

API = "/api/v1/clearing"


@pytest.fixture(scope="module")
def played(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Chain]:
    """DELTA has failed to pay; Thursday, ten o'clock."""
    from tests.factories.defaulting import lose
    from tests.pages.conftest import played_for_a_file

    with played_for_a_file(lose, blocker=django_db_blocker) as made:
        yield made


@pytest.fixture
def second(chain: Chain) -> Client:
    from tests.factories.market import login

    return login(name="second")


@pytest.fixture
def charlie(chain: Chain) -> Client:
    from tests.pages.conftest import participant

    return participant(chain, "CHARLIE")


def post(client: Client, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    answer = client.post(f"{API}/{path}", body or {}, content_type="application/json")
    return answer.status_code, answer.json()


@pytest.fixture
def offered(operator: Client, second: Client) -> int:
    """A declared, suspended default whose one lot is offered for an hour; the case's number."""
    status, case = post(operator, "defaults", {"member": "DELTA", "reason": "Call not paid", "juniorise": False})
    assert (status, case["status"]) == (201, "PROPOSED")
    assert post(second, f"defaults/{case['id']}/steps/declare")[1]["status"] == "DECLARED"
    assert post(operator, f"defaults/{case['id']}/steps/suspend")[1]["status"] == "SUSPENDED"
    assert post(operator, f"defaults/{case['id']}/auction", {"lots": 1, "minutes": 60})[0] == 201
    return int(case["id"])


def lot_of(client: Client, case: int) -> dict[str, Any]:
    lots: list[dict[str, Any]] = client.get(f"{API}/defaults/{case}/lots").json()["results"]
    return lots[0]


def test_two_operators_walk_through_it_on_the_pages(
    chain: Chain, operator: Client, second: Client, charlie: Client, bravo: Client
) -> None:
    assert "No member is in default" in get_text(operator, "/risk/defaults/")
    form = {"member": "DELTA", "reason": "Its call is overdue", "juniorise": "on"}
    assert "waits for a second person" in operator.post("/risk/defaults/propose/", form, follow=True).content.decode()
    [row] = get_csv(operator, "/risk/defaults/?format=csv")
    address = f"/risk/defaults/{row['id']}/"
    text = get_text(operator, address)
    assert "Next: Another person declares the default" in text
    assert "You proposed it; another person declares it" in text
    # A proposal is between the CCP's people.
    assert charlie.get(address).status_code == 404
    told = operator.post(f"{address}step/declare/", follow=True).content.decode()
    assert "it takes a second person" in told
    assert "None of the member" in second.post(f"{address}step/declare/", follow=True).content.decode()
    operator.post(f"{address}step/suspend/")
    text = get_text(operator, address)
    assert "What is open" in text
    assert "-3,000.00" in text.replace("−", "-")
    operator.post(f"{address}auction/", {"lots": "1", "minutes": "60"})
    for client, price in ((charlie, "75.00"), (charlie, "-50"), (bravo, "10")):
        page = client.get(address)
        lot = page.context["lots"][0]["lot"].pk
        assert (
            "is sealed"
            in client.post(f"/risk/defaults/lots/{lot}/bid/", {"price": price}, follow=True).content.decode()
        )
    assert "sealed, 2 made" in get_text(charlie, address)
    assert "sealed until the deadline" in operator.post(f"{address}step/award/", follow=True).content.decode()
    chain.move_to(chain.day, 11)
    operator.post(f"{address}step/award/")
    text = get_text(operator, address)
    assert "CHARLIE won" in text
    assert "950.00" in text
    operator.post(f"{address}step/allocate/")
    text = get_text(operator, address)
    assert "Who bore what" in text
    # ALPHA did not bid: its 300.00 go first, and 200.00 are shared two to one.
    assert "133.33" in text
    operator.post(f"{address}step/refill/")
    assert "The case is closed" in operator.post(f"{address}step/close/", follow=True).content.decode()
    own = get_text(bravo, address)
    assert "133.33" in own
    assert "300.00" not in own
    assert "CHARLIE won" not in own
    assert "Its call is overdue" not in own


def test_nobody_reads_a_bid_before_the_deadline(
    chain: Chain, offered: int, operator: Client, auditor: Client, charlie: Client, bravo: Client
) -> None:
    from django.contrib.auth.models import User
    from django.test import Client as Browser

    lot = lot_of(charlie, offered)
    secret = "987654.32"
    status, receipt = post(charlie, f"lots/{lot['id']}/bids", {"price": secret})
    assert (status, set(receipt)) == (201, {"id", "lot", "at", "made_by"})
    root = Browser()
    root.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    pages = [
        (client, address)
        for client in (operator, auditor, charlie, bravo, root)
        for address in (
            f"/risk/defaults/{offered}/", "/audit/", "/audit/?format=csv", f"{API}/defaults/{offered}",
            f"{API}/defaults/{offered}/lots", f"{API}/lots/{lot['id']}/bids",
        )
    ] + [
        (root, "/admin/clearing/bid/"), (root, f"/admin/clearing/bid/{receipt['id']}/change/"),
        (root, f"/admin/clearing/auctionlot/{lot['id']}/change/"),
    ]  # fmt: skip
    for client, address in pages:
        answer = client.get(address)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        text = body.decode().replace(",", "").replace("\u202f", "").replace(" ", "")
        assert "987654" not in text, address
    assert charlie.get(f"{API}/lots/{lot['id']}/bids").json()["results"] == []
    chain.move_to(chain.day, 11)
    # The deadline has passed, and still nobody reads them: they are opened all at once.
    assert operator.get(f"{API}/lots/{lot['id']}/bids").json()["results"] == []
    assert post(operator, f"defaults/{offered}/steps/close-auction")[0] == 200
    [bid] = operator.get(f"{API}/lots/{lot['id']}/bids").json()["results"]
    assert (bid["member"], bid["price"], bid["won"]) == ("CHARLIE", secret, True)
    assert bravo.get(f"{API}/lots/{lot['id']}/bids").json()["results"] == []


def test_a_bid_that_is_no_amount_is_refused(offered: int, charlie: Client) -> None:
    from clearing.models import Bid

    lot = lot_of(charlie, offered)
    for price in ("NaN", "1e400", "", "1.001", None, "Infinity", "99999999999999999999"):
        assert post(charlie, f"lots/{lot['id']}/bids", {"price": price})[0] in (400, 422), price
        charlie.post(f"/risk/defaults/lots/{lot['id']}/bid/", {"price": str(price)})
        assert not Bid.objects.exists(), price


def test_the_api_refuses_by_name(
    chain: Chain, offered: int, operator: Client, second: Client, charlie: Client, delta: Client, auditor: Client
) -> None:
    lot = lot_of(charlie, offered)["id"]
    assert post(second, f"defaults/{offered}/steps/declare")[1]["code"] == "default-already-declared"
    assert post(operator, "defaults", {"member": "DELTA", "reason": "x"})[1]["code"] == "default-already-declared"
    assert post(operator, f"defaults/{offered}/steps/allocate")[1]["code"] == "default-step-not-due"
    assert post(operator, f"defaults/{offered}/steps/close-auction")[1]["code"] == "auction-open"
    assert post(operator, f"defaults/{offered}/steps/nothing")[1]["code"] == "default-step-not-due"
    assert post(operator, "defaults", {"member": "ECHO", "reason": "x"})[1]["code"] == "unknown-membership"
    assert post(operator, "defaults", {"member": "NONE", "reason": "x"})[1]["code"] == "unknown-participant"
    assert post(delta, f"lots/{lot}/bids", {"price": "1"})[1]["code"] == "bidder-refused"
    assert post(charlie, "lots/999/bids", {"price": "1"})[1]["code"] == "unknown-lot"
    assert post(operator, "defaults/999/steps/close")[1]["code"] == "unknown-default"
    for client in (charlie, auditor):
        assert post(client, f"defaults/{offered}/steps/close-auction")[0] == 403
        assert post(client, "defaults", {"member": "ALPHA", "reason": "x"})[0] == 403
        assert post(client, "default-drills", {"member": "ALPHA"})[0] == 403
    assert post(operator, f"lots/{lot}/bids", {"price": "1"})[0] == 403
    chain.move_to(chain.day, 11, 1)
    assert post(charlie, f"lots/{lot}/bids", {"price": "1"})[1]["code"] == "bid-late"


def test_a_drill_is_played_and_shown(chain: Chain, operator: Client, auditor: Client, charlie: Client) -> None:
    form = {"member": "DELTA", "lots": "2", "ask_per_mille": "20", "juniorise": "on", "silent": "alpha"}
    address = operator.post("/risk/defaults/drill/", form)["Location"]
    for client in (operator, auditor):
        text = get_text(client, address)
        assert "nothing has changed" in text
        assert "1,140.00" in text
    assert charlie.get(address).status_code == 404
    assert charlie.get(f"{API}/default-drills").status_code == 403
    status, drill = post(operator, "default-drills", {"member": "DELTA", "lots": 1, "ask_per_mille": 900})
    assert (status, drill["outcome"]["refused"]["code"]) == (201, "losses-uncovered")
    assert auditor.get(f"{API}/default-drills").json()["results"][0]["id"] == drill["id"]
    assert "No member is in default" in get_text(operator, "/risk/defaults/")


def test_the_list_asks_no_query_a_row(offered: int, operator: Client, django_assert_max_num_queries: Any) -> None:
    operator.get("/risk/defaults/")
    with django_assert_max_num_queries(17):
        operator.get("/risk/defaults/")
    with django_assert_max_num_queries(43):
        operator.get(f"/risk/defaults/{offered}/")
