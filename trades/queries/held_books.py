"""Order books in this process's memory, rebuilt from their events and kept for the next time.

A book is taken out while somebody uses it, and put back only once what was done with it is committed. So two
threads never share one, and one whose transaction was rolled back is gone; the next to ask rebuilds it.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from django.db import connection, transaction

from trades.core.book.order_book import OrderBook
from trades.core.book.rebuild import BookSnapshot, replay_events, restore_book
from trades.core.book.refusals import EventLogBroken
from trades.core.book.terms import BookEvent, BookEventKind, OrderSide, RestingOrder, SelfTrade, TimeInForce
from trades.core.book.view import NEVER

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
SELF_TRADE: Final = SelfTrade.CANCEL_INCOMING
"""Of two orders of one participant that would trade, the one that comes last is taken back."""

_KINDS = {str(kind): kind for kind in BookEventKind}
_SIDES: dict[str, OrderSide | None] = {"": None} | {str(side): side for side in OrderSide}
_FORCES: dict[str, TimeInForce | None] = {"": None} | {str(force): force for force in TimeInForce}

SNAPSHOTS_SQL = """
    SELECT wanted.id, s.event_number, s.execution_number, s.time_us, s.orders
    FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (id, number)
    CROSS JOIN LATERAL (
        SELECT * FROM trades_venuesnapshot t WHERE t.book_id = wanted.id AND t.event_number <= wanted.number
        ORDER BY t.event_number DESC LIMIT 1) s
"""

EVENTS_SQL = """
    SELECT e.book_id, e.number, e.kind, e.time_us, e.order_id, e.side, e.quantity_units, e.price_ticks,
           e.time_in_force, e.owner, e.expires_at_us
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS wanted (id, known, number)
    JOIN trades_venueevent e ON e.book_id = wanted.id AND e.number > wanted.known AND e.number <= wanted.number
    ORDER BY e.book_id, e.number
"""

_held: dict[int, OrderBook] = {}


def count_microseconds(*, at: datetime) -> int:
    """Return a moment in microseconds since 1970, UTC, exactly."""
    return (at - EPOCH) // MICROSECOND


def moment_of(*, time_us: int) -> datetime:
    """Return the moment that lies so many microseconds after 1970, in UTC."""
    return EPOCH + timedelta(microseconds=time_us)


def take_books(*, numbers: Mapping[int, int]) -> dict[int, OrderBook]:
    """Take books out of the memory, each as it stood after its event of that number; rebuild what is not there.

    numbers: book id -> event number, as read of the book's row. Who changes books has locked their rows.
    Raises EventLogBroken where the log does not lead there.
    """
    books = {book_id: _held.pop(book_id, None) for book_id in numbers}
    found = {
        book_id: book for book_id, book in books.items() if book is not None and book.event_number <= numbers[book_id]
    }
    missing = [book_id for book_id in numbers if book_id not in found and numbers[book_id]]
    if missing:
        found |= _restore(book_ids=missing, numbers=numbers)
    found |= {book_id: OrderBook(self_trade=SELF_TRADE) for book_id in numbers if book_id not in found}
    behind = [book_id for book_id, book in found.items() if book.event_number < numbers[book_id]]
    if behind:
        _catch_up(books={book_id: found[book_id] for book_id in behind}, numbers=numbers)
    return found


def keep_books(*, books: Mapping[int, OrderBook]) -> None:
    """Put books back once this transaction is committed; at once outside of one."""
    transaction.on_commit(lambda: _held.update(books), robust=False)


def forget_books() -> None:
    """Forget all books, as a process that has just started has none."""
    _held.clear()


def describe_standing(*, book: OrderBook) -> list[list[Any]]:
    """Return the orders that rest as a snapshot's JSON, bids first, in priority."""
    return [[*order] for side in (OrderSide.BUY, OrderSide.SELL) for order in book.list_resting(side=side)]


def _restore(*, book_ids: Iterable[int], numbers: Mapping[int, int]) -> dict[int, OrderBook]:
    """Return books as their last session's end left them; none for a book that has had no such end."""
    wanted = list(book_ids)
    with connection.cursor() as cursor:
        cursor.execute(SNAPSHOTS_SQL, [wanted, [numbers[book_id] for book_id in wanted]])
        rows = cursor.fetchall()
    return {row[0]: restore_book(snapshot=_read_snapshot(*row[1:])) for row in rows}


def _read_snapshot(event_number: int, execution_number: int, time_us: int, orders: Any) -> BookSnapshot:
    resting = [
        RestingOrder(order_id, OrderSide(side), price, open_units, filled, TimeInForce(force), owner, expires_at)
        for order_id, side, price, open_units, filled, force, owner, expires_at in (
            json.loads(orders) if isinstance(orders, str) else orders
        )
    ]
    return BookSnapshot(
        self_trade=SELF_TRADE,
        event_number=event_number,
        execution_number=execution_number,
        time=time_us,
        next_expiry=min((order.expires_at for order in resting if order.expires_at is not None), default=NEVER),
        bids=tuple(order for order in resting if order.side == OrderSide.BUY),
        offers=tuple(order for order in resting if order.side == OrderSide.SELL),
        ended=(),
    )


def _catch_up(*, books: Mapping[int, OrderBook], numbers: Mapping[int, int]) -> None:
    """Replay what the books have not seen yet."""
    ids = list(books)
    with connection.cursor() as cursor:
        cursor.execute(EVENTS_SQL, [ids, [books[i].event_number for i in ids], [numbers[i] for i in ids]])
        rows = cursor.fetchall()
    for book_id, events in groupby(rows, key=lambda row: row[0]):
        book = books[book_id]
        for _, number, kind, time_us, order_id, side, units, price, force, owner, expires_at in events:
            event = BookEvent(
                number, _KINDS[kind], time_us, order_id, _SIDES[side], units, price, _FORCES[force], owner, expires_at
            )
            replay_events(book=book, events=(event,))
            if event.kind == BookEventKind.END_SESSION:
                book.forget_ended()
        book.drain_events()
    for book_id, book in books.items():
        if book.event_number != numbers[book_id]:
            raise EventLogBroken(f"Book {book_id} has no event {book.event_number + 1}.")
