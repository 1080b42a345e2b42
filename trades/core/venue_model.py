"""How a simulated venue behaves: when it answers, whether it does, and who else trades there. Pure, from a seed.

What a venue does to one order depends on the seed, the venue, the order and the attempt alone, not on what was asked
before: asked again after a crash, it does the same.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reference.refusals import Refusal
from trades.core.book.terms import OrderSide

LEAST_LATENCY_MS: Final = 5
MOST_LATENCY_MS: Final = 100
PARTS_PER_MILLION: Final = 1_000_000


class DayRangeInvalid(Refusal):
    """Of a day's prices the lowest is lowest, the highest highest, and all are above zero."""

    code = "day-range-invalid"


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """A venue's character.

    success_ppm: how many of a million calls it answers. price_deviation_ticks: the standard deviation of its
    own middle around that of the market. spread_ticks: its median spread. share_ppm: its share of the day's volume.
    """

    venue: str
    success_ppm: int = 990_000
    price_deviation_ticks: float = 1.0
    spread_ticks: float = 2.0
    share_ppm: int = 250_000


@dataclass(frozen=True, slots=True)
class DayRange:
    """A real day's prices of a security, in ticks, and the units that were traded."""

    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_units: int

    def __post_init__(self) -> None:
        inner = (self.open_ticks, self.close_ticks)
        if not 0 < self.low_ticks <= min(inner) <= max(inner) <= self.high_ticks or self.volume_units < 0:
            raise DayRangeInvalid()


@dataclass(frozen=True, slots=True)
class Response:
    """What a venue does to one call: it answers after latency_ms, or (not succeeds) fails after it."""

    latency_ms: int
    succeeds: bool


@dataclass(frozen=True, slots=True)
class BackgroundOrder:
    """A limit order of somebody else; step: at which point of the day's path, from 0."""

    step: int
    side: OrderSide
    price_ticks: int
    quantity_units: int


def draw_response(*, profile: VenueProfile, seed: int, order_id: int, attempt: int) -> Response:
    """Draw how a venue answers one attempt: latency uniform from 5 to 100 ms, success by its ratio."""
    draw = _generator(seed, profile.venue, f"response {order_id} {attempt}")
    latency_ms = int(draw.integers(LEAST_LATENCY_MS, MOST_LATENCY_MS + 1))
    return Response(latency_ms=latency_ms, succeeds=int(draw.integers(PARTS_PER_MILLION)) < profile.success_ppm)


def walk_day(*, day: DayRange, security: str, seed: int, steps: int) -> NDArray[np.int64]:
    """Walk from the day's open to its close in `steps` points of time, inside its low and high; int64 (steps,) ticks.

    A Brownian bridge whose range is about the day's, folded back at low and high. steps: at least 2.
    """
    draw = _generator(seed, security, "walk")
    time = np.linspace(0.0, 1.0, steps)
    noise = np.concatenate(([0.0], np.cumsum(draw.normal(0.0, np.sqrt(1.0 / (steps - 1)), steps - 1))))
    # The range of a Brownian bridge over a unit of time has mean sqrt(pi / 2) (Feller 1951).
    deviation = (day.high_ticks - day.low_ticks) / np.sqrt(np.pi / 2.0)
    line = day.open_ticks + (day.close_ticks - day.open_ticks) * time
    path = line + deviation * (noise - noise[-1] * time)
    return np.rint(_fold(path, float(day.low_ticks), float(day.high_ticks))).astype(np.int64)


def lay_background(
    *, profile: VenueProfile, day: DayRange, path: NDArray[np.int64], security: str, seed: int,
    orders_per_step: int = 4,
) -> Iterator[BackgroundOrder]:  # fmt: skip
    """Give the limit orders of a venue's other participants along the day's path, each within the day's low and high.

    Bids stand below the venue's own middle and offers above it, so no step crosses itself; that of an earlier one
    it may. Where low and high leave room for one side alone, the other is left out. Sizes are log-normal; all
    together they are about the venue's share of the day's volume, and at least one unit each.
    """
    draw = _generator(seed, profile.venue, f"background {security}")
    count = len(path) * orders_per_step
    mean_units = max(day.volume_units * profile.share_ppm / PARTS_PER_MILLION / max(count, 1), 1.0)
    for step, middle in enumerate(path.tolist()):
        own = middle + draw.normal(0.0, profile.price_deviation_ticks)
        spread = max(round(profile.spread_ticks * float(np.exp(draw.normal(0.0, 0.5)))), 1)
        best_bid = min(max(round(own - spread / 2), day.low_ticks), day.high_ticks)
        best_offer = min(max(best_bid + spread, day.low_ticks), day.high_ticks)
        bids_only = bool(draw.integers(2)) if best_bid >= best_offer else None
        away = draw.geometric(0.4, orders_per_step) - 1
        # A log-normal with deviation 0.5 has the mean exp(0.125).
        sizes = np.exp(draw.normal(-0.125, 0.5, orders_per_step)) * mean_units
        for place in range(orders_per_step):
            buys = place % 2 == 0 if bids_only is None else bids_only
            price = best_bid - int(away[place]) if buys else best_offer + int(away[place])
            yield BackgroundOrder(
                step=step,
                side=OrderSide.BUY if buys else OrderSide.SELL,
                price_ticks=min(max(price, day.low_ticks), day.high_ticks),
                quantity_units=max(round(float(sizes[place])), 1),
            )


def _generator(seed: int, name: str, purpose: str) -> np.random.Generator:
    """Return a stream of random numbers of its own for each name and purpose."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), zlib.crc32(purpose.encode())])


def _fold(path: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Reflect a path at both bounds, as often as it takes."""
    width = high - low
    if width == 0.0:
        return np.full_like(path, low)
    return low + width - np.abs((path - low) % (2.0 * width) - width)
