"""Where to send an order: the choice of venues, and the split to the last unit. Pure.

What counts is the total consideration: price and costs, then speed and likelihood of execution (MiFID II,
2014/65/EU, Art 27(1)). All of it is brought to one figure, a cost in basis points of the best displayed price.
Scores choose and are floats; quantities are integers and add up exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reference.core.apportionment import apportion
from reference.refusals import Refusal
from trades.core.book.terms import OrderSide
from trades.core.venue_fees import VenueFees, compute_fee_minor

BASIS_POINTS = 10_000.0


class NoVenueOpen(Refusal):
    """No venue can take the order now."""

    code = "no-venue-open"
    status = 503


@dataclass(frozen=True, slots=True)
class ExecutionQuality:
    """How a venue has done in a security: exponentially weighted means, the newest observation weighing most.

    fill_ratio: filled of asked for, 0 to 1. improvement_bp: how much better than the quote at arrival.
    """

    fill_ratio: float = 0.9
    improvement_bp: float = 0.0
    latency_ms: float = 50.0
    observations: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """How one slice fared; prices in any one unit, None where nothing was filled."""

    side: OrderSide
    asked_units: int
    filled_units: int
    latency_ms: float
    quoted_price: float | None = None
    average_price: float | None = None


@dataclass(frozen=True, slots=True)
class VenueOffer:
    """What a venue shows for an order, and what is known of it.

    levels: (price_ticks, units) of the other side of its book, best first. spread_ticks: None if one side is empty.
    open: within its hours, and its circuit breaker lets calls through.
    """

    venue: str
    levels: tuple[tuple[int, int], ...]
    fees: VenueFees
    quality: ExecutionQuality = ExecutionQuality()
    spread_ticks: int | None = None
    open: bool = True


@dataclass(frozen=True, slots=True)
class RoutingWeights:
    """What a shortcoming costs, in basis points.

    miss_bp: an order that is certainly not filled. latency_bp: a second of waiting. spread: the share of a venue's
    half spread that counts, for what is left over meets it. improvement: the share of past improvement expected again.
    """

    miss_bp: float = 5.0
    latency_bp: float = 2.0
    spread: float = 0.25
    improvement: float = 0.5


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of an order that goes to one venue."""

    venue: str
    quantity_units: int
    displayed_units: int
    """How much of it stood against displayed liquidity; the rest waits there."""


def update_quality(*, quality: ExecutionQuality, seen: Observation, decay: float = 0.9) -> ExecutionQuality:
    """Return the quality with one more observation, which weighs 1 − decay.

    Where nothing was filled there is no price, and the improvement stays what it was.
    """
    improvement_bp = quality.improvement_bp
    if seen.filled_units and seen.quoted_price and seen.average_price is not None:
        better = seen.quoted_price - seen.average_price
        better = better if seen.side == OrderSide.BUY else -better
        improvement_bp = _blend(improvement_bp, BASIS_POINTS * better / seen.quoted_price, decay)
    return ExecutionQuality(
        fill_ratio=_blend(quality.fill_ratio, seen.filled_units / seen.asked_units, decay),
        improvement_bp=improvement_bp,
        latency_ms=_blend(quality.latency_ms, seen.latency_ms, decay),
        observations=quality.observations + 1,
    )


def score_venue(
    *, offer: VenueOffer, quantity_units: int, reference_ticks: int, minor_per_tick: float, weights: RoutingWeights
) -> float:
    """Return what trading at a venue costs beside the price itself, in basis points; less is better.

    The fee is that of what the order would take there, so that a minimum fee weighs on a small slice.
    reference_ticks: the best price of all venues. minor_per_tick: the worth of one unit at one tick.
    """
    takes_units = min(quantity_units, sum(units for _, units in offer.levels)) or quantity_units
    amount_minor = max(round(takes_units * reference_ticks * minor_per_tick), 1)
    fee_minor = compute_fee_minor(fees=offer.fees, amount_minor=amount_minor, maker=False)
    half_spread_bp = BASIS_POINTS * (offer.spread_ticks or 0) / 2 / reference_ticks
    quality = offer.quality
    return (
        BASIS_POINTS * fee_minor / amount_minor
        + weights.spread * half_spread_bp
        + weights.miss_bp * (1.0 - quality.fill_ratio)
        + weights.latency_bp * quality.latency_ms / 1000.0
        - weights.improvement * quality.improvement_bp
    )


def split_order(
    *, side: OrderSide, quantity_units: int, limit_ticks: int | None, offers: Sequence[VenueOffer],
    minor_per_tick: float = 1.0, weights: RoutingWeights = RoutingWeights(), most_venues: int | None = None,
) -> tuple[Slice, ...]:  # fmt: skip
    """Split an order over the venues that are open; the slices add up to quantity_units.

    Displayed levels within the limit are taken in the order of their whole cost: distance from the best price of all
    plus the venue's score. What no displayed level takes goes to the venues already chosen, in proportion to what
    they show there; if none shows anything, to the venue of the best score. Equal costs go to the first venue.
    most_venues: how many slices at most, the cheapest venues. Raises NoVenueOpen.
    """
    able = [offer for offer in offers if offer.open]
    if not able:
        raise NoVenueOpen()
    sign = 1 if side == OrderSide.BUY else -1
    best = [offer.levels[0][0] for offer in able if offer.levels]
    reference = min(best, key=lambda ticks: ticks * sign) if best else limit_ticks or 1
    scores = [
        score_venue(
            offer=offer, quantity_units=quantity_units, reference_ticks=reference, minor_per_tick=minor_per_tick,
            weights=weights,
        )
        for offer in able
    ]  # fmt: skip
    costed = sorted(
        (BASIS_POINTS * sign * (ticks - reference) / reference + scores[place], place, ticks, units)
        for place, offer in enumerate(able)
        for ticks, units in offer.levels
        if limit_ticks is None or ticks * sign <= limit_ticks * sign
    )
    takes: dict[int, int] = {}
    left = quantity_units
    for _, place, _, units in costed:
        if left and (place in takes or most_venues is None or len(takes) < most_venues):
            takes[place] = takes.get(place, 0) + min(units, left)
            left -= min(units, left)
    if not takes:
        cheapest = min(range(len(able)), key=lambda place: (scores[place], place))
        return (Slice(able[cheapest].venue, quantity_units, 0),)
    rests = apportion(total=left, weights=list(takes.values()))
    return tuple(
        Slice(able[place].venue, takes[place] + rest, takes[place])
        for place, rest in sorted(zip(takes, rests, strict=True))
    )


def _blend(before: float, seen: float, decay: float) -> float:
    return decay * before + (1.0 - decay) * seen
