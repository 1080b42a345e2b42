"""No list asks the database once a row: twice the rows, the same number of queries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.factories.chain import Chain

MOST = {
    "/": 31,
    "/?days=20": 31,
    "/orders/?view=all": 12,
    "/orders/new/": 8,
    "/best-execution/": 8,
    "/positions/": 16,
    "/positions/limits/": 15,
    "/allocations/": 6,
    "/trades/": 8,
    "/unmatched/": 10,
    "/unmatched/?view=alleged": 10,
    "/netting/": 9,
    "/netting/exposures/": 10,
    "/netting/efficiency/": 8,
    "/cycles/": 18,
    "/instructions/": 8,
    "/corporate-actions/": 6,
    "/ledger/": 8,
    "/ledger/accounts/ALPHA-SEC-HOUSE/": 11,
    "/ledger/trial-balance/": 7,
    "/audit/": 8,
    "/upload/": 6,
}


@pytest.fixture(scope="module", autouse=True)
def _more_rows(played: Chain) -> None:
    """Play more of each kind, once for the file."""
    from tests.factories.executing import make_buyer, make_executed

    for number in range(12):
        played.trade(f"Q{number}", "ALPHA", "BRAVO", quantity=number + 1)
        played.capture(f"P{number}", "ALPHA", "BRAVO", by="ALPHA", quantity=number + 100)
    played.clear()
    played.settle()
    buyer = make_buyer(played)
    for number in range(12):
        make_executed(played, buyer, reference=f"O{number}", parts=1)


@pytest.mark.parametrize("address", MOST)
@pytest.mark.parametrize("who", ["operator", "alpha"])
def test_rows_cost_no_queries(
    address: str,
    who: str,
    request: pytest.FixtureRequest,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    if who == "alpha" and "trial" in address:
        pytest.skip("A participant has no trial balance.")
    client: Client = request.getfixturevalue(who)
    client.get(address)
    # Session, user and membership are three of them, the clock in the head two more; the menu's counts are kept.
    with django_assert_max_num_queries(MOST[address]):
        assert client.get(address).status_code == 200


@pytest.mark.parametrize("address", ["/trades/", "/unmatched/", "/netting/", "/instructions/", "/ledger/", "/audit/"])
def test_a_poll_does_not_read_the_frame(
    address: str, operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    operator.get(address)
    with django_assert_max_num_queries(MOST[address] - 2):
        operator.get(address, headers={"HX-Request": "true"})


def menu_of(client: Client) -> str:
    """Return the menu's text on one line."""
    menu = client.get("/audit/").content.decode().split('<nav class="nav"', 1)[-1].split("</nav>", 1)[0]
    return " ".join(re.sub(r"<[^>]+>", " ", menu).split())


def test_the_menus_counts_are_kept_and_read_anew_after_an_act(operator: Client, chain: Chain) -> None:
    assert "Unmatched 14" in menu_of(operator)
    chain.capture("LATE", "ALPHA", "BRAVO", by="ALPHA", quantity=77)
    chain.clear()
    assert "Unmatched 14" in menu_of(operator)
    assert operator.post("/events/dead-letters/replay/").status_code == 302
    assert "Unmatched 15" in menu_of(operator)
