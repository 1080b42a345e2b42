"""Orders on their way: venues with books, somebody to trade with, and the router."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from fmi.invariants import check_invariants
from reference.models import Participant
from tests.factories.market import NOW, TODAY, Market, make_market
from tests.factories.ordering import place_order, quote
from tests.factories.trading import make_client
from tests.factories.venues import BUY, SELL, ask, make_book, make_venue, request
from trades.models import Client, Fill, Order, OrderSlice, Venue, VenueBook, VenueExecution
from trades.queries.held_books import forget_books
from trades.services.orders.record_fills import record_fills
from trades.services.orders.route_orders import route_orders

SEED = 20080915
_others = itertools.count(10**12)


@dataclass
class Desk:
    """ALPHA's client, and venues where BRAVO, the market maker, trades."""

    market: Market
    client: Client
    maker: Participant
    venues: dict[str, Venue] = field(default_factory=dict)
    books: dict[str, VenueBook] = field(default_factory=dict)

    def open_venue(self, mic: str, **changes: Any) -> Venue:
        """Open a venue with a book of the equity."""
        self.venues[mic] = make_venue(mic=mic, market_maker_id=self.maker.pk, **changes)
        self.books[mic] = make_book(venue=self.venues[mic], security_id=self.market.equity.pk)
        return self.venues[mic]

    def offer(self, mic: str, units: int, price: str, *, owner: Participant | None = None) -> int:
        """Let somebody else offer units at a venue; return the order's id there."""
        return self._stand(mic, SELL, units, price, owner)

    def bid(self, mic: str, units: int, price: str, *, owner: Participant | None = None) -> int:
        """Let somebody else bid for units at a venue; return the order's id there."""
        return self._stand(mic, BUY, units, price, owner)

    def _stand(self, mic: str, side: Any, units: int, price: str, owner: Participant | None) -> int:
        number = next(_others)
        who = (owner or self.maker).pk
        (answer,) = ask(request(self.books[mic], number, side, units, price, owner=who), at=NOW, business_date=TODAY)
        assert answer.status in ("RESTING", "FILLED"), answer
        return number

    def order(self, quantity: int = 100, limit: str | None = "10.00", **changes: Any) -> Order:
        """Place an order of the client to buy the equity; without a limit, a market order."""
        terms: dict[str, Any] = {"quantity": quantity, "order_type": "MARKET" if limit is None else "LIMIT"}
        if limit is not None:
            terms["limit_price"] = Decimal(limit)
        client = changes.pop("client", self.client)
        return place_order(client=client, security=self.market.equity, **terms | changes)

    def route(self, *, minutes: float = 0, seed: int = SEED) -> int:
        """Let the router work, so many minutes after ten o'clock."""
        return route_orders(at=later(minutes), business_date=TODAY, seed=seed)

    def record(self) -> int:
        """Record what the venues have executed."""
        return record_fills(at=NOW, business_date=TODAY)


def later(minutes: float) -> datetime:
    """Return a moment so many minutes after ten o'clock."""
    return NOW + timedelta(minutes=minutes)


def make_desk(*, venues: Sequence[str] = ("XAAA", "XBBB"), **changes: Any) -> Desk:
    """Make a market with venues, their empty books, and a client of ALPHA's with wide limits."""
    forget_books()
    market = make_market()
    client = make_client(
        broker=market.alpha, credit_limit_minor=10**12, daily_limit_minor=10**12, short_sale_allowed=True
    )
    desk = Desk(market=market, client=client, maker=market.bravo)
    for mic in venues:
        desk.open_venue(mic, **changes)
    quote(security=market.equity)
    return desk


def fresh(order: Order) -> Order:
    """Return an order as it stands now."""
    return Order.objects.get(pk=order.pk)


def slices_of(order: Order) -> list[tuple[str, str, int, int]]:
    """Return venue, status, quantity and filled units of each slice, as they came."""
    rows = OrderSlice.objects.filter(order=order).order_by("id").select_related("venue")
    return [(row.venue.mic, row.status, row.quantity_units, row.filled_units) for row in rows]


def steps_of(order: Order) -> list[str]:
    """Return the statuses an order came to."""
    return list(order.steps.order_by("id").values_list("status", flat=True))


def assert_consistent() -> None:
    """Assert that every invariant holds, and that fills at books are the executions of slices."""
    broken = [finding for finding in check_invariants() if finding.violations]
    assert not broken, broken
    ours = set(OrderSlice.objects.values_list("pk", flat=True))
    expected = sum(
        (maker in ours) + (taker in ours)
        for maker, taker in VenueExecution.objects.values_list("maker_order_id", "taker_order_id")
    )
    assert Fill.objects.exclude(slice__note="Reported by the venue.").count() == expected
