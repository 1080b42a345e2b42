"""One side of a book: its price levels in order, and at each price a queue in order of time."""

from bisect import bisect_left
from collections.abc import Iterator

from trades.core.book.terms import LevelView, OrderSide, TimeInForce


class Order:
    """An order that rests, and its two neighbours in the queue."""

    __slots__ = (
        "after", "before", "expires_at", "filled_units", "ladder", "level", "open_units", "order_id", "owner",
        "time_in_force",
    )  # fmt: skip

    after: "Order | None"
    before: "Order | None"
    ladder: "Ladder"
    level: "Level"

    def __init__(
        self,
        order_id: int,
        open_units: int,
        filled_units: int,
        time_in_force: TimeInForce,
        owner: int | None,
        expires_at: int | None,
    ) -> None:
        self.order_id = order_id
        self.open_units = open_units
        self.filled_units = filled_units
        self.time_in_force = time_in_force
        self.owner = owner
        self.expires_at = expires_at


class Level:
    """What rests at one price: a doubly linked queue, so that any order leaves in constant time."""

    __slots__ = ("first", "key", "last", "orders", "units")

    def __init__(self, key: int) -> None:
        self.key = key
        self.units = 0
        self.orders = 0
        self.first: Order | None = None
        self.last: Order | None = None


class Ladder:
    """The levels of one side.

    A key is a price turned so that more is better: the price itself for bids, minus the price for offers. Keys
    stand in ascending order, so the best is the last, where a list is changed in constant time; most orders come
    and go near it.
    """

    __slots__ = ("keys", "levels", "side", "sign", "units")

    def __init__(self, side: OrderSide) -> None:
        self.side = side
        self.sign = 1 if side == OrderSide.BUY else -1
        self.keys: list[int] = []
        self.levels: dict[int, Level] = {}
        self.units = 0

    def append(self, order: Order, key: int) -> None:
        """Put an order at the end of the queue at its price."""
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = Level(key)
            keys = self.keys
            if not keys or key > keys[-1]:
                keys.append(key)
            else:
                keys.insert(bisect_left(keys, key), key)
        last = level.last
        order.ladder = self
        order.level = level
        order.before = last
        order.after = None
        if last is None:
            level.first = order
        else:
            last.after = order
        level.last = order
        level.orders += 1
        level.units += order.open_units
        self.units += order.open_units

    def remove(self, order: Order) -> None:
        """Take an order out of its queue, wherever it stands."""
        level = order.level
        before, after = order.before, order.after
        if before is None:
            level.first = after
        else:
            before.after = after
        if after is None:
            level.last = before
        else:
            after.before = before
        # Without its neighbours a removed order is freed at once, not by the collector of circles.
        order.before = order.after = None
        level.orders -= 1
        level.units -= order.open_units
        self.units -= order.open_units
        if level.first is None:
            self.drop(level.key)

    def drop(self, key: int) -> None:
        """Forget a level that has become empty."""
        del self.levels[key]
        keys = self.keys
        if keys[-1] == key:
            keys.pop()
        else:
            del keys[bisect_left(keys, key)]

    def shrink(self, order: Order, units: int) -> None:
        """Take units off an order, which keeps its place."""
        order.open_units -= units
        order.level.units -= units
        self.units -= units

    def walk(self) -> Iterator[Order]:
        """Give all orders in priority: the best price first, at a price the oldest first."""
        for key in reversed(self.keys):
            order = self.levels[key].first
            while order is not None:
                yield order
                order = order.after

    def list_levels(self, count: int) -> list[LevelView]:
        """Give the best levels, best first."""
        found = []
        for key in self.keys[: -count - 1 : -1]:
            level = self.levels[key]
            found.append(LevelView(key * self.sign, level.units, level.orders))
        return found
