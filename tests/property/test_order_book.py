"""The order book against a naive model: one list, sorted anew for each order, straight from the rules."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reference.refusals import Refusal
from trades.core.book.order_book import OrderBook
from trades.core.book.rebuild import BookSnapshot, rebuild_book, replay_events, restore_book, snapshot_book
from trades.core.book.terms import BookEvent, OrderEnd, OrderSide, Outcome, SelfTrade, TimeInForce

BUY, SELL = OrderSide.BUY, OrderSide.SELL
Trades = list[tuple[int, int, int, int]]  # maker, taker, price, units
Leaves = list[tuple[int, int, OrderEnd]]
ids = st.integers(1, 300)
prices = st.integers(98, 102)
quantities = st.integers(1, 6)
places = st.integers(0, 1_000)


@dataclass(frozen=True)
class Standing:
    """An order of the model; arrival is its place in time."""

    id: int
    side: OrderSide
    price: int | None
    units: int
    filled: int
    tif: TimeInForce
    owner: int | None
    expires_at: int | None
    arrival: int


class Model:
    """What should happen, without any structure."""

    def __init__(self, self_trade: SelfTrade) -> None:
        self.self_trade = self_trade
        self.orders: dict[int, Standing] = {}
        self.ended: dict[int, OrderEnd] = {}
        self.arrivals = 0

    def queue(self, side: OrderSide) -> list[Standing]:
        """All orders of a side in priority."""
        sign = -1 if side == BUY else 1
        found = [order for order in self.orders.values() if order.side == side]
        return sorted(found, key=lambda order: ((order.price or 0) * sign, order.arrival))

    def enter(self, order: Standing) -> tuple[Trades, Leaves, int]:
        """Match a newcomer and let it rest or end; what rests is the last figure."""
        trades: list[tuple[Standing, int]] = []
        own: list[Standing] = []
        left, stopped = order.units, False
        for maker in self.queue(SELL if order.side == BUY else BUY):
            assert maker.price is not None
            worse = order.price is not None and (
                maker.price > order.price if order.side == BUY else maker.price < order.price
            )
            if worse or left == 0:
                break
            if self.self_trade != SelfTrade.ALLOW and order.owner is not None and maker.owner == order.owner:
                if self.self_trade != SelfTrade.CANCEL_INCOMING:
                    own.append(maker)
                if self.self_trade != SelfTrade.CANCEL_RESTING:
                    stopped = True
                    break
                continue
            trades.append((maker, min(left, maker.units)))
            left -= trades[-1][1]
        if order.tif == TimeInForce.FOK and left:
            self.ended[order.id] = OrderEnd.NOT_FILLABLE
            return [], [(order.id, order.units, OrderEnd.NOT_FILLABLE)], 0
        for maker, units in trades:
            self.take(maker, units)
        leaves = [(maker.id, maker.units, OrderEnd.SELF_TRADE) for maker in own]
        for maker in own:
            self.end(maker.id, OrderEnd.SELF_TRADE)
        fills = [(maker.id, order.id, maker.price or 0, units) for maker, units in trades]
        if left == 0:
            self.ended[order.id] = OrderEnd.FILLED
        elif stopped:
            self.ended[order.id] = OrderEnd.SELF_TRADE
            leaves.append((order.id, left, OrderEnd.SELF_TRADE))
        elif order.price is None or order.tif == TimeInForce.IOC:
            self.ended[order.id] = OrderEnd.UNFILLED
            leaves.append((order.id, left, OrderEnd.UNFILLED))
        else:
            self.orders[order.id] = replace(order, units=left, filled=order.filled + order.units - left)
            return fills, leaves, left
        return fills, leaves, 0

    def take(self, maker: Standing, units: int) -> None:
        if units == maker.units:
            self.end(maker.id, OrderEnd.FILLED)
        else:
            self.orders[maker.id] = replace(maker, units=maker.units - units, filled=maker.filled + units)

    def end(self, order_id: int, reason: OrderEnd) -> Standing:
        self.ended[order_id] = reason
        return self.orders.pop(order_id)

    def next_arrival(self) -> int:
        self.arrivals += 1
        return self.arrivals

    def refusal_of(self, order_id: int) -> str | None:
        """Why nothing can be done to an order any more."""
        if order_id in self.orders:
            return None
        if order_id not in self.ended:
            return "unknown-order"
        return "order-filled" if self.ended[order_id] == OrderEnd.FILLED else "order-ended"


class BookAgainstModel(RuleBasedStateMachine):
    """Every request goes to both; what happens and what stands must be the same."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0
        self.log: list[BookEvent] = []
        self.asked: dict[int, int] = {}
        self.filled: dict[int, int] = {}
        self.gone: dict[int, int] = {}
        self.numbers: list[int] = []

    @initialize(self_trade=st.sampled_from(SelfTrade))
    def open(self, self_trade: SelfTrade) -> None:
        self.book = OrderBook(self_trade=self_trade)
        self.model = Model(self_trade)
        self.checkpoint: BookSnapshot = snapshot_book(book=self.book)
        self.checkpoint_length = 0

    def tick(self, seconds: int) -> int:
        """Time goes on; what has expired leaves first, as at a venue."""
        self.time += seconds
        if self.book.next_expiry <= self.time:
            self.expire(session_ends=False, seconds=0)
        return self.time

    def keep(self, outcome: Outcome, expected: tuple[Trades, Leaves, int]) -> None:
        trades, leaves, resting = expected
        found = [(e.maker_order_id, e.taker_order_id, e.price_ticks, e.quantity_units) for e in outcome.executions]
        assert found == trades
        assert sorted(outcome.removals) == sorted(leaves)
        assert outcome.resting_units == resting
        for execution in outcome.executions:
            self.numbers.append(execution.number)
            for order_id in (execution.maker_order_id, execution.taker_order_id):
                self.filled[order_id] = self.filled.get(order_id, 0) + execution.quantity_units
        for removal in outcome.removals:
            self.gone[removal.order_id] = removal.quantity_units
        self.log += self.book.drain_events()

    @rule(
        order_id=ids, side=st.sampled_from(OrderSide), units=quantities, price=prices | st.none(),
        tif=st.sampled_from(TimeInForce), owner=st.sampled_from([None, 1, 2]), lives=st.none() | st.integers(1, 20),
        seconds=st.integers(0, 2),
    )  # fmt: skip
    def add(
        self, order_id: int, side: OrderSide, units: int, price: int | None, tif: TimeInForce, owner: int | None,
        lives: int | None, seconds: int,
    ) -> None:  # fmt: skip
        time = self.tick(seconds)
        expires_at = time + lives if lives and tif == TimeInForce.GTC and price is not None else None

        def ask() -> Outcome:
            return self.book.add_order(
                order_id=order_id, side=side, quantity_units=units, time=time, price_ticks=price, time_in_force=tif,
                owner=owner, expires_at=expires_at,
            )  # fmt: skip

        if self.model.refusal_of(order_id) != "unknown-order":
            self.refused("order-id-reused", ask)
        elif price is None and not self.model.queue(SELL if side == BUY else BUY):
            self.refused("market-order-without-liquidity", ask)
        else:
            arrival = self.model.next_arrival()
            order = Standing(order_id, side, price, units, 0, tif, owner, expires_at, arrival)
            self.asked[order_id] = units
            self.keep(ask(), self.model.enter(order))

    def standing(self, place: int, otherwise: int) -> int:
        """Pick an order that stands, for most ids are of none."""
        ids_standing = sorted(self.model.orders)
        return ids_standing[place % len(ids_standing)] if ids_standing else otherwise

    @rule(place=places, seconds=st.integers(0, 2))
    def cancel_standing(self, place: int, seconds: int) -> None:
        self.cancel(self.standing(place, 1), seconds)

    @rule(place=places, more=st.integers(-3, 3), price=st.none() | prices)
    def change_standing(self, place: int, more: int, price: int | None) -> None:
        order_id = self.standing(place, 1)
        order = self.model.orders.get(order_id)
        if order and order.filled + order.units + more > 0:
            self.change(order_id, order.filled + order.units + more, price)

    @rule(place=places, tif=st.sampled_from(TimeInForce), more=st.integers(-1, 1), owner=st.sampled_from([None, 1, 2]))
    def take_best(self, place: int, tif: TimeInForce, more: int, owner: int | None) -> None:
        """An order for what rests at the best prices, or one unit off, at exactly the last of their limits."""
        side = BUY if place % 2 else SELL
        queue = self.model.queue(SELL if side == BUY else BUY)[: 1 + place % 4]
        units = sum(order.units for order in queue) + more
        if queue and units > 0:
            self.add(1_000 + self.model.arrivals, side, units, queue[-1].price, tif, owner, None, 0)

    @rule(side=st.sampled_from(OrderSide), depth=st.integers(0, 1), sizes=st.lists(quantities, min_size=2, max_size=4))
    def queue_up(self, side: OrderSide, depth: int, sizes: list[int]) -> None:
        """Several orders wait at one price, so that there is a queue to keep one's place in."""
        for units in sizes:
            price = 99 - depth if side == BUY else 101 + depth
            self.add(1_000 + self.model.arrivals, side, units, price, TimeInForce.GTC, None, None, 0)

    @rule(order_id=ids, seconds=st.integers(0, 2))
    def cancel(self, order_id: int, seconds: int) -> None:
        time = self.tick(seconds)
        code = self.model.refusal_of(order_id)
        if code:
            self.refused(code, lambda: self.book.cancel_order(order_id=order_id, time=time))
            return
        order = self.model.end(order_id, OrderEnd.CANCELLED)
        outcome = self.book.cancel_order(order_id=order_id, time=time)
        self.keep(outcome, ([], [(order_id, order.units, OrderEnd.CANCELLED)], 0))

    @rule(order_id=ids, units=quantities, price=prices | st.none())
    def change(self, order_id: int, units: int, price: int | None) -> None:
        time = self.tick(0)
        code = self.model.refusal_of(order_id)
        order = self.model.orders.get(order_id)
        if order and units <= order.filled:
            code = "replace-not-above-filled"

        def ask() -> Outcome:
            return self.book.replace_order(order_id=order_id, quantity_units=units, time=time, price_ticks=price)

        if code or order is None:
            self.refused(code or "", ask)
            return
        self.asked[order_id] = units
        new = replace(order, units=units - order.filled, price=order.price if price is None else price)
        if new.price == order.price and new.units <= order.units:
            self.model.orders[order_id] = new
            self.keep(ask(), ([], [], new.units))
        else:
            del self.model.orders[order_id]
            self.keep(ask(), self.model.enter(replace(new, arrival=self.model.next_arrival())))

    @rule(session_ends=st.booleans(), seconds=st.integers(0, 5))
    def expire(self, session_ends: bool, seconds: int) -> None:
        self.time += seconds
        due = [
            order
            for side in (BUY, SELL)
            for order in self.model.queue(side)
            if (session_ends and order.tif == TimeInForce.DAY) or (order.expires_at or 10**9) <= self.time
        ]
        leaves = [(self.model.end(order.id, OrderEnd.EXPIRED).id, order.units, OrderEnd.EXPIRED) for order in due]
        outcome = self.book.expire_orders(time=self.time, session_ends=session_ends)
        assert [tuple(removal) for removal in outcome.removals] == leaves
        self.keep(outcome, ([], leaves, 0))

    @rule()
    def save(self) -> None:
        self.checkpoint, self.checkpoint_length = snapshot_book(book=self.book), len(self.log)

    @rule(from_checkpoint=st.booleans())
    def kill(self, from_checkpoint: bool) -> None:
        """The venue dies and comes back from what was kept; it goes on as if nothing had been."""
        if from_checkpoint:
            book = restore_book(snapshot=self.checkpoint)
            replay_events(book=book, events=self.log[self.checkpoint_length :])
        else:
            book = rebuild_book(events=self.log, self_trade=self.book.self_trade)
        book.drain_events()
        assert snapshot_book(book=book) == snapshot_book(book=self.book)
        self.book = book

    def refused(self, code: str, ask: object) -> None:
        before = snapshot_book(book=self.book)
        with pytest.raises(Refusal) as refusal:
            ask()  # type: ignore[operator]
        assert refusal.value.code == code
        assert snapshot_book(book=self.book) == before
        assert self.book.drain_events() == ()

    @invariant()
    def the_same_stands_in_the_same_order(self) -> None:
        for side in OrderSide:
            found = [
                (o.order_id, o.price_ticks, o.open_units, o.filled_units) for o in self.book.list_resting(side=side)
            ]
            assert found == [(o.id, o.price, o.units, o.filled) for o in self.model.queue(side)]

    @invariant()
    def the_book_is_not_crossed_at_rest(self) -> None:
        bid, offer = self.book.best_bid_ticks, self.book.best_offer_ticks
        assert bid is None or offer is None or bid < offer

    @invariant()
    def levels_and_totals_are_the_sums_of_orders(self) -> None:
        for side in OrderSide:
            orders = self.book.list_resting(side=side)
            levels = self.book.list_levels(side=side, count=100)
            assert self.book.count_units(side=side) == sum(order.open_units for order in orders)
            assert sum(level.quantity_units for level in levels) == self.book.count_units(side=side)
            assert sum(level.orders for level in levels) == len(orders)
            best = self.book.best_bid_ticks if side == BUY else self.book.best_offer_ticks
            assert best == (levels[0].price_ticks if levels else None)
            for level in levels:
                assert self.book.find_depth(side=side, price_ticks=level.price_ticks) == level

    @invariant()
    def quantity_is_conserved(self) -> None:
        """Of each order: asked = filled + open + gone without a fill; never more filled than asked."""
        standing = {o.order_id: o.open_units for side in OrderSide for o in self.book.list_resting(side=side)}
        for order_id, asked in self.asked.items():
            filled = self.filled.get(order_id, 0)
            assert filled <= asked
            assert filled + standing.get(order_id, 0) + self.gone.get(order_id, 0) == asked

    @invariant()
    def executions_are_numbered_without_a_gap(self) -> None:
        assert self.numbers == list(range(1, len(self.numbers) + 1))


TestBookAgainstModel = BookAgainstModel.TestCase
TestBookAgainstModel.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
