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


@pytest.mark.parametrize(
    "address", ["/venues/%00/", "/venues/XAAA/%00/", "/positions/%00/x/", "/compliance/rules/%00/", "/clients/%00/"]
)
def test_an_address_with_a_null_byte_is_nothings(operator: Client, address: str) -> None:
    assert operator.get(address).status_code == 404


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/positions/limits/set/", "account"),
        ("/compliance/restricted/", "reason"),
        ("/orders/new/", "client_order_id"),
        ("/orders/new/", "client"),
    ],
)
def test_a_form_with_a_null_byte_is_the_senders_fault(operator: Client, address: str, field: str) -> None:
    form = {"units": "1", "security": "STOCK", "side": "BUY", "order_type": "MARKET", "quantity": "1",
            "client": "BUYER", "client_order_id": "N-1", "time_in_force": "DAY", field: "a\0b"}  # fmt: skip
    assert operator.post(address, form).status_code in (302, 400, 422)


@pytest.mark.parametrize(
    "query", ["since=9999-12-31&until=0001-01-01", "until=0001-01-05", "since=0001-01-01&until=9999-12-31"]
)
def test_best_execution_takes_any_day(operator: Client, query: str) -> None:
    assert operator.get(f"/best-execution/?{query}").status_code == 200
