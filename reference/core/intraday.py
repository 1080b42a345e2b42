"""A day's path of prices between two known ends, and quotes around it. Pure, from a seed.

The path is drawn from seed, security and number of steps alone, in shares of the day's range: the same day in
another tick is the same path, rounded. So quotes and order books tell one story.
"""

import zlib
from dataclasses import dataclass
from datetime import date, time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reference.refusals import Refusal

# The hours in which the day's path runs, a step a minute: step 0 is the open, the last step the close.
PATH_OPENS: Final = time(9, 0)
PATH_CLOSES: Final = time(17, 30)
STEP_SECONDS: Final = 60
PATH_STEPS: Final = 8 * 60 + 30 + 1

# Half of a liquid security's spread, in parts of its price; an illiquid one's is wider by the factor below.
HALF_SPREAD_PPM: Final = 150.0
ILLIQUID_FACTOR: Final = 8.0
PARTS_PER_MILLION: Final = 1_000_000


class DayRangeInvalid(Refusal):
    """Of a day's prices the lowest is lowest, the highest highest, and all are above zero."""

    code = "day-range-invalid"


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
class DayQuotes:
    """Quotes at every step of a day's path, int64 (steps,): prices in ticks, sizes in units."""

    bid_ticks: NDArray[np.int64]
    ask_ticks: NDArray[np.int64]
    last_ticks: NDArray[np.int64]
    bid_units: NDArray[np.int64]
    ask_units: NDArray[np.int64]
    last_units: NDArray[np.int64]


def seed_of_day(*, seed: int, business_date: date) -> int:
    """Return the seed of one day's path: each day is its own draw."""
    return seed * 10_000_000 + business_date.toordinal()


def walk_day(*, day: DayRange, security: str, seed: int, steps: int = PATH_STEPS) -> NDArray[np.int64]:
    """Walk from the day's open to its close in `steps` points of time, inside its low and high; int64 (steps,) ticks.

    A Brownian bridge whose range is about the day's, folded back at low and high. steps: at least 2.
    """
    draw = draw_for(seed=seed, name=security, purpose="walk")
    moments = np.linspace(0.0, 1.0, steps)
    noise = np.concatenate(([0.0], np.cumsum(draw.normal(0.0, np.sqrt(1.0 / (steps - 1)), steps - 1))))
    # The range of a Brownian bridge over a unit of time has mean sqrt(pi / 2) (Feller 1951).
    deviation = (day.high_ticks - day.low_ticks) / np.sqrt(np.pi / 2.0)
    line = day.open_ticks + (day.close_ticks - day.open_ticks) * moments
    path = line + deviation * (noise - noise[-1] * moments)
    return np.rint(_fold(path, float(day.low_ticks), float(day.high_ticks))).astype(np.int64)


def quote_day(
    *, day: DayRange, security: str, seed: int, lot_units: int = 1, liquid: bool = True, steps: int = PATH_STEPS
) -> DayQuotes:
    """Quote a security at every step of its day: bid and ask around the path, the last price on it.

    Nothing leaves the day's low and high, no bid is above its ask, and the last price of all is the close. Spreads
    are log-normal around 2 * HALF_SPREAD_PPM of the price (wider where it is not liquid), at least a tick on each
    side where low and high leave the room. Sizes are log-normal multiples of the lot; what trades at the steps is
    about the day's volume, in all.
    """
    path = walk_day(day=day, security=security, seed=seed, steps=steps)
    draw = draw_for(seed=seed, name=security, purpose="quotes")
    half_ppm = HALF_SPREAD_PPM * (1.0 if liquid else ILLIQUID_FACTOR)
    spreads = np.exp(draw.normal(0.0, 0.4, (2, steps))) * path * (half_ppm / PARTS_PER_MILLION)
    below, above = np.maximum(np.rint(spreads), 1.0).astype(np.int64)
    lots = day.volume_units / (lot_units * steps)
    # A log-normal with deviation 0.7 has the mean exp(0.245).
    sizes = np.exp(draw.normal(-0.245, 0.7, (3, steps))) * lots
    bid_units, ask_units, last_units = np.maximum(np.rint(sizes), 1.0).astype(np.int64) * lot_units
    return DayQuotes(
        bid_ticks=np.maximum(path - below, day.low_ticks),
        ask_ticks=np.minimum(path + above, day.high_ticks),
        last_ticks=path,
        bid_units=bid_units,
        ask_units=ask_units,
        last_units=last_units,
    )


def draw_for(*, seed: int, name: str, purpose: str) -> np.random.Generator:
    """Return a stream of random numbers of its own for each name and purpose."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), zlib.crc32(purpose.encode())])


def _fold(path: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Reflect a path at both bounds, as often as it takes."""
    width = high - low
    if width == 0.0:
        return np.full_like(path, low)
    return low + width - np.abs((path - low) % (2.0 * width) - width)
