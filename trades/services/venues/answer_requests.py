"""The venue: it takes requests, matches them, writes its log and its tape, and says how each order stands."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import IntegrityError, connection, transaction

from reference.refusals import Refusal
from trades.core.book.terms import Execution, OrderEnd, RestingOrder, count_ticks
from trades.core.venue_messages import RequestKind, VenueAnswer, VenueOrderStatus, VenueRequest
from trades.queries.held_books import count_microseconds
from trades.refusals.venues import NoSuchBook, VenueClosed
from trades.services.venues.open_books import OpenBook, lock_books, save_books

TAKEN_ONCE: Final = "venueevent_order_taken_once"
REQUESTED: Final = "(b.venue_id, b.security_id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))"

STATUS_OF = {
    OrderEnd.FILLED: VenueOrderStatus.FILLED,
    OrderEnd.CANCELLED: VenueOrderStatus.CANCELLED,
    OrderEnd.EXPIRED: VenueOrderStatus.EXPIRED,
    OrderEnd.UNFILLED: VenueOrderStatus.CANCELLED,
    OrderEnd.NOT_FILLABLE: VenueOrderStatus.CANCELLED,
    OrderEnd.SELF_TRADE: VenueOrderStatus.CANCELLED,
}
WHY_ENDED = {
    OrderEnd.UNFILLED: "Nobody was left on the other side.",
    OrderEnd.NOT_FILLABLE: "It could not be filled whole at once.",
    OrderEnd.SELF_TRADE: "It would have traded with an order of the same participant.",
}

TAKEN_SQL = "SELECT DISTINCT order_id FROM trades_venueevent WHERE order_id = ANY(%s) AND kind = 'ADD'"

# What the log and the tape say of orders that have ended: the last quantity, what was filled, how they may end.
PAST_SQL = """
    SELECT taken.book_id, taken.order_id, taken.price_ticks IS NULL OR taken.time_in_force IN ('IOC', 'FOK'),
        (SELECT r.quantity_units FROM trades_venueevent r
         WHERE r.order_id = taken.order_id AND r.order_id > 0 AND r.book_id = taken.book_id
           AND r.kind IN ('ADD', 'REPLACE') ORDER BY r.number DESC LIMIT 1),
        EXISTS (SELECT FROM trades_venueevent c
         WHERE c.order_id = taken.order_id AND c.order_id > 0 AND c.book_id = taken.book_id AND c.kind = 'CANCEL'),
        (SELECT coalesce(sum(m.quantity_units), 0)::bigint FROM trades_venueexecution m
         WHERE m.maker_order_id = taken.order_id AND m.maker_order_id > 0 AND m.book_id = taken.book_id)
        + (SELECT coalesce(sum(t.quantity_units), 0)::bigint FROM trades_venueexecution t
         WHERE t.taker_order_id = taken.order_id AND t.taker_order_id > 0 AND t.book_id = taken.book_id)
    FROM unnest(%s::bigint[], %s::bigint[]) AS asked (book_id, order_id)
    JOIN trades_venueevent taken ON taken.order_id = asked.order_id AND taken.book_id = asked.book_id
    WHERE taken.kind = 'ADD'
"""


@dataclass(frozen=True, slots=True)
class _Past:
    """An order that has left the memory's queue: how it ended, None where only the log can tell."""

    book_id: int
    order_id: int
    end: OrderEnd | None


def answer_requests(*, requests: Sequence[VenueRequest], at: datetime, business_date: date) -> list[VenueAnswer]:
    """Answer requests in their order, in a transaction of the venue's own: what it has answered, stands.

    A request that was answered before is answered as the order stands now: a NEW is taken once, a CANCEL of what
    has ended changes nothing. What is refused is an answer, not an error: REFUSED, with the refusal's code and
    message. at: when the requests arrive; the book's time never goes back, so an earlier one counts as the book's.
    Raises RuntimeError inside another transaction.
    """
    if not requests:
        return []
    try:
        return _answer(requests=requests, at=at, business_date=business_date, taken=frozenset())
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        if getattr(diagnosis, "constraint_name", None) != TAKEN_ONCE:
            raise
    # An order of an earlier session, which the books no longer remember.
    with connection.cursor() as cursor:
        cursor.execute(TAKEN_SQL, [[request.order_id for request in requests]])
        taken = frozenset(row[0] for row in cursor.fetchall())
    return _answer(requests=requests, at=at, business_date=business_date, taken=taken)


def _answer(
    *, requests: Sequence[VenueRequest], at: datetime, business_date: date, taken: Collection[int]
) -> list[VenueAnswer]:
    """Answer in one transaction. taken: ids that earlier sessions have had."""
    keys = list({(request.venue_id, request.security_id): None for request in requests})
    answers: list[VenueAnswer | _Past] = []
    with transaction.atomic(durable=True):
        opened = lock_books(which=REQUESTED, parameters=[[venue for venue, _ in keys], [paper for _, paper in keys]])
        by_key = {(entry.venue_id, entry.security_id): entry for entry in opened}
        for request in requests:
            entry = by_key.get((request.venue_id, request.security_id))
            try:
                if entry is None:
                    raise NoSuchBook()
                answers.append(_answer_one(entry, request, at=at, business_date=business_date, taken=taken))
            except Refusal as refusal:
                answers.append(_refused(request, refusal))
        save_books(opened=opened, business_date=business_date)
        past = _read_past({answer for answer in answers if isinstance(answer, _Past)})
    return [past[answer] if isinstance(answer, _Past) else answer for answer in answers]


def _answer_one(
    entry: OpenBook, request: VenueRequest, *, at: datetime, business_date: date, taken: Collection[int]
) -> VenueAnswer | _Past:
    """Do one request and say how its order stands. Raises OrderRefused, VenueClosed."""
    time_us = entry.bring_forward(at=at, business_date=business_date)
    is_open = entry.takes_orders(at=at, business_date=business_date)
    found = entry.book.find_order(order_id=request.order_id)
    if request.kind == RequestKind.NEW and found is None and request.order_id not in taken:
        return _take(entry, request, time_us=time_us, on=business_date if is_open else None)
    if isinstance(found, RestingOrder):
        if request.kind == RequestKind.CANCEL:
            entry.note(entry.book.cancel_order(order_id=request.order_id, time=time_us))
            return VenueAnswer(request.order_id, VenueOrderStatus.CANCELLED, found.filled_units)
        if request.kind == RequestKind.REPLACE:
            return _replace(entry, request, found, time_us=time_us, on=business_date if is_open else None)
        return _resting(found)
    if request.kind == RequestKind.REPLACE and found is not None:
        # The book says by name why not: it is filled, or has ended.
        entry.book.replace_order(order_id=request.order_id, quantity_units=max(request.quantity_units, 1), time=time_us)
    return _Past(entry.id, request.order_id, found)


def _take(entry: OpenBook, request: VenueRequest, *, time_us: int, on: date | None) -> VenueAnswer:
    """Put a new order into the book. on: the session's date, None while the venue is closed."""
    if request.side is None or request.owner is None or request.order_id <= 0:
        raise ValueError("a new order has a side, an owner and an id above zero")
    if on is None:
        raise VenueClosed()
    outcome = entry.note(
        entry.book.add_order(
            order_id=request.order_id,
            side=request.side,
            quantity_units=request.quantity_units,
            time=time_us,
            price_ticks=None if request.limit is None else count_ticks(price=request.limit, tick=entry.tick),
            time_in_force=request.time_in_force,
            owner=request.owner,
            expires_at=None if request.expires_at is None else count_microseconds(at=request.expires_at),
        )
    )
    entry.session_date = on
    return _stands(entry, request.order_id, filled_units=_sum_units(outcome.executions))


def _replace(
    entry: OpenBook, request: VenueRequest, found: RestingOrder, *, time_us: int, on: date | None
) -> VenueAnswer:
    """Give an order that rests another quantity or limit; asked for what it has already, leave it.

    One that only becomes smaller trades with nobody and keeps its place, so it may at any time, as a cancellation.
    """
    ticks = found.price_ticks if request.limit is None else count_ticks(price=request.limit, tick=entry.tick)
    quantity_units = found.filled_units + found.open_units
    if (ticks, request.quantity_units) == (found.price_ticks, quantity_units):
        return _resting(found)
    if on is None and (ticks != found.price_ticks or request.quantity_units > quantity_units):
        raise VenueClosed()
    outcome = entry.note(
        entry.book.replace_order(
            order_id=request.order_id, quantity_units=request.quantity_units, time=time_us, price_ticks=ticks
        )
    )
    entry.session_date = on or entry.session_date
    return _stands(entry, request.order_id, filled_units=found.filled_units + _sum_units(outcome.executions))


def _sum_units(executions: Iterable[Execution]) -> int:
    return sum(execution.quantity_units for execution in executions)


def _resting(order: RestingOrder) -> VenueAnswer:
    return VenueAnswer(order.order_id, VenueOrderStatus.RESTING, order.filled_units, order.open_units)


def _stands(entry: OpenBook, order_id: int, *, filled_units: int) -> VenueAnswer:
    """Say how an order stands that the book has just worked on."""
    found = entry.book.find_order(order_id=order_id)
    if isinstance(found, RestingOrder):
        return _resting(found)
    assert found is not None, "the book has just had this order"
    return VenueAnswer(order_id, STATUS_OF[found], filled_units, message=WHY_ENDED.get(found, ""))


def _refused(request: VenueRequest, refusal: Refusal) -> VenueAnswer:
    return VenueAnswer(request.order_id, VenueOrderStatus.REFUSED, code=refusal.code, message=refusal.message)


def _read_past(asked: Collection[_Past]) -> dict[_Past, VenueAnswer]:
    """Read how orders stand that the memory does not hold; one this venue never had is UNKNOWN."""
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(PAST_SQL, [[past.book_id for past in asked], [past.order_id for past in asked]])
        rows = {(row[0], row[1]): row[2:] for row in cursor.fetchall()}
    answers = {}
    for past in asked:
        row = rows.get((past.book_id, past.order_id))
        if row is None:
            answers[past] = VenueAnswer(past.order_id, VenueOrderStatus.UNKNOWN)
            continue
        never_rests, quantity_units, cancelled, filled_units = row
        end = past.end
        if end is None and filled_units >= quantity_units:
            end = OrderEnd.FILLED
        elif end is None:
            # Of an earlier session: what was not taken back stood until the session, or its own time, ended.
            end = OrderEnd.CANCELLED if cancelled or never_rests else OrderEnd.EXPIRED
        answers[past] = VenueAnswer(past.order_id, STATUS_OF[end], filled_units, message=WHY_ENDED.get(end, ""))
    return answers
