"""The pages of derivatives: who is near liquidation stands first, what an operator sets, who sees what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearing.models import Liquidation
from tests.factories.chain import make_chain
from tests.factories.derivatives import BTC, STOCK, Derivatives, clear_store, make_derivatives
from tests.factories.market import login

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries


@pytest.fixture
def market(db: None) -> Iterator[Derivatives]:
    """ALPHA long one on 10,000, BRAVO long a little on ten times that."""
    made = make_derivatives(make_chain(), money={"ALPHA": 10_000_00, "BRAVO": 100_000_00}, insurance_minor=50_00)
    made.mark(BTC, "50000")
    made.trade("ALPHA", "BUY", "1", "50000", client_id="MINE")
    made.trade("BRAVO", "BUY", "0.1", "50000", client_id="THEIRS")
    yield made
    clear_store()


@pytest.fixture
def operator(market: Derivatives) -> Client:
    return login(name="operator")


@pytest.fixture
def alpha(market: Derivatives) -> Client:
    return login(participant=market.accounts["ALPHA"].participant, name="alpha")


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_accounts_near_liquidation_stand_first_with_their_figures(market: Derivatives, operator: Client) -> None:
    market.mark(BTC, "46000")
    page = text_of(operator, "/derivatives/")
    own, other = (f'id="account-{market.accounts[code].pk}"' for code in ("ALPHA", "BRAVO"))
    assert page.index(own) < page.index(other)
    # 10,000 − 4,000 of equity against 4,600 of maintenance and 9,200 of initial margin.
    assert "6,000.00" in page
    assert "130.4 %" in page
    assert "Below initial margin" in page
    assert "44,444.44" in page
    assert "Insurance fund" in page


def test_a_liquidation_is_on_the_page_with_who_paid(market: Derivatives, operator: Client) -> None:
    answer = operator.post("/derivatives/mark/", {"symbol": BTC, "price": "44,000"}, follow=True)
    page = answer.content.decode()
    assert "1 account liquidated" in page
    row = Liquidation.objects.get()
    assert row.get_outcome_display() in page
    assert "660.00" in page


def test_a_mark_price_that_is_none_says_why_and_sets_nothing(market: Derivatives, operator: Client) -> None:
    for price, words in (("abc", "The price is a number"), ("-1", "above zero"), ("900000", "Confirm it")):
        page = operator.post("/derivatives/mark/", {"symbol": BTC, "price": price}, follow=True).content.decode()
        assert words in page
    assert "50,000.00" in text_of(operator, "/derivatives/")


def test_a_participant_sees_its_own_accounts_and_may_not_mark(market: Derivatives, alpha: Client) -> None:
    own, other = market.accounts["ALPHA"].pk, market.accounts["BRAVO"].pk
    page = text_of(alpha, "/derivatives/")
    assert f'id="account-{own}"' in page
    assert f'id="account-{other}"' not in page
    assert "BRAVO" not in page
    assert "Set a mark price" not in page
    assert alpha.post("/derivatives/mark/", {"symbol": BTC, "price": "1"}).status_code == 403
    assert alpha.get(f"/derivatives/{other}/").status_code == 404
    detail = text_of(alpha, f"/derivatives/{own}/")
    assert "MINE" in detail
    assert "THEIRS" not in detail


def test_money_is_brought_in_and_taken_out_by_form(market: Derivatives, alpha: Client) -> None:
    own = market.accounts["ALPHA"].pk
    market.chain.give("ALPHA", "EUR", 700_00)
    page = alpha.post(f"/derivatives/{own}/deposit/", {"amount": "700"}, follow=True).content.decode()
    assert "is on the account" in page
    assert "10,700.00" in page
    page = alpha.post(f"/derivatives/{own}/withdraw/", {"amount": "700.01"}, follow=True).content.decode()
    assert "Free are" in page
    assert alpha.post(f"/derivatives/{market.accounts['BRAVO'].pk}/withdraw/", {"amount": "1"}, follow=True)
    assert "10,700.00" in text_of(alpha, f"/derivatives/{own}/")


def test_csv_is_the_accounts_and_the_trades(market: Derivatives, operator: Client, alpha: Client) -> None:
    lines = b"".join(operator.get("/derivatives/?format=csv")).decode().splitlines()
    assert len(lines) == 1 + 3
    lines = b"".join(alpha.get("/derivatives/?format=csv")).decode().splitlines()
    assert len(lines) == 2
    trades = b"".join(alpha.get(f"/derivatives/{market.accounts['ALPHA'].pk}/?format=csv")).decode()
    assert "50000.00" in trades


def test_more_rows_cost_no_more_queries(
    market: Derivatives, operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    market.mark(STOCK, "100.00")
    for number in range(6):
        market.trade("BRAVO", "BUY", "1", "100.00", symbol=STOCK, client_id=f"Q{number}")
    operator.get("/derivatives/")
    with django_assert_max_num_queries(22):
        operator.get("/derivatives/")
    with django_assert_max_num_queries(18):
        operator.get(f"/derivatives/{market.accounts['BRAVO'].pk}/")


def test_without_contracts_the_page_says_what_is_missing(db: None) -> None:
    clear_store()
    make_chain()
    page = text_of(login(name="operator"), "/derivatives/")
    assert "No contract is listed" in page
    assert "No derivatives account" in page
