"""What the home page shows of the front of the chain: today's orders, the venues, the quotes of the moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.core.actor import Actor
from reference.market_data import SecurityQuote, last_quotes
from reference.queries import ClockReading, directory
from trades.core.alert_lifecycle import AlertStatus
from trades.core.order_lifecycle import AFTER_EXECUTION, OPEN_STATUSES, OrderStatus
from trades.core.retry import BreakerStatus
from trades.models import Severity, VenueBook
from trades.queries.compliance import alerts_visible_to
from trades.queries.orders import Executed, count_by_status, describe_execution, newest_orders
from trades.queries.position_limits import alerts_visible_to as position_alerts
from trades.queries.venues import VenueStanding, view_venues

NEWEST = 6
QUOTED = 8
# What the day's orders are gathered into: a word, the states in it, the view of the blotter that holds them.
STAGES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Open at the venues", OrderStatus.ROUTING, (OrderStatus.RECEIVED, *sorted(OPEN_STATUSES))),
    ("Executed", OrderStatus.FILLED, (OrderStatus.FILLED, *AFTER_EXECUTION)),
    ("Cancelled or expired", OrderStatus.CANCELLED, (OrderStatus.CANCELLED, OrderStatus.EXPIRED)),
    ("Rejected", OrderStatus.REJECTED, (OrderStatus.REJECTED,)),
)


@dataclass(frozen=True)
class OrderStage:
    """How many of today's orders stand there. query: of the blotter that lists them."""

    word: str
    state: str
    count: int
    query: str


@dataclass(frozen=True)
class QuotedSecurity:
    """A security with its last quote, to be kept for some seconds."""

    isin: str
    symbol: str
    name: str
    quote: SecurityQuote


@dataclass(frozen=True)
class FrontOfChain:
    """Today's orders by where they stand, the newest of them, the venues, and quotes of what they trade.

    high_alerts: open compliance alerts of high severity. breaches: position alerts that nobody has seen.
    """

    received: int
    stages: Sequence[OrderStage]
    newest: Sequence[Executed]
    venues: Sequence[VenueStanding]
    quotes: Sequence[QuotedSecurity]
    high_alerts: int
    breaches: int

    @property
    def silent(self) -> list[VenueStanding]:
        """Return the venues that are sent nothing, for they did not answer."""
        return [standing for standing in self.venues if standing.breaker == BreakerStatus.OPEN]

    @property
    def needs_a_hand(self) -> bool:
        """Tell whether anything of the front waits for a person."""
        return bool(self.high_alerts or self.breaches or self.silent)


def read_front(*, actor: Actor, reading: ClockReading) -> FrontOfChain:
    """Read today's orders of one actor, and the venues, which all may see."""
    counts = count_by_status(actor=actor, business_date=reading.business_date)
    return FrontOfChain(
        received=sum(counts.values()),
        stages=[
            OrderStage(word, str(state), sum(counts.get(each, 0) for each in states), _query(states))
            for word, state, states in STAGES
        ],
        newest=[describe_execution(order=order) for order in newest_orders(actor=actor, count=NEWEST)],
        venues=view_venues(at=reading.at, business_date=reading.business_date),
        quotes=_quotes(),
        high_alerts=_count_high(actor=actor),
        breaches=position_alerts(actor=actor).filter(acknowledged_at__isnull=True).order_by().count(),
    )


def _query(states: Sequence[str]) -> str:
    """Return the query of the blotter that lists today's orders in some states."""
    return "&".join(["view=today", *(f"status={state}" for state in states)])


def _count_high(*, actor: Actor) -> int:
    """Return how many alerts of high severity nobody has taken up; a participant is told of none."""
    if not actor.sees_all:
        return 0
    return alerts_visible_to(actor=actor).filter(status=AlertStatus.OPEN, severity=Severity.HIGH).order_by().count()


def _quotes() -> list[QuotedSecurity]:
    """Return the last quotes of the first securities that the venues trade."""
    ids: Any = VenueBook.objects.order_by("security_id").values_list("security_id", flat=True).distinct()[:QUOTED]
    quotes = last_quotes(security_ids=list(ids))
    entries = [directory().securities[pk] for pk in sorted(quotes)]
    return [QuotedSecurity(entry.isin, entry.symbol, entry.name, quotes[entry.id]) for entry in entries]
