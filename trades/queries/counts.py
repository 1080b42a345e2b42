"""How many trades stand where: the funnel, and what bulk captures refused. Bounded by business dates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Sum

from reference.core.actor import Actor
from trades.core.lifecycle import TradeStatus
from trades.models import Submission
from trades.queries.visible import submissions_visible_to, trades_visible_to

STAGES = (TradeStatus.NEW, TradeStatus.MATCHED, TradeStatus.CLEARED, TradeStatus.SETTLED)


@dataclass(frozen=True)
class Funnel:
    """How many of the reports captured from `since` to `until` stand in each state now."""

    since: date
    until: date
    counts: Mapping[str, int]

    @property
    def captured(self) -> int:
        """Return how many reports were captured."""
        return sum(self.counts.values())

    def reached(self, *, status: str) -> int:
        """Return how many have come as far as a state, or further."""
        place = STAGES.index(TradeStatus(status))
        return sum(self.counts.get(stage, 0) for stage in STAGES[place:])


def count_by_status(*, actor: Actor, since: date, until: date) -> Funnel:
    """Count the actor's reports by state over a range of business dates: one walk of the index on the date."""
    rows = (
        trades_visible_to(actor=actor)
        .filter(business_date__range=(since, until))
        .order_by()
        .values_list("status")
        .annotate(Count("pk"))
    )
    found = dict(rows)
    return Funnel(since=since, until=until, counts={state.value: found.get(state, 0) for state in TradeStatus})


@dataclass(frozen=True)
class RefusedLines:
    """What bulk captures of some business dates refused."""

    lines: int
    submissions: int
    latest: Submission | None


def count_refused_lines(*, actor: Actor, since: date) -> RefusedLines:
    """Count the lines that the actor's bulk captures lost since a business date."""
    submissions = submissions_visible_to(actor=actor).filter(business_date__gte=since, refused__gt=0)
    totals = submissions.aggregate(lines=Sum("refused"), submissions=Count("pk"))
    latest = submissions.order_by("-id").first() if totals["submissions"] else None
    return RefusedLines(lines=totals["lines"] or 0, submissions=totals["submissions"], latest=latest)
