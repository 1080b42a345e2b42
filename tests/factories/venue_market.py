"""Two venues with books that have traded, for pages and API."""

from __future__ import annotations

from tests.factories.chain import Chain
from tests.factories.venues import BUY, SELL, ask, make_book, make_venue, request
from trades.models import VenueBook


def open_venue_market(chain: Chain) -> VenueBook:
    """Open XAAA and XBBB for STOCK; at XAAA, ALPHA has sold 4 to BRAVO at 10.00, 6 are left, and DELTA bids 9.90."""
    ids = chain.ids
    first = make_book(venue=make_venue(mic="XAAA", market_maker_id=ids["CHARLIE"]), security_id=chain.assets["STOCK"])
    make_book(
        venue=make_venue(mic="XBBB", market_maker_id=ids["CHARLIE"], maker_ppm=-20, minimum_fee_minor=150),
        security_id=chain.assets["STOCK"],
    )
    ask(
        request(first, 1, SELL, 10, "10.00", owner=ids["ALPHA"]),
        request(first, 2, BUY, 4, "10.00", owner=ids["BRAVO"]),
        request(first, 3, BUY, 7, "9.90", owner=ids["DELTA"]),
        at=chain.at, business_date=chain.day,
    )  # fmt: skip
    return first
