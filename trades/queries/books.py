"""What the venues' books show: read without a lock, from this process's memory where it is current."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from trades.core.book.terms import LevelView, OrderSide
from trades.queries.held_books import keep_books, take_books

BOOKS_SQL = """
    SELECT id, venue_id, security_id, tick, event_number
    FROM trades_venuebook WHERE security_id = ANY(%s) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class BookShown:
    """What a book shows: (price_ticks, units) of each side's best levels, best first."""

    book_id: int
    tick: Decimal
    event_number: int
    bids: tuple[tuple[int, int], ...]
    offers: tuple[tuple[int, int], ...]

    @property
    def spread_ticks(self) -> int | None:
        """Best offer less best bid; None where one side is empty."""
        return self.offers[0][0] - self.bids[0][0] if self.bids and self.offers else None


class Ladder(NamedTuple):
    """The best levels of one book with the number of orders at each, best first, as of its event."""

    event_number: int
    bids: list[LevelView]
    offers: list[LevelView]


def read_book_views(*, security_ids: Collection[int], levels: int = 10) -> dict[tuple[int, int], BookShown]:
    """Return what each venue shows of these securities, by (venue id, security id)."""
    with connection.cursor() as cursor:
        cursor.execute(BOOKS_SQL, [list(security_ids)])
        rows = cursor.fetchall()
    books = take_books(numbers={row[0]: row[4] for row in rows})
    shown = {
        (venue_id, security_id): BookShown(
            book_id=book_id,
            tick=tick,
            event_number=books[book_id].event_number,
            bids=tuple((level[0], level[1]) for level in books[book_id].list_levels(side=OrderSide.BUY, count=levels)),
            offers=tuple(
                (level[0], level[1]) for level in books[book_id].list_levels(side=OrderSide.SELL, count=levels)
            ),
        )
        for book_id, venue_id, security_id, tick, _ in rows
    }
    keep_books(books=books)
    return shown


def read_ladder(*, book_id: int, event_number: int, levels: int) -> Ladder:
    """Return the best levels of a book whose row says this event number."""
    book = take_books(numbers={book_id: event_number})[book_id]
    ladder = Ladder(
        book.event_number,
        book.list_levels(side=OrderSide.BUY, count=levels),
        book.list_levels(side=OrderSide.SELL, count=levels),
    )
    keep_books(books={book_id: book})
    return ladder
