"""How pages answer: whole or in part, to HEAD too, and never with a fault for a strange address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

PAGES = [
    "/",
    "/trades/",
    "/unmatched/",
    "/netting/",
    "/netting/exposures/",
    "/netting/efficiency/",
    "/risk/backtest/",
    "/risk/stress/",
    "/risk/fund/",
    "/risk/disclosure/",
    "/risk/",
    "/risk/calls/",
    "/risk/collateral/",
    "/buy-ins/",
    "/cycles/",
    "/instructions/",
    "/corporate-actions/",
    "/ledger/",
    "/ledger/accounts/ALPHA-SEC-HOUSE/",
    "/ledger/trial-balance/",
    "/audit/",
    "/upload/",
]


@pytest.mark.parametrize("address", PAGES)
def test_page_answers_whole_in_part_and_to_head(operator: Client, address: str) -> None:
    assert operator.get(address).status_code == 200
    assert operator.get(address, headers={"HX-Request": "true"}).status_code == 200
    assert operator.head(address).status_code == 200


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize(
    "query", ["after=x", "before=-1", "after=99999999999999999999", "view=%00", "status=?", "day=x", "format=xml"]
)
def test_strange_parameters_are_no_fault(operator: Client, address: str, query: str) -> None:
    assert operator.get(f"{address}?{query}").status_code == 200


def test_what_is_not_there_is_not_found(operator: Client) -> None:
    nothing = "00000000-0000-7000-8000-000000000000"
    for address in (f"/trades/{nothing}/", f"/instructions/{nothing}/", f"/submissions/{nothing}/", "/things/trade/0/"):
        assert operator.get(address).status_code == 404, address


def test_text_with_a_null_byte_is_no_fault(operator: Client) -> None:
    for address in ("/trades/?q=%00", "/audit/?q=%00", "/ledger/?q=%00", "/instructions/?q=%00"):
        assert operator.get(address).status_code == 200, address
