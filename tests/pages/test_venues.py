"""The pages of the venues: how each stands, its books, one book's levels and tape, and who may see whom."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.factories.chain import Chain
    from trades.models import VenueBook


@pytest.fixture
def book(chain: Chain) -> VenueBook:
    from tests.factories.venue_market import open_venue_market

    return open_venue_market(chain)


@pytest.fixture
def address(book: VenueBook) -> str:
    return f"/venues/XAAA/{book.security.code}/"


def test_venues_and_how_they_stand(book: VenueBook, operator: Client, chain: Chain) -> None:
    from trades.models import VenueBreaker, VenueQuality

    VenueBreaker.objects.create(venue=book.venue, status="OPEN", failures=5, since=chain.at)
    for security, ratio, seen in (("STOCK", 0.5, 3), ("SHARE", 1.0, 1)):
        VenueQuality.objects.create(
            venue=book.venue, security_id=chain.assets[security], fill_ratio=ratio, improvement_bp=0.0,
            latency_ms=40.0, observations=seen,
        )  # fmt: skip
    text = get_text(operator, "/venues/")
    # Four units at 10.00; three observations of a half and one of all are 62.5 %.
    assert "XAAA Exchange XAAA Open 09:00–17:30 Open: no calls 1 of 1 2 1" in text
    assert "40.00" in text
    assert "62.5 %" in text
    rows = {row["mic"]: row for row in get_csv(operator, "/venues/?format=csv")}
    assert (rows["XAAA"]["executions_today"], rows["XAAA"]["value_today_minor"]) == ("1", "EUR:4000")
    assert (rows["XBBB"]["circuit_breaker"], rows["XBBB"]["maker_ppm"]) == ("CLOSED", "-20")


def test_after_the_close_a_venue_is_closed(book: VenueBook, operator: Client, chain: Chain) -> None:
    chain.move_to(chain.day, 18)
    assert {row["open"] for row in get_csv(operator, "/venues/?format=csv")} == {"no"}
    chain.move_to(chain.day + timedelta(days=1), 10)
    assert {row["open"] for row in get_csv(operator, "/venues/?format=csv")} == {"yes"}
    assert {row["executions_today"] for row in get_csv(operator, "/venues/?format=csv")} == {"0"}


def test_one_venue_lists_its_books(book: VenueBook, alpha: Client) -> None:
    text = get_text(alpha, "/venues/XAAA/")
    assert "Order books" in text
    row = get_csv(alpha, "/venues/XAAA/?format=csv")[0]
    assert (row["symbol"], row["bid"], row["offer"], row["last"]) == ("STOCK", "9.900000", "10.000000", "10.000000")
    assert (row["standing_orders"], row["units_today"], row["value_today_minor"]) == ("2", "4", "4000")
    assert row["spread_bp"].startswith("100.50")


def test_one_book_shows_levels_and_tape(address: str, operator: Client) -> None:
    text = get_text(operator, address)
    assert "1 7 9.90 10.00 6 1" in text
    assert "10.00 4 Buy BRAVO ALPHA" in text
    assert '"Bids", "values": [7, null]' in operator.get(address).content.decode()


@pytest.mark.parametrize(
    ("who", "buyer", "seller"), [("alpha", "", "ALPHA"), ("bravo", "BRAVO", ""), ("delta", "", "")]
)
def test_a_tape_tells_each_party_of_itself(
    address: str, request: pytest.FixtureRequest, who: str, buyer: str, seller: str
) -> None:
    client = request.getfixturevalue(who)
    row = get_csv(client, f"{address}?format=csv")[0]
    assert (row["price"], row["quantity"], row["aggressor"]) == ("10.000000", "4", "BUY")
    assert (row["buyer"], row["seller"]) == (buyer, seller)
    text = get_text(client, address)
    for code in {"ALPHA", "BRAVO", "DELTA"} - {who.upper()}:
        assert code not in text


@pytest.mark.parametrize("missing", ["/venues/NONE/", "/venues/XAAA/US0378331005/", "/venues/NONE/US0378331005/"])
def test_what_is_not_there(book: VenueBook, operator: Client, missing: str) -> None:
    assert operator.get(missing).status_code == 404
    assert operator.get(f"{missing}?format=csv").status_code == 404


def test_an_empty_market_has_pages(operator: Client) -> None:
    assert "No venue" in get_text(operator, "/venues/")


def test_the_poll_is_the_live_part(address: str, operator: Client) -> None:
    for page in ("/venues/", "/venues/XAAA/", address):
        part = operator.get(page, headers={"HX-Request": "true"}).content.decode()
        assert "<h1>" not in part
        assert "9.9" in part or page == "/venues/"


def test_pages_ask_a_bounded_number_of_queries(
    book: VenueBook, address: str, operator: Client, chain: Chain,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    from tests.factories.venues import BUY, SELL, ask, make_book, make_venue, request

    for mic in ("XCCC", "XDDD", "XEEE"):
        venue = make_venue(mic=mic, market_maker_id=chain.ids["ALPHA"])
        for number, security in enumerate(("STOCK", "SHARE", "BOND")):
            other = make_book(venue=venue, security_id=chain.assets[security])
            ask(
                request(other, 100 + number, SELL, 5, "10.00"), request(other, 200 + number, BUY, 3, "10.00"),
                at=chain.at, business_date=chain.day,
            )  # fmt: skip
    for page in ("/venues/", "/venues/XCCC/", address):
        operator.get(page)
        with django_assert_max_num_queries(19):
            assert operator.get(page).status_code == 200
