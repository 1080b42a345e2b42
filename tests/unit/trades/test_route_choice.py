"""What the router does next with an order, by hand."""

from __future__ import annotations

import pytest

from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.order_lifecycle import OrderStatus
from trades.core.route_choice import (
    EXPIRED,
    NO_LIQUIDITY,
    NOBODY_OPEN,
    NOT_FILLABLE,
    UNFILLED,
    WAIT,
    OrderToRoute,
    RouteChoice,
    VenueChance,
    choose_route,
    take_levels,
)
from trades.core.routing import VenueOffer
from trades.core.venue_fees import VenueFees

DAY, IOC, FOK = TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK


def venue(
    name: str, *levels: tuple[int, int], trading: bool = True, refused: bool = False, down: bool = False
) -> VenueChance:
    """A venue that shows these levels."""
    offer = VenueOffer(venue=name, levels=levels, fees=VenueFees(0, 0))
    return VenueChance(offer, trading=trading, refused=refused, down=down)


def order(
    force: TimeInForce = DAY, *, market: bool = False, filled: int = 0, over: bool = False, elsewhere: bool = False,
    code: str = "",
) -> OrderToRoute:  # fmt: skip
    """An order to buy 100 more, up to 1000 ticks."""
    return OrderToRoute(OrderSide.BUY, force, market, 100, filled, 1000, over, elsewhere, code)


def choose(what: OrderToRoute, *venues: VenueChance) -> RouteChoice:
    """Return the choice."""
    return choose_route(order=what, venues=venues, minor_per_tick=1.0)


CLOSED = venue("A", (999, 500), trading=False)
DEEP, THIN, DEAR = venue("A", (999, 500)), venue("B", (998, 40)), venue("C", (1001, 500))


@pytest.mark.parametrize(
    ("what", "venues", "expected"),
    [
        (order(), (CLOSED,), WAIT),
        (order(IOC), (CLOSED,), NOBODY_OPEN),
        (order(market=True), (CLOSED,), WAIT),
        (order(IOC), (), WAIT),
        (order(over=True), (DEEP,), EXPIRED),
        (order(over=True, elsewhere=True), (DEEP,), WAIT),
        (order(), (venue("A", (999, 500), down=True),), WAIT),
        (order(), (venue("A", (999, 500), refused=True), CLOSED), WAIT),
        (order(IOC), (venue("A", (999, 500), down=True),), UNFILLED),
        (order(market=True), (DEAR,), NO_LIQUIDITY),
        (order(market=True, filled=10), (DEAR,), UNFILLED),
        (order(market=True), (DEAR, venue("B", (999, 1), down=True)), WAIT),
        (order(IOC), (DEAR,), UNFILLED),
        (order(IOC, elsewhere=True), (DEAR,), WAIT),
        (order(FOK), (THIN, DEAR), NOT_FILLABLE),
        (order(FOK), (DEEP, venue("B", (998, 500), refused=True)), NOT_FILLABLE),
    ],
)
def test_waits_and_ends(what: OrderToRoute, venues: tuple[VenueChance, ...], expected: RouteChoice) -> None:
    assert choose(what, *venues) == expected


@pytest.mark.parametrize(
    ("what", "venues", "expected"),
    [
        (order(), (DEEP, THIN), {"A": 60, "B": 40}),
        (order(), (DEAR,), {"C": 100}),
        (order(IOC), (DEEP, DEAR), {"A": 100}),
        (order(FOK), (DEEP, THIN), {"A": 100}),
        (order(market=True), (THIN, DEAR), {"B": 100}),
        (order(), (venue("A", (999, 500), refused=True), DEAR), {"C": 100}),
    ],
)
def test_sends(what: OrderToRoute, venues: tuple[VenueChance, ...], expected: dict[str, int]) -> None:
    choice = choose(what, *venues)
    assert {part.venue: part.quantity_units for part in choice.slices} == expected
    assert choice.end is None


def test_refused_everywhere_is_rejected_by_the_venues_own_reason() -> None:
    refused = venue("A", (999, 500), refused=True)
    choice = choose(order(code="limit-off-tick"), refused)
    assert (choice.end, choice.code) == (OrderStatus.REJECTED, "limit-off-tick")
    assert choose(order(), refused).end == OrderStatus.CANCELLED


def test_what_one_order_takes_is_not_shown_to_the_next() -> None:
    levels = ((998, 40), (999, 500))
    assert take_levels(levels=levels, units=0) == levels
    assert take_levels(levels=levels, units=40) == ((999, 500),)
    assert take_levels(levels=levels, units=100) == ((999, 440),)
    assert take_levels(levels=levels, units=540) == ()
