"""Where each member stands in each segment: required, put up, called, contributed; and what that asks it to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import QuerySet

from clearing.core.call_lifecycle import OPEN_STATUSES, CallKind, CallStatus
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import CollateralMovement, MarginCall, MarginRun, Membership
from clearing.queries.collateral import (
    NOTHING_REQUIRED,
    Pool,
    Required,
    Segment,
    cash_free_in,
    is_closed,
    issuer_limit_ppm,
    last_run,
    required_of,
    value_collateral,
)
from clearing.queries.membership import memberships_visible_to
from ledger.models import Balance
from reference.core.actor import Actor
from reference.core.directory import CurrencyEntry, ParticipantEntry
from reference.queries import directory


@dataclass(frozen=True)
class SegmentView:
    """One member in one segment now, amounts in minor units."""

    member: ParticipantEntry
    currency: CurrencyEntry
    status: str
    group: str
    pool: Pool
    required: Required
    fund_minor: int
    calls: tuple[MarginCall, ...]
    free_cash_minor: int

    @property
    def currency_id(self) -> int:
        """Return the id of its currency."""
        return self.currency.id

    @property
    def margin_minor(self) -> int:
        """Return the margin that the last run requires."""
        return self.required.margin_minor

    @property
    def value_minor(self) -> int:
        """Return what its collateral counts for."""
        return self.pool.value_minor

    @property
    def balance_minor(self) -> int:
        """Return the excess of the collateral over the margin; below zero, the shortfall."""
        return self.pool.value_minor - self.required.margin_minor

    @property
    def covered_percent(self) -> float:
        """Return the collateral in percent of the margin, at most 100."""
        return min(100.0, 100 * self.pool.value_minor / self.margin_minor) if self.margin_minor else 100.0

    @property
    def called_minor(self) -> int:
        """Return what is called and open, of any kind."""
        return sum(call.open_minor for call in self.calls)

    @property
    def overdue_minor(self) -> int:
        """Return what is called, past its deadline, and open."""
        return sum(call.open_minor for call in self.calls if call.status == CallStatus.OVERDUE)

    @property
    def next_step(self) -> str:
        """Return what to do next, in a word for the page: PAY, WAIT, DEPOSIT, REPLACE, RELEASE, DEFAULT, or nothing."""
        if self.status != MembershipStatus.ACTIVE:
            return "DEFAULT" if self.status == MembershipStatus.DEFAULTED else "SUSPENDED"
        if self.overdue_minor:
            return "PAY"
        if self.calls:
            return "WAIT"
        if self.balance_minor < 0:
            return "DEPOSIT"
        if self.pool.not_counted_minor:
            return "REPLACE"
        return "RELEASE" if self.free_cash_minor else ""

    @property
    def urgency(self) -> tuple[int, int, str, str]:
        """Return what segments are sorted by: what needs a hand first."""
        order = ("PAY", "DEFAULT", "WAIT", "DEPOSIT", "SUSPENDED", "REPLACE", "RELEASE", "")
        return (order.index(self.next_step), -self.called_minor, self.currency.code, self.member.code)


@dataclass(frozen=True)
class RiskOverview:
    """All the segments that an actor may see, the run they are measured by, and the open calls."""

    run: MarginRun | None
    closed: bool
    limit_ppm: int
    segments: tuple[SegmentView, ...]
    calls: tuple[MarginCall, ...]

    @property
    def overdue(self) -> tuple[MarginCall, ...]:
        """Return the calls whose deadline has passed."""
        return tuple(call for call in self.calls if call.status == CallStatus.OVERDUE)

    @property
    def limit_percent(self) -> float:
        """Return the issuer limit in percent."""
        return self.limit_ppm / 10_000


def read_overview(*, actor: Actor, business_date: date, member_ids: Sequence[int] | None = None) -> RiskOverview:
    """Return where the members that the actor may see stand, what needs a hand first. Ten queries at most.

    Securities are valued at the closes of the business date once its evening run is made, before that at those of
    the day before.
    """
    run = last_run()
    closed, limit_ppm = is_closed(run=run, business_date=business_date), issuer_limit_ppm(day=business_date)
    memberships = {row.member_id: row for row in memberships_visible_to(actor=actor)}
    if member_ids is not None:
        memberships = {key: row for key, row in memberships.items() if key in set(member_ids)}
    wanted = sorted(memberships)
    pools = value_collateral(business_date=business_date, closed=closed, limit_ppm=limit_ppm, member_ids=wanted)
    required = required_of(run_id=None if run is None else run.pk, member_ids=wanted)
    fund = _fund(memberships=memberships)
    calls = tuple(open_calls(actor=actor).filter(member_id__in=wanted))
    by_segment: dict[Segment, list[MarginCall]] = {}
    for call in calls:
        by_segment.setdefault((call.member_id, call.currency_id), []).append(call)
    source = directory()
    segments = []
    for segment in {*pools, *required, *fund, *by_segment}:
        membership = memberships[segment[0]]
        pool = pools.get(segment) or Pool(*segment, 0, (), (), 0, limit_ppm)
        needed = required.get(segment, NOTHING_REQUIRED)
        active = membership.status == MembershipStatus.ACTIVE
        segments.append(
            SegmentView(
                member=source.participants[segment[0]],
                currency=source.currencies[segment[1]],
                status=membership.status,
                group=membership.group_name,
                pool=pool,
                required=needed,
                fund_minor=fund.get(segment, 0),
                calls=tuple(by_segment.get(segment, ())),
                free_cash_minor=cash_free_in(pool=pool, required=needed) if active else 0,
            )
        )
    return RiskOverview(run, closed, limit_ppm, tuple(sorted(segments, key=lambda row: row.urgency)), calls)


def calls_visible_to(*, actor: Actor) -> QuerySet[MarginCall]:
    """Return the margin calls that the actor may see, with their member and currency: all, or its own."""
    calls = MarginCall.objects.select_related("member", "currency")
    return calls if actor.participant_id is None else calls.filter(member_id=actor.participant_id)


def movements_visible_to(*, actor: Actor) -> QuerySet[CollateralMovement]:
    """Return the movements of collateral that the actor may see, with member, asset and currency."""
    rows = CollateralMovement.objects.select_related("member", "asset", "currency")
    return rows if actor.participant_id is None else rows.filter(member_id=actor.participant_id)


def open_calls(*, actor: Actor) -> QuerySet[MarginCall]:
    """Return the calls that are open, the overdue first, then by deadline."""
    return calls_visible_to(actor=actor).filter(status__in=OPEN_STATUSES).order_by("deadline", "pk")


@dataclass(frozen=True)
class OverdueCalls:
    """The calls past their deadline: how many, of how many members, since when; the rest by currency code."""

    count: int
    members: int
    oldest: datetime | None
    open_minor: dict[str, int]


def overdue_calls(*, actor: Actor) -> OverdueCalls:
    """Return what is overdue of what the actor may see. One query."""
    rows = list(calls_visible_to(actor=actor).filter(status=CallStatus.OVERDUE))
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.currency.code] = sums.get(row.currency.code, 0) + row.open_minor
    return OverdueCalls(
        count=len(rows),
        members=len({row.member_id for row in rows}),
        oldest=min((row.deadline for row in rows), default=None),
        open_minor=sums,
    )


def count_overdue(*, actor: Actor) -> int:
    """Return how many calls are overdue. One query."""
    return calls_visible_to(actor=actor).filter(status=CallStatus.OVERDUE).order_by().count()


def time_left(*, call: MarginCall, at: datetime) -> timedelta | None:
    """Return how long until a call's deadline; None once that has passed."""
    return call.deadline - at if call.deadline > at else None


def purpose_of(*, kind: str) -> str:
    """Return where the money of a call goes, in words."""
    if kind in (CallKind.INITIAL, CallKind.INTRADAY):
        return "collateral"
    return "variation margin" if kind == CallKind.VARIATION else "default fund"


def _fund(*, memberships: dict[int, Membership]) -> dict[Segment, int]:
    """Return (member, currency) -> what stands on the member's default fund account."""
    owner = {row.fund_cash_id: member_id for member_id, row in memberships.items()}
    rows = Balance.objects.filter(account_id__in=owner, balance__gt=0).values_list("account_id", "asset_id", "balance")
    return {(owner[account_id], asset_id): balance for account_id, asset_id, balance in rows}
