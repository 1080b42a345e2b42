"""Venues with books, and requests to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from tests.factories.chain import MONDAY, MONDAY_TEN
from tests.factories.reference import ParticipantFactory
from trades.core.book.order_book import OrderBook
from trades.core.book.rebuild import BookSnapshot, snapshot_book
from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.venue_messages import RequestKind, VenueAnswer, VenueRequest
from trades.models import Venue, VenueBook
from trades.queries.held_books import forget_books, take_books
from trades.services.venues.answer_requests import answer_requests

BUY, SELL = OrderSide.BUY, OrderSide.SELL
DAY, GTC, IOC, FOK = TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK


def make_venue(*, mic: str, market_maker_id: int, **changes: Any) -> Venue:
    """Make a venue that is open from nine to half past five."""
    figures: dict[str, Any] = {
        "name": f"Exchange {mic}",
        "opens_at": time(9),
        "closes_at": time(17, 30),
        "maker_ppm": 50,
        "taker_ppm": 150,
        "success_ppm": 1_000_000,
    }
    participant = ParticipantFactory.create(code=mic, role="VENUE")
    return Venue.objects.create(
        participant=participant, mic=mic, market_maker_id=market_maker_id, **(figures | changes)
    )


def make_book(*, venue: Venue, security_id: int, tick: str = "0.01") -> VenueBook:
    """Open a security's book at a venue."""
    return VenueBook.objects.create(venue=venue, security_id=security_id, tick=Decimal(tick))


def request(
    book: VenueBook,
    order_id: int,
    side: OrderSide | None = None,
    units: int = 0,
    limit: str | None = None,
    *,
    kind: RequestKind = RequestKind.NEW,
    owner: int | None = None,
    force: TimeInForce = DAY,
    expires_at: datetime | None = None,
) -> VenueRequest:
    """Write a request to a book; its owner is the order's own unless named."""
    return VenueRequest(
        kind=kind,
        venue_id=book.venue_id,
        security_id=book.security_id,
        order_id=order_id,
        side=side,
        quantity_units=units,
        limit=None if limit is None else Decimal(limit),
        time_in_force=force,
        owner=1_000_000 + order_id if owner is None else owner,
        expires_at=expires_at,
    )


def ask(*requests: VenueRequest, at: datetime = MONDAY_TEN, business_date: date = MONDAY) -> list[VenueAnswer]:
    """Send requests to their venues."""
    return answer_requests(requests=requests, at=at, business_date=business_date)


def held_book(*, book: VenueBook) -> OrderBook:
    """Return a book as this process holds it, or rebuilds it."""
    number = VenueBook.objects.values_list("event_number", flat=True).get(pk=book.pk)
    return take_books(numbers={book.pk: number})[book.pk]


def rebuilt(*, book: VenueBook) -> BookSnapshot:
    """Return the state of a book that a process without memory rebuilds."""
    forget_books()
    return snapshot_book(book=held_book(book=book))


def statuses(answers: Sequence[VenueAnswer]) -> list[tuple[str, int, int]]:
    """Return status, filled and open units of each answer."""
    return [(str(answer.status), answer.filled_units, answer.open_units) for answer in answers]
