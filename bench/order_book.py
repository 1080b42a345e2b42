"""The order book beside a naive one, in turn, on the same orders: `python -m bench.order_book`.

It runs in a process of its own, without the database.
"""

import gc
import json
import random
import statistics
import sys
import time
from bisect import insort
from typing import Any, Final, NamedTuple, Protocol

from trades.core.book.order_book import OrderBook
from trades.core.book.rebuild import rebuild_book, snapshot_book
from trades.core.book.terms import Execution, OrderEnd, OrderSide, RestingOrder, TimeInForce

RESTING: Final = 10_000
EVENTS: Final = 200_000
NAIVE_EVENTS: Final = 5_000
ROUNDS: Final = 5
MIDDLE_TICKS: Final = 10_000
TARGET_PER_SECOND: Final = 200_000


class Request(NamedTuple):
    """One thing asked of a book; price_ticks is None of a market order, and of a cancellation."""

    kind: str
    order_id: int
    side: OrderSide
    quantity_units: int = 0
    price_ticks: int | None = None


class SortedListBook:
    """What one writes first: a sorted list of orders a side, an order found by looking through it."""

    def __init__(self) -> None:
        self.sides: dict[OrderSide, list[tuple[int, int, int, int, int]]] = {side: [] for side in OrderSide}
        self.arrivals = 0
        self.trades: list[tuple[int, int, int, int]] = []

    def add(self, *, order_id: int, side: OrderSide, units: int, price_ticks: int | None, filled: int = 0) -> None:
        """Trade with the first of the other list as long as its price will do; insert the rest by bisection."""
        buys = side == OrderSide.BUY
        other = self.sides[OrderSide.SELL if buys else OrderSide.BUY]
        while units and other:
            key, arrival, maker, left, maker_filled = other[0]
            if price_ticks is not None and (key > price_ticks if buys else -key < price_ticks):
                break
            traded = min(units, left)
            self.trades.append((maker, order_id, abs(key), traded))
            units -= traded
            filled += traded
            if traded == left:
                del other[0]
            else:
                other[0] = (key, arrival, maker, left - traded, maker_filled + traded)
        if units and price_ticks is not None:
            self.arrivals += 1
            insort(self.sides[side], (-price_ticks if buys else price_ticks, self.arrivals, order_id, units, filled))

    def cancel(self, *, order_id: int, side: OrderSide) -> tuple[int, int, int, int, int]:
        """Look for the order, and delete it."""
        orders = self.sides[side]
        for place, order in enumerate(orders):
            if order[2] == order_id:
                del orders[place]
                return order
        raise KeyError(order_id)

    def replace(self, *, order_id: int, side: OrderSide, quantity_units: int) -> None:
        """Shrink in place, or go to the end of the price."""
        key, arrival, _, left, filled = self.cancel(order_id=order_id, side=side)
        units = quantity_units - filled
        if units <= left:
            insort(self.sides[side], (key, arrival, order_id, units, filled))
        else:
            self.add(order_id=order_id, side=side, units=units, price_ticks=abs(key), filled=filled)

    def run(self, request: Request, number: int) -> None:
        """Do what is asked."""
        if request.kind == "add":
            self.add(
                order_id=request.order_id, side=request.side, units=request.quantity_units,
                price_ticks=request.price_ticks,
            )  # fmt: skip
        elif request.kind == "cancel":
            self.cancel(order_id=request.order_id, side=request.side)
        else:
            self.replace(order_id=request.order_id, side=request.side, quantity_units=request.quantity_units)


class ProductBook:
    """The product's book behind the same door; a market order is IOC."""

    def __init__(self) -> None:
        self.book = OrderBook()
        self.executions: list[Execution] = []

    def run(self, request: Request, number: int) -> None:
        """Do what is asked."""
        if request.kind == "add":
            outcome = self.book.add_order(
                order_id=request.order_id, side=request.side, quantity_units=request.quantity_units, time=number,
                price_ticks=request.price_ticks, time_in_force=TimeInForce.DAY,
            )  # fmt: skip
        elif request.kind == "cancel":
            outcome = self.book.cancel_order(order_id=request.order_id, time=number)
        else:
            outcome = self.book.replace_order(
                order_id=request.order_id, quantity_units=request.quantity_units, time=number
            )
        if outcome.executions:
            self.executions += outcome.executions


class Runner(Protocol):
    """A book that can be asked."""

    def run(self, request: Request, number: int) -> None:
        """Do what is asked."""


def make_requests() -> list[Request]:
    """Fill a book with RESTING orders, then ask EVENTS times.

    46 % are passive limits, 40 % cancels, 5 % replaces, 9 % takers. Passive limits stand exponentially far from the
    middle, ten ticks on average; half of the takers are market orders, half limits three ticks through the middle.
    Orders to cancel or to replace are drawn from those that stand.
    """
    draw = random.Random(7)
    book = ProductBook()
    known: list[tuple[int, OrderSide]] = []
    found: list[Request] = []
    for number in range(RESTING + EVENTS):
        side = OrderSide.BUY if draw.random() < 0.5 else OrderSide.SELL
        away = 1 if side == OrderSide.BUY else -1
        units = 100 * draw.randint(1, 20)
        chance = 0.0 if number < RESTING else draw.random()
        if chance < 0.46:
            price = MIDDLE_TICKS - away * (1 + int(draw.expovariate(0.1)))
            request = Request("add", number, side, units, price)
            known.append((number, side))
        elif chance < 0.55:
            request = Request("add", number, side, units, MIDDLE_TICKS + 3 * away if chance < 0.505 else None)
            if request.price_ticks is not None:
                known.append((number, side))
        else:
            order_id, own, standing = _draw_standing(draw, known, book.book)
            if chance < 0.60:
                request = Request("replace", order_id, own, standing.filled_units + units)
                known.append((order_id, own))
            else:
                request = Request("cancel", order_id, own)
        book.run(request, number)
        found.append(request)
    return found


def _draw_standing(
    draw: random.Random, known: list[tuple[int, OrderSide]], book: OrderBook
) -> tuple[int, OrderSide, RestingOrder]:
    while True:
        place = draw.randrange(len(known))
        known[place], known[-1] = known[-1], known[place]
        order_id, side = known.pop()
        standing = book.find_order(order_id=order_id)
        if standing is not None and not isinstance(standing, OrderEnd):
            return order_id, side, standing


def _time_events(book: Runner, requests: list[Request], count: int) -> float:
    """Return how many requests a second of processor time, after the book was filled."""
    for number, request in enumerate(requests[:RESTING]):
        book.run(request, number)
    asked = requests[RESTING : RESTING + count]
    gc.collect()
    started = time.process_time()
    for number, request in enumerate(asked, start=RESTING):
        book.run(request, number)
    return count / (time.process_time() - started)


def measure_books() -> dict[str, Any]:
    """Time both books in turn; fail unless both trade alike, and the product's comes back from its log the same."""
    requests = make_requests()
    # A venue does not hold its future: the collector leaves the requests alone, for both books.
    gc.collect()
    gc.freeze()
    rates, naive_rates = [], []
    for _ in range(ROUNDS):
        product, naive = ProductBook(), SortedListBook()
        rates.append(_time_events(product, requests, EVENTS))
        naive_rates.append(_time_events(naive, requests, NAIVE_EVENTS))
        traded = [(e.maker_order_id, e.taker_order_id, e.price_ticks, e.quantity_units) for e in product.executions]
        if not naive.trades or traded[: len(naive.trades)] != naive.trades:
            raise RuntimeError("the two books did not trade alike")
    before = snapshot_book(book=product.book)
    events = product.book.drain_events()
    started = time.process_time()
    if snapshot_book(book=rebuild_book(events=events)) != before:
        raise RuntimeError("the book did not come back the same")
    rebuilt_seconds = time.process_time() - started
    ratios = [one / other for one, other in zip(rates, naive_rates, strict=True)]
    return {
        "resting": RESTING,
        "events": EVENTS,
        "executions": len(product.executions),
        "levels": sum(len(product.book.list_levels(side=side, count=RESTING)) for side in OrderSide),
        "events_per_second": round(statistics.median(rates)),
        "rounds": [round(rate) for rate in rates],
        "naive_per_second": round(statistics.median(naive_rates)),
        "times_naive": round(statistics.median(ratios), 1),
        "rebuilt_per_second": round(len(events) / rebuilt_seconds),
        "target_per_second": TARGET_PER_SECOND,
    }


def main() -> int:
    """Measure and print one JSON object."""
    print(json.dumps(measure_books()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
