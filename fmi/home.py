"""The home page's figures, composed from every app: the day, the funnel, what needs a hand, efficiency, cycles."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar, cast

from django.core.cache import cache

from clearing.queries.fund_views import ThinFund, thin_funds
from clearing.queries.netting import Netted, runs_since, sum_netted
from clearing.queries.risk_overview import OverdueCalls, overdue_calls
from events.queries.webhooks import failing_webhooks
from fmi.home_orders import FrontOfChain, read_front
from fmi.telemetry.operations import Trouble, read_troubles
from fmi.trends import Trend, build_trend
from reference.core.actor import Actor
from reference.core.calendar import add_business_days
from reference.queries import ClockReading, directory
from settlement.queries.cycles import (
    CycleView,
    Failing,
    Share,
    cycles_since,
    day_shares,
    failing_by_reason,
    recent_cycles,
)
from settlement.queries.day import DayView, last_closed_day, read_day
from settlement.queries.timeline import Timeline, build_timeline
from trades.queries.counts import Funnel, RefusedLines, count_by_status, count_refused_lines
from trades.queries.unmatched import WaitingCounts, count_waiting

CSD_CALENDAR = "TARGET"
LAST_CYCLES = 6
TREND_DAYS = 20
REFUSED_DAYS = 5
TODAY_SECONDS = 2
TROUBLES_SECONDS = 5
WINDOW_SECONDS = 30
COST_FACTOR = 20

T = TypeVar("T")


@dataclass(frozen=True)
class Invariants:
    """What the last closed day's report says of the invariants."""

    business_date: date
    violations: dict[str, Any]


@dataclass(frozen=True)
class Home:
    """Everything the home page shows."""

    day: DayView
    at: datetime
    timeline: Timeline | None
    funnel: Funnel
    window_days: int
    waiting: WaitingCounts
    failing: Sequence[Failing]
    refused: RefusedLines
    troubles: Sequence[Trouble]
    webhooks: int
    overdue: OverdueCalls
    thin: Sequence[ThinFund]
    invariants: Invariants | None
    netted: tuple[Netted, ...]
    settled: tuple[Share, ...]
    cycles: Sequence[CycleView]
    front: FrontOfChain
    netting_trend: Trend | None
    settlement_trend: Trend | None

    @property
    def needs_a_hand(self) -> bool:
        """Tell whether anything waits for a person."""
        broken = self.invariants is not None and bool(self.invariants.violations)
        waiting = self.waiting.alleged or self.waiting.alleged_against
        return bool(
            self.thin
            or self.overdue.count
            or self.failing
            or self.front.needs_a_hand
            or waiting
            or self.refused.lines
            or self.troubles
            or self.webhooks
            or broken
        )


def read_home(*, actor: Actor, reading: ClockReading, window_days: int, now: datetime) -> Home:
    """Read the home page for one actor. now: wall-clock time.

    Counts over many days are kept for half a minute, today's for two seconds.
    """
    today = reading.business_date
    cycles = recent_cycles(actor=actor, count=LAST_CYCLES)
    todays_cycles = cycles_since(actor=actor, since=today)
    day = read_day(business_date=today, at=reading.at)
    return Home(
        day=day,
        at=reading.at,
        timeline=build_timeline(day=day, at=reading.at),
        funnel=_funnel(actor=actor, today=today, window_days=window_days),
        window_days=window_days,
        waiting=count_waiting(actor=actor),
        failing=failing_by_reason(actor=actor, business_date=today),
        refused=count_refused_lines(actor=actor, since=business_days_before(day=today, count=REFUSED_DAYS)),
        troubles=_troubles(actor=actor, today=today, now=now) if actor.sees_all else (),
        webhooks=_webhooks(actor=actor, today=today),
        overdue=overdue_calls(actor=actor),
        thin=_thin(actor=actor, today=today) if actor.sees_all else (),
        invariants=_invariants() if actor.sees_all else None,
        netted=sum_netted(views=runs_since(actor=actor, since=today)),
        settled=day_shares(views=todays_cycles),
        cycles=cycles,
        front=_front(actor=actor, reading=reading),
        **_trends(actor=actor, today=today),
    )


def business_days_before(*, day: date, count: int) -> date:
    """Return the CSD's business date so many days back."""
    calendar = directory().calendars_by_code[CSD_CALENDAR].business_days
    return add_business_days(day=day, count=-count, calendar=calendar)


def kept(*, name: str, actor: Actor, today: date, seconds: float, read: Callable[[], T]) -> T:
    """Return a figure that all who see the same may share for some seconds.

    A figure that was slow to read is kept twenty times as long as that took, so that a page left open
    costs at most a twentieth of a core, however many trades there are.
    """
    scope = "all" if actor.sees_all else str(actor.participant_id)
    key = f"{name}:{scope}:{today}"
    found = cache.get(key)
    if found is None:
        started = time.monotonic()
        found = read()
        cache.set(key, found, timeout=max(seconds, COST_FACTOR * (time.monotonic() - started)))
    return cast(T, found)


def _funnel(*, actor: Actor, today: date, window_days: int) -> Funnel:
    """Count the trades of today, or of the last business days."""
    since = today if window_days == 1 else business_days_before(day=today, count=window_days - 1)
    return kept(
        name=f"funnel-{window_days}",
        actor=actor,
        today=today,
        seconds=TODAY_SECONDS if window_days == 1 else WINDOW_SECONDS,
        read=lambda: count_by_status(actor=actor, since=since, until=today),
    )


def _front(*, actor: Actor, reading: ClockReading) -> FrontOfChain:
    """Return today's orders, the venues and their quotes."""
    return kept(
        name="front",
        actor=actor,
        today=reading.business_date,
        seconds=TODAY_SECONDS,
        read=lambda: read_front(actor=actor, reading=reading),
    )


def _troubles(*, actor: Actor, today: date, now: datetime) -> Sequence[Trouble]:
    """Return what is wrong with the running of the product itself."""
    return kept(
        name="troubles", actor=actor, today=today, seconds=TROUBLES_SECONDS, read=lambda: read_troubles(now=now)
    )


def _webhooks(*, actor: Actor, today: date) -> int:
    """Return how many endpoints are sent nothing for now, because they failed."""
    return kept(
        name="webhooks", actor=actor, today=today, seconds=TROUBLES_SECONDS, read=lambda: failing_webhooks(actor=actor)
    )


def _thin(*, actor: Actor, today: date) -> Sequence[ThinFund]:
    """Return the default funds that stress losses come too close to; it changes once an evening."""
    return kept(
        name="thin", actor=actor, today=today, seconds=WINDOW_SECONDS, read=lambda: thin_funds(business_date=today)
    )


def _invariants() -> Invariants | None:
    """Read what the last closed day's report says; None before the first day has closed."""
    day = last_closed_day()
    if day is None:
        return None
    return Invariants(business_date=day.business_date, violations=dict(day.report.get("violations") or {}))


def _trends(*, actor: Actor, today: date) -> dict[str, Trend | None]:
    """Return both efficiencies over the last business days, in the currency with the most value."""

    def read() -> dict[str, Trend | None]:
        since = business_days_before(day=today, count=TREND_DAYS - 1)
        cycles = cycles_since(actor=actor, since=since)
        runs = runs_since(actor=actor, since=since)
        settled: dict[date, dict[str, float | None]] = {}
        for day in {view.business_date for view in cycles}:
            shares = day_shares(views=[view for view in cycles if view.business_date == day])
            settled[day] = {share.currency: share.ratio for share in shares}
        netted: dict[date, dict[str, float | None]] = {}
        for day in {view.business_date for view in runs}:
            parts = sum_netted(views=[view for view in runs if view.business_date == day])
            netted[day] = {part.currency: part.efficiency for part in parts}
        return {
            "netting_trend": build_trend(title="Netting efficiency", days=netted),
            "settlement_trend": build_trend(title="Settlement efficiency", days=settled),
        }

    return kept(name="trends", actor=actor, today=today, seconds=WINDOW_SECONDS, read=read)
