"""Venues in the API: how they stand, books by level, tapes by page, and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain
    from trades.models import VenueBook

API = "/api/v1/venues"


@pytest.fixture
def chain(db: None) -> Chain:
    from tests.factories.chain import make_chain

    return make_chain()


@pytest.fixture
def book(chain: Chain) -> VenueBook:
    from tests.factories.venue_market import open_venue_market

    return open_venue_market(chain)


@pytest.fixture
def operator(chain: Chain) -> Client:
    from tests.factories.market import login

    return login(name="operator")


@pytest.fixture
def bravo(chain: Chain) -> Client:
    from reference.models import Participant
    from tests.factories.market import login

    return login(participant=Participant.objects.get(code="BRAVO"), name="bravo")


def read(client: Client, path: str, status: int = 200) -> dict[str, Any]:
    response = client.get(f"{API}{path}")
    assert response.status_code == status, response.content
    document: dict[str, Any] = response.json()
    return document


def test_venues(book: VenueBook, bravo: Client) -> None:
    venues = {venue["mic"]: venue for venue in read(bravo, "")["venues"]}
    first = venues["XAAA"]
    assert (first["open"], first["circuit_breaker"], first["market_maker"]) == (True, "CLOSED", "CHARLIE")
    assert (first["standing_orders"], first["executions_today"], first["units_today"]) == (2, 1, 4)
    assert first["value_today"] == [{"currency": "EUR", "value": "40.00"}]
    assert (first["fill_ratio"], first["opens_at"], first["closes_at"]) == (None, "09:00", "17:30")
    assert (venues["XBBB"]["maker_ppm"], venues["XBBB"]["minimum_fee_minor"]) == (-20, 150)


def test_one_venue_with_its_books(book: VenueBook, bravo: Client) -> None:
    found = read(bravo, "/XAAA")
    assert found["mic"] == "XAAA"
    assert [(row["symbol"], row["bid"], row["offer"], row["sequence"]) for row in found["order_books"]] == [
        ("STOCK", "9.900000", "10.000000", 3)
    ]


def test_levels(book: VenueBook, bravo: Client) -> None:
    found = read(bravo, f"/XAAA/books/{book.security.code}")
    assert found["bids"] == [{"price": "9.900000", "quantity": 7, "orders": 1}]
    assert found["offers"] == [{"price": "10.000000", "quantity": 6, "orders": 1}]
    assert (found["last"], found["value_today"], found["sequence"]) == ("10.000000", "40.00", 3)


def test_the_tape(book: VenueBook, bravo: Client, operator: Client, chain: Chain) -> None:
    from tests.factories.venues import BUY, ask, request

    ask(request(book, 9, BUY, 2, owner=chain.ids["DELTA"]), at=chain.at, business_date=chain.day)
    path = f"/XAAA/books/{book.security.code}/executions"
    page = read(bravo, f"{path}?limit=1")
    newest = page["results"][0]
    assert (newest["number"], newest["price"], newest["quantity"], newest["aggressor"]) == (2, "10.000000", 2, "BUY")
    assert (newest["buyer"], newest["seller"]) == ("", "")
    following = bravo.get(page["next"]).json()["results"]
    assert [(row["number"], row["buyer"], row["seller"]) for row in following] == [(1, "BRAVO", "")]
    seen = read(operator, path)["results"]
    assert [(row["buyer"], row["seller"]) for row in seen] == [("DELTA", "ALPHA"), ("BRAVO", "ALPHA")]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/NONE", 404, "unknown-venue"),
        ("/NONE/books/US0378331005", 404, "unknown-venue"),
        ("/XAAA/books/US0378331005", 404, "not-traded-here"),
        ("/XAAA/books/US0378331005/executions", 404, "not-traded-here"),
        ("?sort=mic", 400, ""),
        ("/XAAA?levels=3", 400, ""),
    ],
)
def test_refusals(book: VenueBook, operator: Client, path: str, status: int, code: str) -> None:
    assert read(operator, path, status)["type"].endswith(code)


@pytest.mark.parametrize("levels", ["0", "51", "-1", "x", "1.5", "", "9" * 30])
def test_levels_have_bounds(book: VenueBook, operator: Client, levels: str) -> None:
    assert read(operator, f"/XAAA/books/{book.security.code}?levels={levels}", 400)


def test_who_is_not_logged_in_reads_nothing(book: VenueBook) -> None:
    from django.test import Client

    assert Client().get(API).status_code == 401
