"""What the router does next with an order: send it to venues, wait, or end what is left of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.order_lifecycle import OrderStatus
from trades.core.routing import Slice, VenueOffer, split_order


@dataclass(frozen=True, slots=True)
class OrderToRoute:
    """What of an order is at no venue. takes_only: a market order, which never rests. over: its time has passed."""

    side: OrderSide
    time_in_force: TimeInForce
    takes_only: bool
    rest_units: int
    filled_units: int
    limit_ticks: int | None
    over: bool = False
    elsewhere_open: bool = False
    refusal_code: str = ""


@dataclass(frozen=True, slots=True)
class VenueChance:
    """A venue with a book for the order. trading: within its hours. refused: it had the order and will not do more.

    down: its breaker lets nothing through, or it was given up a moment ago.
    """

    offer: VenueOffer
    trading: bool = True
    refused: bool = False
    down: bool = False


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """Slices to send; else an end with its code and words; else nothing of both: the order waits."""

    slices: tuple[Slice, ...] = ()
    end: OrderStatus | None = None
    code: str = ""
    note: str = ""


WAIT = RouteChoice()
EXPIRED = RouteChoice(end=OrderStatus.EXPIRED, code="expired", note="Its time has passed.")
NOBODY_OPEN = RouteChoice(
    end=OrderStatus.CANCELLED,
    code="no-venue-open",
    note="No venue was open, and it was to trade at once or not at all.",
)
NO_LIQUIDITY = RouteChoice(
    end=OrderStatus.REJECTED, code="market-order-without-liquidity",
    note="No venue had anybody to trade with, at a price that protects the order.",
)  # fmt: skip
UNFILLED = RouteChoice(
    end=OrderStatus.CANCELLED, code="unfilled", note="No venue had more within its limit, and it does not wait."
)
NOT_FILLABLE = RouteChoice(
    end=OrderStatus.CANCELLED, code="not-fillable", note="No venue could fill it whole at once."
)  # fmt: skip
EVERYWHERE_REFUSED = RouteChoice(
    end=OrderStatus.CANCELLED, code="refused-everywhere", note="No venue takes what is left of it."
)


def choose_route(*, order: OrderToRoute, venues: Sequence[VenueChance], minor_per_tick: float) -> RouteChoice:
    """Return what to do with the rest of an order.

    An order that rests waits where no venue is open, or where those that are do not answer; it ends when all have
    refused it. One that does not rest (market, IOC, FOK) tries each venue that shows something for it once, a FOK
    only those that show all of it, and ends then; a market order waits for the opening as a client expects.
    """
    if order.over:
        # What is still at a venue ends there first.
        return WAIT if order.elsewhere_open else EXPIRED
    at_once = order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    trading = [venue for venue in venues if venue.trading]
    if not trading:
        return NOBODY_OPEN if at_once and venues else WAIT
    able = [venue.offer for venue in trading if not venue.refused and not venue.down]
    if not (at_once or order.takes_only):
        if able:
            return RouteChoice(slices=_split(order, able, minor_per_tick))
        if any(not venue.refused for venue in venues) or order.elsewhere_open:
            return WAIT
        return _refuse(order)
    if order.time_in_force == TimeInForce.FOK:
        return _fill_whole(order, trading, able, minor_per_tick)
    showing = [offer for offer in able if _count_shown(order, offer)]
    if showing:
        return RouteChoice(slices=_split(order, showing, minor_per_tick))
    if order.elsewhere_open:
        return WAIT
    if not at_once and any(venue.down and not venue.refused for venue in trading):
        return WAIT
    return NO_LIQUIDITY if order.takes_only and not order.filled_units else UNFILLED


def take_levels(*, levels: Sequence[tuple[int, int]], units: int) -> tuple[tuple[int, int], ...]:
    """Return what levels, best first, show once so many units of them are taken."""
    left = []
    for ticks, shown in levels:
        taken = min(shown, units)
        units -= taken
        if shown > taken:
            left.append((ticks, shown - taken))
    return tuple(left)


def _fill_whole(
    order: OrderToRoute, trading: Sequence[VenueChance], able: Sequence[VenueOffer], minor_per_tick: float
) -> RouteChoice:
    """Send a FOK whole to one venue that shows all of it; one that a venue has had is over."""
    if any(venue.refused for venue in trading):
        return NOT_FILLABLE
    whole = [offer for offer in able if _count_shown(order, offer) >= order.rest_units]
    if not whole:
        return NOT_FILLABLE
    return RouteChoice(slices=_split(order, whole, minor_per_tick, most_venues=1))


def _refuse(order: OrderToRoute) -> RouteChoice:
    """End an order that every venue has refused: rejected, by their reason, where nothing of it traded."""
    if not order.refusal_code:
        return EVERYWHERE_REFUSED
    return RouteChoice(end=OrderStatus.REJECTED, code=order.refusal_code, note=EVERYWHERE_REFUSED.note)


def _split(
    order: OrderToRoute, offers: Sequence[VenueOffer], minor_per_tick: float, most_venues: int | None = None
) -> tuple[Slice, ...]:
    return split_order(
        side=order.side, quantity_units=order.rest_units, limit_ticks=order.limit_ticks, offers=offers,
        minor_per_tick=minor_per_tick, most_venues=most_venues,
    )  # fmt: skip


def _count_shown(order: OrderToRoute, offer: VenueOffer) -> int:
    """Return how many units a venue shows within the order's limit."""
    sign = 1 if order.side == OrderSide.BUY else -1
    limit = order.limit_ticks
    return sum(units for ticks, units in offer.levels if limit is None or ticks * sign <= limit * sign)
