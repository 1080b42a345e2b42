"""What the router knows of the venues: their terms, how they have done, whether their breakers let calls through."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from reference.core.calendar import BUSINESS_ZONE
from trades.core.retry import Breaker, BreakerRules, BreakerStatus, RetryRules
from trades.core.routing import ExecutionQuality
from trades.core.venue_model import VenueProfile
from trades.models import Venue, VenueBreaker, VenueQuality

RETRY_RULES: Final = RetryRules()
BREAKER_RULES: Final = BreakerRules()


@dataclass(frozen=True, slots=True)
class RoutedVenue:
    """A venue as the router needs it."""

    id: int
    mic: str
    opens_at: time
    closes_at: time
    maker_ppm: int
    taker_ppm: int
    minimum_fee_minor: int
    success_ppm: int
    active: bool
    market_maker_id: int

    @property
    def profile(self) -> VenueProfile:
        """Return what decides how it answers."""
        return VenueProfile(venue=self.mic, success_ppm=self.success_ppm)

    def is_past(self, *, at: datetime, on: date) -> bool:
        """Say whether its session of that day is over."""
        local = at.astimezone(BUSINESS_ZONE)
        return local.date() > on or (local.date() == on and local.time() >= self.closes_at)

    def closing_on(self, *, day: date) -> datetime:
        """Return when its session of a day ends."""
        return datetime.combine(day, self.closes_at, tzinfo=BUSINESS_ZONE)


def read_venues() -> dict[int, RoutedVenue]:
    """Return all venues by id."""
    rows = Venue.objects.values_list(
        "id", "mic", "opens_at", "closes_at", "maker_ppm", "taker_ppm", "minimum_fee_minor", "success_ppm", "active",
        "market_maker_id",
    )  # fmt: skip
    return {row[0]: RoutedVenue(*row) for row in rows}


def read_breakers() -> dict[int, Breaker]:
    """Return the circuit breakers by venue; a venue without a row is trusted."""
    return {
        row.venue_id: Breaker(
            status=BreakerStatus(row.status),
            failures=row.failures,
            successes=row.successes,
            since_ms=round(row.since.timestamp() * 1000) if row.since else 0,
            probing=row.probing,
        )
        for row in VenueBreaker.objects.all()
    }


def moment_of_ms(*, ms: int) -> datetime:
    """Return the moment that lies so many milliseconds after 1970, in UTC."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)


def read_qualities(*, security_ids: Collection[int]) -> dict[tuple[int, int], ExecutionQuality]:
    """Return how venues have done in these securities, by (venue id, security id)."""
    rows = VenueQuality.objects.filter(security_id__in=security_ids).values_list(
        "venue_id", "security_id", "fill_ratio", "improvement_bp", "latency_ms", "observations"
    )
    return {(row[0], row[1]): ExecutionQuality(*row[2:]) for row in rows}
