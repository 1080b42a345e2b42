"""No list asks the database once a row: twice the rows, the same number of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.factories.chain import Chain

MOST = {
    "/": 37,
    "/?days=20": 37,
    "/orders/?view=all": 17,
    "/orders/new/": 17,
    "/best-execution/": 15,
    "/positions/": 27,
    "/positions/limits/": 25,
    "/allocations/": 15,
    "/trades/": 14,
    "/unmatched/": 16,
    "/unmatched/?view=alleged": 16,
    "/netting/": 15,
    "/netting/exposures/": 15,
    "/netting/efficiency/": 13,
    "/cycles/": 23,
    "/instructions/": 15,
    "/corporate-actions/": 13,
    "/ledger/": 14,
    "/ledger/accounts/ALPHA-SEC-HOUSE/": 17,
    "/ledger/trial-balance/": 13,
    "/audit/": 13,
    "/upload/": 13,
}


@pytest.mark.parametrize("address", MOST)
@pytest.mark.parametrize("who", ["operator", "alpha"])
def test_rows_cost_no_queries(
    address: str,
    who: str,
    chain: Chain,
    request: pytest.FixtureRequest,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    if who == "alpha" and "trial" in address:
        pytest.skip("A participant has no trial balance.")
    from tests.factories.executing import make_buyer, make_executed

    client: Client = request.getfixturevalue(who)
    for number in range(12):
        chain.trade(f"Q{number}", "ALPHA", "BRAVO", quantity=number + 1)
        chain.capture(f"P{number}", "ALPHA", "BRAVO", by="ALPHA", quantity=number + 100)
    chain.clear()
    chain.settle()
    buyer = make_buyer(chain)
    for number in range(12):
        make_executed(chain, buyer, reference=f"O{number}", parts=1)
    client.get(address)
    # Session, user and membership are three of them, the clock in the head two more, the counts in the menu seven.
    with django_assert_max_num_queries(MOST[address]):
        assert client.get(address).status_code == 200


@pytest.mark.parametrize("address", ["/trades/", "/unmatched/", "/netting/", "/instructions/", "/ledger/", "/audit/"])
def test_a_poll_does_not_read_the_frame(
    address: str, operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    operator.get(address)
    with django_assert_max_num_queries(MOST[address] - 2):
        operator.get(address, headers={"HX-Request": "true"})
