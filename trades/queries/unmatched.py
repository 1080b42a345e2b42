"""What waits for its other side: by age, with the near miss explained, and what is alleged against whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Min, Q, QuerySet

from reference.core.actor import Actor
from reference.core.calendar import count_business_days
from reference.queries import directory
from trades.models import Trade, UnmatchedTrade
from trades.queries.visible import allegements_visible_to, unmatched_visible_to

SHOWN = (
    "trade__reporter", "trade__buyer", "trade__seller", "trade__security", "trade__currency",
    "near_miss__reporter", "near_miss__buyer", "near_miss__seller", "near_miss__security", "near_miss__currency",
)  # fmt: skip
AGE_BANDS = ((0, 0, "Today"), (1, 1, "1 day"), (2, 4, "2–4 days"), (5, 9, "5–9 days"), (10, 10_000, "10 days and more"))
COMPARED = (
    ("Buyer", "buyer"), ("Seller", "seller"), ("Security", "security"), ("Quantity", "quantity_units"),
    ("Price", "price"), ("Amount", "amount_minor"), ("Currency", "currency"), ("Trade date", "trade_date"),
    ("Settlement date", "settlement_date"), ("Clearing", "cleared"), ("Transaction type", "transaction_type"),
    ("Trading venue", "trading_venue"),
)  # fmt: skip


@dataclass(frozen=True)
class ComparedField:
    """One field of two reports, side by side. kind says how it is written."""

    label: str
    kind: str
    mine: Any
    theirs: Any

    @property
    def differs(self) -> bool:
        """Tell whether the two reports disagree here."""
        return bool(self.mine != self.theirs)


@dataclass(frozen=True)
class Waiting:
    """One report that waits: how long, and which report comes nearest to being its other side."""

    trade: Trade
    own: bool
    alleged_at: datetime | None
    age_days: int
    near_miss: Trade | None
    difference: str
    compared: tuple[ComparedField, ...]


@dataclass(frozen=True)
class AgeBand:
    """How many reports have waited this long, in business days."""

    label: str
    count: int


def waiting_rows(*, actor: Actor, view: str) -> QuerySet[UnmatchedTrade]:
    """Return the pool's rows for one view of the page, with all that a row shows.

    view: "alleged" (told to the other side; for a participant: what is alleged against it), "near" (with a
    near miss), "alone" (without one), anything else: all (for a participant: its own).
    """
    rows = allegements_visible_to(actor=actor) if view == "alleged" else unmatched_visible_to(actor=actor)
    if view in ("near", "alone"):
        rows = rows.filter(near_miss__isnull=view == "alone")
    return rows.select_related(*SHOWN)


def describe_waiting(*, rows: Sequence[UnmatchedTrade], actor: Actor, business_date: date) -> list[Waiting]:
    """Explain each row: its age, and its near miss side by side where the actor may see it.

    A participant is shown another's report only where that report names it.
    """
    return [_describe(row=row, actor=actor, business_date=business_date) for row in rows]


def _describe(*, row: UnmatchedTrade, actor: Actor, business_date: date) -> Waiting:
    """Explain one row."""
    trade, near = row.trade, row.near_miss
    if near is not None and not may_compare(report=near, actor=actor):
        near = None
    compared: tuple[ComparedField, ...] = ()
    if near is not None:
        compared = tuple(
            ComparedField(label, name, getattr(trade, name), getattr(near, name)) for label, name in COMPARED
        )
    return Waiting(
        trade=trade,
        own=actor.sees_all or trade.reporter_id == actor.participant_id,
        alleged_at=row.alleged_at,
        age_days=age_in_business_days(trade=trade, business_date=business_date),
        near_miss=near,
        difference=row.difference if near is not None else "",
        compared=compared,
    )


def may_compare(*, report: Trade, actor: Actor) -> bool:
    """Tell whether an actor may be shown a report as a near miss: it sees all, or the report names it."""
    return actor.sees_all or actor.participant_id in (report.buyer_id, report.seller_id)


def age_in_business_days(*, trade: Trade, business_date: date) -> int:
    """Return for how many business days of its currency's calendar a report has waited."""
    calendar = directory().currencies[trade.currency_id].calendar.business_days
    return max(0, count_business_days(first=trade.business_date, last=business_date, calendar=calendar))


def count_ages(*, actor: Actor, view: str, business_date: date) -> list[AgeBand]:
    """Count what waits by age in business days."""
    rows = waiting_rows(actor=actor, view=view).select_related(None).order_by()
    counts = [0] * len(AGE_BANDS)
    for currency_id, day, count in rows.values_list("trade__currency_id", "trade__business_date").annotate(Count("pk")):
        calendar = directory().currencies[currency_id].calendar.business_days
        age = max(0, count_business_days(first=day, last=business_date, calendar=calendar))
        place = next(place for place, (low, high, _) in enumerate(AGE_BANDS) if low <= age <= high)
        counts[place] += count
    return [AgeBand(label, count) for (_, _, label), count in zip(AGE_BANDS, counts, strict=True)]


@dataclass(frozen=True)
class WaitingCounts:
    """How many reports wait, how many of them are alleged, and since when the oldest of those waits."""

    waiting: int
    alleged: int
    near: int
    oldest_alleged_at: datetime | None
    alleged_against: int


def count_waiting(*, actor: Actor) -> WaitingCounts:
    """Count the actor's waiting reports, and what is alleged against it (for who sees all: the same)."""
    totals = unmatched_visible_to(actor=actor).aggregate(
        waiting=Count("pk"),
        alleged=Count("pk", filter=Q(alleged_at__isnull=False)),
        near=Count("pk", filter=Q(near_miss__isnull=False)),
        oldest_alleged_at=Min("alleged_at"),
    )
    against = totals["alleged"] if actor.sees_all else allegements_visible_to(actor=actor).count()
    return WaitingCounts(**totals, alleged_against=against)


def count_unmatched(*, actor: Actor) -> int:
    """Count what the page of unmatched reports shows first to this actor."""
    return unmatched_visible_to(actor=actor).count()
