"""What an order book holds and what can be asked of it; nothing here changes it."""

from typing import Any, Final

from trades.core.book.ladder import Ladder, Order
from trades.core.book.terms import (
    LARGEST_INT64,
    LevelView,
    OrderEnd,
    OrderSide,
    RestingOrder,
    SelfTrade,
)

NEVER: Final = LARGEST_INT64 + 1
BEFORE_ALL: Final = -LARGEST_INT64 - 1


class BookView:
    """The state of a book, and its questions."""

    def __init__(self, *, self_trade: SelfTrade = SelfTrade.ALLOW) -> None:
        """Open an empty book; self_trade is what happens between orders of one owner."""
        self.self_trade = self_trade
        self.event_number = 0
        self.execution_number = 0
        self.time = BEFORE_ALL
        self.next_expiry = NEVER
        """No GTC order expires before; at this time the venue calls expire_orders."""
        self._bids = Ladder(OrderSide.BUY)
        self._offers = Ladder(OrderSide.SELL)
        self._resting: dict[int, Order] = {}
        self._ended: dict[int, OrderEnd] = {}
        self._log: list[Any] = []

    @property
    def best_bid_ticks(self) -> int | None:
        """The highest price somebody buys at; constant time."""
        return self._bids.keys[-1] if self._bids.keys else None

    @property
    def best_offer_ticks(self) -> int | None:
        """The lowest price somebody sells at; constant time."""
        return -self._offers.keys[-1] if self._offers.keys else None

    def find_depth(self, *, side: OrderSide, price_ticks: int) -> LevelView:
        """Return what rests at a price; constant time."""
        ladder = self._ladder(side)
        level = ladder.levels.get(price_ticks * ladder.sign)
        return LevelView(price_ticks, level.units, level.orders) if level else LevelView(price_ticks, 0, 0)

    def count_units(self, *, side: OrderSide) -> int:
        """Return all units of a side; constant time."""
        return self._ladder(side).units

    def list_levels(self, *, side: OrderSide, count: int) -> list[LevelView]:
        """Return the best levels, best first; time in proportion to count, however deep the book."""
        return self._ladder(side).list_levels(count)

    def find_order(self, *, order_id: int) -> RestingOrder | OrderEnd | None:
        """Return an order that rests, else why it ended, else None if this book never had it."""
        order = self._resting.get(order_id)
        return self._ended.get(order_id) if order is None else describe_order(order)

    def list_resting(self, *, side: OrderSide) -> list[RestingOrder]:
        """Return all orders of a side in priority."""
        return [describe_order(order) for order in self._ladder(side).walk()]

    def list_ended(self) -> tuple[tuple[int, OrderEnd], ...]:
        """Return every order that was in the book and is no more, and why, in the order in which they left."""
        return tuple(self._ended.items())

    def count_resting(self) -> int:
        """Return how many orders rest; constant time."""
        return len(self._resting)

    def _ladder(self, side: OrderSide) -> Ladder:
        return self._bids if side == OrderSide.BUY else self._offers


def describe_order(order: Order) -> RestingOrder:
    """Return what there is to know of an order that rests."""
    ladder = order.ladder
    return RestingOrder(
        order.order_id, ladder.side, order.level.key * ladder.sign, order.open_units, order.filled_units,
        order.time_in_force, order.owner, order.expires_at,
    )  # fmt: skip
