"""A book that comes back: from its log, or from a snapshot and the log since."""

from collections.abc import Iterable
from dataclasses import dataclass

from trades.core.book.order_book import OrderBook
from trades.core.book.refusals import EventLogBroken, OrderRefused
from trades.core.book.terms import BookEvent, BookEventKind, OrderEnd, OrderSide, Outcome, RestingOrder, SelfTrade


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """All that decides what a book does next. Two books with equal snapshots answer all requests alike.

    bids, offers: in priority. ended: every id that is no more in the book, in the order in which they left.
    """

    self_trade: SelfTrade
    event_number: int
    execution_number: int
    time: int
    next_expiry: int
    bids: tuple[RestingOrder, ...]
    offers: tuple[RestingOrder, ...]
    ended: tuple[tuple[int, OrderEnd], ...]


def snapshot_book(*, book: OrderBook) -> BookSnapshot:
    """Take the state of a book; time in proportion to the orders it ever had."""
    return BookSnapshot(
        self_trade=book.self_trade,
        event_number=book.event_number,
        execution_number=book.execution_number,
        time=book.time,
        next_expiry=book.next_expiry,
        bids=tuple(book.list_resting(side=OrderSide.BUY)),
        offers=tuple(book.list_resting(side=OrderSide.SELL)),
        ended=book.list_ended(),
    )


def restore_book(*, snapshot: BookSnapshot) -> OrderBook:
    """Make the book of a snapshot."""
    book = OrderBook(self_trade=snapshot.self_trade)
    book.resume(
        event_number=snapshot.event_number,
        execution_number=snapshot.execution_number,
        time=snapshot.time,
        next_expiry=snapshot.next_expiry,
        resting=(*snapshot.bids, *snapshot.offers),
        ended=snapshot.ended,
    )
    return book


def replay_events(*, book: OrderBook, events: Iterable[BookEvent]) -> list[Outcome]:
    """Do again what the log says, and return what it did: the same executions under the same numbers.

    Raises EventLogBroken where an event does not follow the last one, or is one that the book would have refused.
    """
    outcomes = []
    for event in events:
        if event.number != book.event_number + 1:
            raise EventLogBroken(f"Event {event.number} does not follow event {book.event_number}.")
        try:
            outcomes.append(_apply(book, event))
        except OrderRefused as refusal:
            raise EventLogBroken(f"Event {event.number} is refused: {refusal.message}") from refusal
    return outcomes


def rebuild_book(*, events: Iterable[BookEvent], self_trade: SelfTrade = SelfTrade.ALLOW) -> OrderBook:
    """Make the book that these events made, from the first on. Raises EventLogBroken."""
    book = OrderBook(self_trade=self_trade)
    replay_events(book=book, events=events)
    return book


def _apply(book: OrderBook, event: BookEvent) -> Outcome:
    if event.kind == BookEventKind.ADD and event.side is not None and event.time_in_force is not None:
        return book.add_order(
            order_id=event.order_id, side=event.side, quantity_units=event.quantity_units, time=event.time,
            price_ticks=event.price_ticks, time_in_force=event.time_in_force, owner=event.owner,
            expires_at=event.expires_at,
        )  # fmt: skip
    if event.kind == BookEventKind.CANCEL:
        return book.cancel_order(order_id=event.order_id, time=event.time)
    if event.kind == BookEventKind.REPLACE:
        return book.replace_order(
            order_id=event.order_id, quantity_units=event.quantity_units, time=event.time,
            price_ticks=event.price_ticks,
        )  # fmt: skip
    if event.kind in (BookEventKind.EXPIRE, BookEventKind.END_SESSION):
        return book.expire_orders(time=event.time, session_ends=event.kind == BookEventKind.END_SESSION)
    raise EventLogBroken(f"Event {event.number} is incomplete.")
