"""How a simulated venue behaves: when it answers, and whether it does. Pure, from a seed.

What a venue does to one order depends on the seed, the venue, the order and the attempt alone, not on what was asked
before: asked again after a crash, it does the same.
"""

from dataclasses import dataclass
from typing import Final

from reference.core.intraday import draw_for

LEAST_LATENCY_MS: Final = 5
MOST_LATENCY_MS: Final = 100
PARTS_PER_MILLION: Final = 1_000_000


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
class Response:
    """What a venue does to one call: it answers after latency_ms, or (not succeeds) fails after it.

    reached: whether the call came to the venue. One that fails and reached it was done there, its answer lost.
    """

    latency_ms: int
    succeeds: bool
    reached: bool


def draw_response(*, profile: VenueProfile, seed: int, order: str, attempt: int) -> Response:
    """Draw how a venue answers one attempt: latency uniform from 5 to 100 ms, success by its ratio.

    order: a name that is the same whenever the same market is played.
    """
    draw = draw_for(seed=seed, name=profile.venue, purpose=f"response {order} {attempt}")
    latency_ms = int(draw.integers(LEAST_LATENCY_MS, MOST_LATENCY_MS + 1))
    succeeds = int(draw.integers(PARTS_PER_MILLION)) < profile.success_ppm
    return Response(latency_ms=latency_ms, succeeds=succeeds, reached=succeeds or bool(draw.integers(2)))
