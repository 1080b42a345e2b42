"""Books under work: locked, changed in memory, written together. What every service of the venues stands on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.db import connection

from events.services.outbox import record_fact
from reference.core.calendar import BUSINESS_ZONE
from trades.contracts import VenuesTraded
from trades.core.book.order_book import OrderBook
from trades.core.book.terms import BookEvent, Execution, Outcome
from trades.core.venue_hours import is_open
from trades.queries.held_books import count_microseconds, describe_standing, keep_books, take_books

# The lock is taken in the order of the books, so that two who want several never wait for each other.
LOCK_SQL: Final = """
    SELECT b.id, b.venue_id, b.security_id, b.tick, b.event_number, b.session_date, b.quoted_at,
           v.opens_at, v.closes_at, v.active
    FROM trades_venuebook b JOIN trades_venue v ON v.id = b.venue_id
    WHERE {which}
    ORDER BY b.id FOR NO KEY UPDATE OF b
"""

# One statement, so that the log and the row that says where it ends are never seen apart.
WRITE_SQL = """
    WITH event AS (
        INSERT INTO trades_venueevent (
            book_id, number, kind, time_us, order_id, side, quantity_units, price_ticks, time_in_force, owner,
            expires_at_us)
        SELECT * FROM unnest(
            %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[],
            %s::text[], %s::bigint[], %s::bigint[])
    ), execution AS (
        INSERT INTO trades_venueexecution (
            business_date, book_id, number, at, price_ticks, quantity_units, maker_order_id, taker_order_id,
            taker_side, maker_owner, taker_owner)
        SELECT %s::date, book_id, number, 'epoch'::timestamptz + time_us * interval '1 microsecond', price_ticks,
            quantity_units, maker_order_id, taker_order_id, taker_side, maker_owner, taker_owner
        FROM unnest(
            %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::text[], %s::bigint[], %s::bigint[])
            AS x (book_id, number, time_us, price_ticks, quantity_units, maker_order_id, taker_order_id, taker_side,
                  maker_owner, taker_owner)
    ), snapshot AS (
        INSERT INTO trades_venuesnapshot (book_id, event_number, execution_number, time_us, orders)
        SELECT book_id, event_number, execution_number, time_us, orders::jsonb
        FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[])
            AS s (book_id, event_number, execution_number, time_us, orders)
    )
    UPDATE trades_venuebook b SET event_number = n.event_number, execution_number = n.execution_number,
        session_date = n.session_date, quoted_at = n.quoted_at, best_bid_ticks = n.best_bid_ticks,
        best_offer_ticks = n.best_offer_ticks, standing_orders = n.standing_orders
    FROM unnest(
        %s::bigint[], %s::bigint[], %s::bigint[], %s::date[], %s::timestamptz[], %s::bigint[], %s::bigint[],
        %s::bigint[])
        AS n (id, event_number, execution_number, session_date, quoted_at, best_bid_ticks, best_offer_ticks,
              standing_orders)
    WHERE b.id = n.id
"""


@dataclass(slots=True)
class OpenBook:
    """A book whose row this transaction holds."""

    id: int
    venue_id: int
    security_id: int
    tick: Decimal
    session_date: date | None
    quoted_at: datetime | None
    opens_at: time
    closes_at: time
    active: bool
    book: OrderBook
    executions: list[Execution] = field(default_factory=list)
    snapshots: list[tuple[int, int, int, int, str]] = field(default_factory=list)
    requoted: bool = False

    def takes_orders(self, *, at: datetime, business_date: date) -> bool:
        """Say whether the venue is open."""
        return self.active and is_open(opens_at=self.opens_at, closes_at=self.closes_at, at=at, on=business_date)

    def bring_forward(self, *, at: datetime, business_date: date) -> int:
        """End a session that is over and take off what has expired; return the book's time for a request at `at`."""
        day = self.session_date
        if day is not None and (day < business_date or self._closing(day) <= at):
            self.end_session()
        time_us = max(count_microseconds(at=at), self.book.time)
        if self.book.next_expiry <= time_us:
            self.book.expire_orders(time=time_us)
        return time_us

    def end_session(self) -> None:
        """Let DAY orders expire at the closing, and remember what stands over."""
        assert self.session_date is not None, "a session that is open has a date"
        closing_us = count_microseconds(at=self._closing(self.session_date))
        book = self.book
        book.expire_orders(time=max(closing_us, book.time), session_ends=True)
        book.forget_ended()
        standing = msgspec.json.encode(describe_standing(book=book)).decode()
        self.snapshots.append((self.id, book.event_number, book.execution_number, book.time, standing))
        self.session_date = None

    def _closing(self, day: date) -> datetime:
        return datetime.combine(day, self.closes_at, tzinfo=BUSINESS_ZONE)

    def note(self, outcome: Outcome) -> Outcome:
        """Keep the executions of an outcome for the tape."""
        self.executions += outcome.executions
        return outcome


def lock_books(*, which: str, parameters: Sequence[Any]) -> list[OpenBook]:
    """Lock books in the order of their ids and take them into memory.

    which: a condition on trades_venuebook b and trades_venue v, no values from outside but by parameters.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK_SQL.format(which=which), parameters)
        rows = cursor.fetchall()
    books = take_books(numbers={row[0]: row[4] for row in rows})
    return [
        OpenBook(id_, venue_id, security_id, tick, session_date, quoted_at, opens_at, closes_at, active, books[id_])
        for id_, venue_id, security_id, tick, _, session_date, quoted_at, opens_at, closes_at, active in rows
    ]


def save_books(*, opened: Iterable[OpenBook], business_date: date) -> int:
    """Write what has happened to the books, record VenuesTraded, keep the books; return the number of executions."""
    events: list[tuple[int, BookEvent]] = []
    executions: list[tuple[int, Execution]] = []
    snapshots: list[tuple[int, int, int, int, str]] = []
    changed: list[OpenBook] = []
    untouched: list[OpenBook] = []
    for entry in opened:
        new = entry.book.drain_events()
        (changed if new or entry.requoted else untouched).append(entry)
        events += [(entry.id, event) for event in new]
        executions += [(entry.id, execution) for execution in entry.executions]
        snapshots += entry.snapshots
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(
                WRITE_SQL,
                [
                    *_event_columns(events), business_date, *_execution_columns(executions),
                    *_columns(snapshots, width=5), *_book_columns(changed),
                ],
            )  # fmt: skip
    if executions:
        record_fact(fact=VenuesTraded(count=len(executions)))
    keep_books(books={entry.id: entry.book for entry in (*changed, *untouched)})
    return len(executions)


def _event_columns(events: Sequence[tuple[int, BookEvent]]) -> list[list[Any]]:
    return _columns(
        [
            (
                book_id, event.number, event.kind.value, event.time, event.order_id,
                "" if event.side is None else event.side.value, event.quantity_units, event.price_ticks,
                "" if event.time_in_force is None else event.time_in_force.value, event.owner, event.expires_at,
            )
            for book_id, event in events
        ],
        width=11,
    )  # fmt: skip


def _execution_columns(executions: Sequence[tuple[int, Execution]]) -> list[list[Any]]:
    return _columns(
        [
            (
                book_id, done.number, done.time, done.price_ticks, done.quantity_units, done.maker_order_id,
                done.taker_order_id, done.taker_side.value, done.maker_owner, done.taker_owner,
            )
            for book_id, done in executions
        ],
        width=10,
    )  # fmt: skip


def _book_columns(opened: Sequence[OpenBook]) -> list[list[Any]]:
    return _columns(
        [
            (
                entry.id, entry.book.event_number, entry.book.execution_number, entry.session_date, entry.quoted_at,
                entry.book.best_bid_ticks, entry.book.best_offer_ticks, entry.book.count_resting(),
            )
            for entry in opened
        ],
        width=8,
    )  # fmt: skip


def _columns(rows: Sequence[tuple[Any, ...]], *, width: int) -> list[list[Any]]:
    """Turn rows into the columns that unnest takes."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
