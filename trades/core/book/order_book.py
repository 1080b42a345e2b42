"""A limit order book with price-time priority, for one security at one venue. Deterministic, in integers.

Rules: a continuous market as MiFID II calls it (RTS 1, (EU) 2017/587, Annex I); words of FIX 4.4 and 5.0. The
structures and what each operation costs: docs/engines/order-book.md.
"""

import itertools
from collections.abc import Iterable
from typing import Final, NoReturn

from trades.core.book.ladder import Ladder, Order
from trades.core.book.refusals import (
    ExpiryDue,
    ExpiryNotAllowed,
    LimitNotPositive,
    LimitTooLarge,
    NoLiquidity,
    OrderEnded,
    OrderExpired,
    OrderFilled,
    OrderIdReused,
    QuantityNotPositive,
    QuantityTooLarge,
    ReplaceBelowFilled,
    TimeGoesBack,
    UnknownOrder,
)
from trades.core.book.terms import (
    LARGEST_INT64,
    BookEvent,
    BookEventKind,
    Execution,
    OrderEnd,
    OrderSide,
    Outcome,
    Removal,
    RestingOrder,
    SelfTrade,
    TimeInForce,
)
from trades.core.book.view import BEFORE_ALL, NEVER, BookView

LOG_WIDTH: Final = len(BookEvent._fields) - 1
"""Fields of an event in the log: all but its number."""

# Members of an enumeration are looked up faster by a name of the module.
_BUY, _SELL = OrderSide.BUY, OrderSide.SELL
_DAY, _GTC, _IOC, _FOK = TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK
_FILLED, _CANCELLED, _UNFILLED, _OWN = OrderEnd.FILLED, OrderEnd.CANCELLED, OrderEnd.UNFILLED, OrderEnd.SELF_TRADE
_ALLOW = SelfTrade.ALLOW
_ADD, _CANCEL, _REPLACE = BookEventKind.ADD, BookEventKind.CANCEL, BookEventKind.REPLACE


class OrderBook(BookView):
    """The book. Ids and times are the caller's: any int64 for an id, once a book; times never go back.

    Every method that changes the book raises its refusals before it changes anything.
    """

    def drain_events(self) -> tuple[BookEvent, ...]:
        """Return the log since the last call; whoever keeps it can rebuild the book from it."""
        columns = [self._log[place::LOG_WIDTH] for place in range(LOG_WIDTH)]
        first = self.event_number - len(columns[0]) + 1
        events = tuple(BookEvent(*fields) for fields in zip(itertools.count(first), *columns, strict=False))
        self._log.clear()
        return events

    def resume(
        self, *, event_number: int, execution_number: int, time: int, next_expiry: int,
        resting: Iterable[RestingOrder], ended: Iterable[tuple[int, OrderEnd]],
    ) -> None:  # fmt: skip
        """Fill an empty book with the state of another; orders in priority."""
        self.event_number, self.execution_number = event_number, execution_number
        self.time, self.next_expiry = time, next_expiry
        for found in resting:
            order = Order(
                found.order_id, found.open_units, found.filled_units, found.time_in_force, found.owner, found.expires_at
            )
            ladder = self._ladder(found.side)
            ladder.append(order, found.price_ticks * ladder.sign)
            self._resting[found.order_id] = order
        self._ended.update(ended)

    def forget_ended(self) -> None:
        """Forget which orders have ended; whoever keeps the log refuses their ids from then on."""
        self._ended.clear()

    def add_order(
        self, *, order_id: int, side: OrderSide, quantity_units: int, time: int, price_ticks: int | None = None,
        time_in_force: TimeInForce = _DAY, owner: int | None = None, expires_at: int | None = None,
    ) -> Outcome:  # fmt: skip
        """Match an order and let the rest of a DAY or GTC limit order stand.

        price_ticks: the limit, None for a market order, whose rest never stands. expires_at: of a GTC limit order,
        the first time at which it is no more. A FOK that cannot be filled whole at once trades nothing.
        """
        if time < self.time or time >= self.next_expiry:
            self._refuse_time(time)
        if not (0 < quantity_units <= LARGEST_INT64 and (price_ticks is None or 0 < price_ticks <= LARGEST_INT64)):
            _refuse_numbers(quantity_units, price_ticks)
        if order_id in self._resting or order_id in self._ended:
            raise OrderIdReused(order_id=order_id)
        if expires_at is not None:
            _check_expiry(expires_at=expires_at, time=time, time_in_force=time_in_force, price_ticks=price_ticks)
        own, other = (self._bids, self._offers) if side == _BUY else (self._offers, self._bids)
        if price_ticks is None and not other.keys:
            raise NoLiquidity()

        worst = BEFORE_ALL if price_ticks is None else price_ticks * other.sign
        number = self._accept(_ADD, time, order_id, side, quantity_units, price_ticks, time_in_force, owner, expires_at)
        order = Order(order_id, quantity_units, 0, time_in_force, owner, expires_at)
        if time_in_force == _FOK and not self._is_fillable(order, other, worst):
            self._ended[order_id] = OrderEnd.NOT_FILLABLE
            removal = Removal(order_id, quantity_units, OrderEnd.NOT_FILLABLE)
            return Outcome(number, order_id, (), (removal,), 0)
        executions: tuple[Execution, ...] = ()
        removals: tuple[Removal, ...] = ()
        if other.keys and other.keys[-1] >= worst:
            executions, removals = self._match(order, other, worst)
            if order_id in self._ended:
                return Outcome(number, order_id, executions, removals, 0)
        if price_ticks is None or time_in_force == _IOC:
            self._ended[order_id] = _UNFILLED
            removals += (Removal(order_id, order.open_units, _UNFILLED),)
            return Outcome(number, order_id, executions, removals, 0)
        own.append(order, price_ticks * own.sign)
        self._resting[order_id] = order
        if expires_at is not None and expires_at < self.next_expiry:
            self.next_expiry = expires_at
        return Outcome(number, order_id, executions, removals, order.open_units)

    def cancel_order(self, *, order_id: int, time: int) -> Outcome:
        """Take what is left of an order off the book."""
        if time < self.time or time >= self.next_expiry:
            self._refuse_time(time)
        order = self._resting.get(order_id)
        if order is None:
            self._refuse_order(order_id)
        number = self._accept(_CANCEL, time, order_id)
        return Outcome(number, order_id, (), (self._end(order, _CANCELLED),), 0)

    def replace_order(
        self, *, order_id: int, quantity_units: int, time: int, price_ticks: int | None = None
    ) -> Outcome:
        """Give a resting order another quantity, another limit, or both.

        quantity_units: the whole new quantity, with what is filled already (FIX tag 38). price_ticks: None keeps
        the limit. A smaller or equal quantity at the same limit keeps the order's place; every other change puts
        it at the end of the queue of its price, and it may trade first as a taker.
        """
        if time < self.time or time >= self.next_expiry:
            self._refuse_time(time)
        order = self._resting.get(order_id)
        if order is None:
            self._refuse_order(order_id)
        if not (0 < quantity_units <= LARGEST_INT64 and (price_ticks is None or 0 < price_ticks <= LARGEST_INT64)):
            _refuse_numbers(quantity_units, price_ticks)
        if quantity_units <= order.filled_units:
            raise ReplaceBelowFilled(order_id=order_id, filled_units=order.filled_units)
        number = self._accept(_REPLACE, time, order_id, None, quantity_units, price_ticks)
        own = order.ladder
        open_units = quantity_units - order.filled_units
        key = order.level.key if price_ticks is None else price_ticks * own.sign
        if key == order.level.key and open_units <= order.open_units:
            own.shrink(order, order.open_units - open_units)
            return Outcome(number, order_id, (), (), open_units)
        own.remove(order)
        order.open_units = open_units
        executions: tuple[Execution, ...] = ()
        removals: tuple[Removal, ...] = ()
        other = self._offers if own is self._bids else self._bids
        if other.keys and other.keys[-1] >= -key:
            del self._resting[order_id]
            executions, removals = self._match(order, other, -key)
            if order_id in self._ended:
                return Outcome(number, order_id, executions, removals, 0)
            self._resting[order_id] = order
        own.append(order, key)
        return Outcome(number, order_id, executions, removals, order.open_units)

    def expire_orders(self, *, time: int, session_ends: bool = False) -> Outcome:
        """Take off GTC orders whose time has come and, when the session ends, all DAY orders; bids first, in priority.

        Looks at every order that rests.
        """
        if time < self.time:
            self._refuse_time(time)
        kind = BookEventKind.END_SESSION if session_ends else BookEventKind.EXPIRE
        number = self._accept(kind, time)
        due, next_expiry = [], NEVER
        for ladder in (self._bids, self._offers):
            for order in ladder.walk():
                expires_at = NEVER if order.expires_at is None else order.expires_at
                if expires_at <= time or (session_ends and order.time_in_force == _DAY):
                    due.append(order)
                elif expires_at < next_expiry:
                    next_expiry = expires_at
        self.next_expiry = next_expiry
        return Outcome(number, 0, (), tuple(self._end(order, OrderEnd.EXPIRED) for order in due), 0)

    def _accept(
        self, kind: BookEventKind, time: int, order_id: int = 0, side: OrderSide | None = None,
        quantity_units: int = 0, price_ticks: int | None = None, time_in_force: TimeInForce | None = None,
        owner: int | None = None, expires_at: int | None = None,
    ) -> int:  # fmt: skip
        """Log a request that nothing forbids any more, move the clock on, and return the event's number."""
        # Field after field into one list: an object an event would cost the collector more than the matching.
        self._log += (kind, time, order_id, side, quantity_units, price_ticks, time_in_force, owner, expires_at)
        self.time = time
        self.event_number += 1
        return self.event_number

    def _match(self, order: Order, other: Ladder, worst: int) -> tuple[tuple[Execution, ...], tuple[Removal, ...]]:
        """Trade an order with the other side, best first, as far as `worst`; it is in _ended when nothing is left."""
        executions: list[Execution] = []
        removals: list[Removal] = []
        taker_id, owner, time = order.order_id, order.owner, self.time
        side = _BUY if other.sign < 0 else _SELL
        guarded = owner is not None and self.self_trade != _ALLOW
        left = order.open_units
        keys, levels = other.keys, other.levels
        while left and keys and keys[-1] >= worst:
            level = levels[keys[-1]]
            maker = level.first
            assert maker is not None, "a level without orders is dropped"
            if guarded and maker.owner == owner:
                if self.self_trade != SelfTrade.CANCEL_INCOMING:
                    removals.append(self._end(maker, _OWN))
                if self.self_trade != SelfTrade.CANCEL_RESTING:
                    removals.append(Removal(taker_id, left, _OWN))
                    self._ended[taker_id] = _OWN
                    break
                continue
            units = maker.open_units
            if units > left:
                units = left
            left -= units
            self.execution_number += 1
            executions.append(
                Execution(
                    self.execution_number, time, level.key * other.sign, units, maker.order_id, taker_id, side,
                    maker.owner, owner,
                )
            )  # fmt: skip
            maker.filled_units += units
            if units == maker.open_units:
                self._end(maker, _FILLED)
            else:
                other.shrink(maker, units)
        order.filled_units += order.open_units - left
        order.open_units = left
        if not left:
            self._ended[taker_id] = _FILLED
        return tuple(executions), tuple(removals)

    def _is_fillable(self, order: Order, other: Ladder, worst: int) -> bool:
        """Say whether a FOK finds all its units at once; looks at levels, or at orders where some may be its own."""
        wanted = order.open_units
        if order.owner is None or self.self_trade == _ALLOW:
            for key in reversed(other.keys):
                if key < worst:
                    return False
                wanted -= other.levels[key].units
                if wanted <= 0:
                    return True
            return False
        for maker in other.walk():
            if maker.level.key < worst:
                return False
            if maker.owner == order.owner:
                if self.self_trade != SelfTrade.CANCEL_RESTING:
                    return False
                continue
            wanted -= maker.open_units
            if wanted <= 0:
                return True
        return False

    def _end(self, order: Order, reason: OrderEnd) -> Removal:
        """Take a resting order off the book."""
        order.ladder.remove(order)
        del self._resting[order.order_id]
        self._ended[order.order_id] = reason
        return Removal(order.order_id, order.open_units, reason)

    def _refuse_time(self, time: int) -> NoReturn:
        if time < self.time:
            raise TimeGoesBack(time=time, book_time=self.time)
        raise ExpiryDue(next_expiry=self.next_expiry)

    def _refuse_order(self, order_id: int) -> NoReturn:
        reason = self._ended.get(order_id)
        if reason is None:
            raise UnknownOrder(order_id=order_id)
        if reason == _FILLED:
            raise OrderFilled(order_id=order_id)
        raise OrderEnded(order_id=order_id, reason=reason.value)


def _refuse_numbers(quantity_units: int, price_ticks: int | None) -> NoReturn:
    if quantity_units <= 0:
        raise QuantityNotPositive(quantity_units=quantity_units)
    if quantity_units > LARGEST_INT64:
        raise QuantityTooLarge()
    raise LimitNotPositive() if price_ticks is not None and price_ticks <= 0 else LimitTooLarge()


def _check_expiry(*, expires_at: int, time: int, time_in_force: TimeInForce, price_ticks: int | None) -> None:
    if time_in_force != _GTC or price_ticks is None or expires_at > LARGEST_INT64:
        raise ExpiryNotAllowed()
    if expires_at <= time:
        raise OrderExpired(expires_at=expires_at)
