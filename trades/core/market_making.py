"""What a venue's market maker quotes, and how it moves its quotes without ever crossing itself. Pure, from a seed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from reference.core.intraday import HALF_SPREAD_PPM, PARTS_PER_MILLION, DayRange, draw_for
from trades.core.book.terms import BookEventKind, OrderSide, RestingOrder
from trades.core.venue_model import VenueProfile

LEVELS: Final = 5
# What stands at one level is on the median this share of the venue's volume of the day.
LEVEL_SHARE_PPM: Final = 100.0
# A rarely quoted scale would make the levels of a cheap security coincide.
LEAST_GAP_TICKS: Final = 1

_ADD, _CANCEL, _REPLACE = BookEventKind.ADD, BookEventKind.CANCEL, BookEventKind.REPLACE


@dataclass(frozen=True, slots=True)
class Quotes:
    """Limit orders of one side each, (price_ticks, units), best first, at different prices."""

    bids: tuple[tuple[int, int], ...]
    offers: tuple[tuple[int, int], ...]


class QuoteMove(NamedTuple):
    """One step on the way to other quotes. order_id: 0 for an order that is new. units: of a REPLACE, what is open."""

    kind: BookEventKind
    order_id: int
    side: OrderSide
    price_ticks: int
    units: int


def make_quotes(
    *, profile: VenueProfile, day: DayRange, middle_ticks: int, security: str, seed: int, step: int, lot_units: int = 1
) -> Quotes:
    """Quote a security at one step of its day: LEVELS bids below the venue's own middle, as many offers above it.

    No quote leaves the day's low and high: levels beyond are left out, and where low and high are one price, one
    side is. The spread is log-normal around the venue's spread_ticks, the venue's middle normal around middle_ticks
    by its price_deviation_ticks; both are ticks of a security whose tick is HALF_SPREAD_PPM of its price, and grow
    with the price. Sizes are log-normal, LEVEL_SHARE_PPM of the venue's share of the day's volume, in whole lots.
    """
    draw = draw_for(seed=seed, name=profile.venue, purpose=f"quotes {security} {step}")
    scale = max(middle_ticks * HALF_SPREAD_PPM / PARTS_PER_MILLION, 1.0)
    away, width = draw.normal(0.0, 1.0, 2).tolist()
    middle = middle_ticks + scale * profile.price_deviation_ticks * away
    spread = max(round(scale * profile.spread_ticks * float(np.exp(0.3 * width))), 1)
    # Both sides have room inside the range, if the range has room for two prices.
    bid = min(max(round(middle - spread / 2), day.low_ticks), max(day.high_ticks - 1, day.low_ticks))
    offer = min(bid + spread, day.high_ticks)
    gap = max(round(scale), LEAST_GAP_TICKS)
    lots = day.volume_units * profile.share_ppm * LEVEL_SHARE_PPM / PARTS_PER_MILLION**2 / lot_units
    sizes = np.maximum(np.rint(np.exp(draw.normal(0.0, 0.5, 2 * LEVELS)) * lots), 1.0).astype(np.int64) * lot_units
    units = sizes.tolist()
    bids = [(bid - gap * place, units[place]) for place in range(LEVELS)]
    offers = [(offer + gap * place, units[LEVELS + place]) for place in range(LEVELS)]
    if bid >= offer:
        bids, offers = (bids, []) if draw.integers(2) else ([], offers)
    return Quotes(
        bids=tuple(level for level in bids if level[0] >= day.low_ticks),
        offers=tuple(level for level in offers if level[0] <= day.high_ticks),
    )


def plan_moves(*, resting: Iterable[RestingOrder], wanted: Quotes) -> list[QuoteMove]:
    """Return the steps from the quotes that rest to those wanted; done in this order, no bid ever meets an offer of it.

    A quote whose price is still wanted stays, with its place in the queue and what is left of it. First goes what is
    in excess, then each side moves away from the other, and only then towards it.
    """
    orders = list(resting)
    retreats: list[QuoteMove] = []
    advances: list[QuoteMove] = []
    cancels: list[QuoteMove] = []
    for side, levels in ((OrderSide.BUY, wanted.bids), (OrderSide.SELL, wanted.offers)):
        own = [order for order in orders if order.side == side]
        prices = dict(levels)
        kept = _first_at_each_price(orders=own, prices=prices)
        spare = [order for order in own if order.order_id not in kept]
        taken = {order.price_ticks for order in own if order.order_id in kept}
        missing = [(price, units) for price, units in levels if price not in taken]
        for order, (price, units) in zip(spare, missing, strict=False):
            away = price < order.price_ticks if side == OrderSide.BUY else price > order.price_ticks
            (retreats if away else advances).append(QuoteMove(_REPLACE, order.order_id, side, price, units))
        cancels += [QuoteMove(_CANCEL, order.order_id, side, order.price_ticks, 0) for order in spare[len(missing) :]]
        advances += [QuoteMove(_ADD, 0, side, price, units) for price, units in missing[len(spare) :]]
    return [*cancels, *retreats, *advances]


def _first_at_each_price(*, orders: Sequence[RestingOrder], prices: dict[int, int]) -> set[int]:
    """Return the ids of the orders that stay: the first at each price that is wanted."""
    found: dict[int, int] = {}
    for order in orders:
        if order.price_ticks in prices:
            found.setdefault(order.price_ticks, order.order_id)
    return set(found.values())
