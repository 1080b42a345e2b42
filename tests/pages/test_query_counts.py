"""No list asks the database once a row: twice the rows, the same number of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.factories.chain import Chain

MOST = {
    "/": 32,
    "/?days=20": 32,
    "/trades/": 8,
    "/unmatched/": 11,
    "/unmatched/?view=alleged": 11,
    "/netting/": 10,
    "/netting/exposures/": 10,
    "/netting/efficiency/": 8,
    "/cycles/": 18,
    "/instructions/": 8,
    "/corporate-actions/": 8,
    "/ledger/": 9,
    "/ledger/accounts/ALPHA-SEC-HOUSE/": 12,
    "/ledger/trial-balance/": 8,
    "/audit/": 8,
    "/upload/": 8,
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
    client: Client = request.getfixturevalue(who)
    for number in range(12):
        chain.trade(f"Q{number}", "ALPHA", "BRAVO", quantity=number + 1)
        chain.capture(f"P{number}", "ALPHA", "BRAVO", by="ALPHA", quantity=number + 100)
    chain.clear()
    chain.settle()
    client.get(address)
    # Session, user and membership are three of them, the clock in the head two more, the counts in the menu two.
    with django_assert_max_num_queries(MOST[address]):
        assert client.get(address).status_code == 200


@pytest.mark.parametrize("address", ["/trades/", "/unmatched/", "/netting/", "/instructions/", "/ledger/", "/audit/"])
def test_a_poll_does_not_read_the_frame(
    address: str, operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    operator.get(address)
    with django_assert_max_num_queries(MOST[address] - 2):
        operator.get(address, headers={"HX-Request": "true"})
