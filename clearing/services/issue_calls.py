"""Call members for what they are short of: collateral after a margin run, variation margin, contributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from clearing.contracts import MarginCalled
from clearing.core.call_lifecycle import OPEN_STATUSES, CallKind, CallStatus
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import MarginCall, MarginRun, MarginRunKind, Membership
from clearing.queries.collateral import Segment, is_closed, ppm_of, required_of, value_collateral
from clearing.queries.membership import RISK_LOCK
from clearing.refusals import CallNotOpen, UnknownCall
from clearing.services.open_membership import open_membership
from events.services.audit import record_action
from events.services.outbox import record_fact
from events.services.shares import share_out
from reference.core.actor import Actor
from reference.core.calendar import BUSINESS_ZONE
from reference.locks import take_lock
from settlement.services.business_day import next_business_date

# A defaulter is called no more: what it owes is taken from what it has put up.
CALLED_STATUSES = (MembershipStatus.ACTIVE, MembershipStatus.SUSPENDED)


class WantedCall(NamedTuple):
    """What a member is to be called for in one segment."""

    member_id: int
    currency_id: int
    amount_minor: int


def issue_calls(*, run: MarginRun) -> int:
    """Call each member whose collateral is worth less than a run requires; return the number of calls.

    The shortfall is the requirement less the collateral's value less what is called as collateral already and still
    open. What is less than the least call of the run's parameters is not called. Done twice, it is done once.
    An evening call is due on the next business day, an intraday call within the minutes that the parameters give.
    """
    with transaction.atomic():
        take_lock(name=RISK_LOCK)
        kind = CallKind.INITIAL if run.kind == MarginRunKind.EVENING else CallKind.INTRADAY
        if MarginCall.objects.filter(run=run, kind=kind).exists():
            return 0
        required = required_of(run_id=run.pk)
        _open_missing(member_ids={member for member, _ in required}, joined_on=run.business_date)
        pools = value_collateral(
            business_date=run.business_date,
            closed=is_closed(run=run, business_date=run.business_date),
            limit_ppm=ppm_of(percent=run.parameters.collateral_issuer_limit_percent),
        )
        wanted = []
        for (member_id, currency_id), needed in sorted(required.items()):
            pool = pools.get((member_id, currency_id))
            short = needed.margin_minor - needed.called_minor - (pool.value_minor if pool else 0)
            if short > 0 and short >= run.parameters.least_call_minor:
                wanted.append(WantedCall(member_id, currency_id, short))
        return len(place_calls(wanted=wanted, kind=kind, at=run.at, business_date=run.business_date, run=run))


def issue_variation_calls(*, run: MarginRun, shortfalls: Mapping[Segment, int]) -> int:
    """Call what members could not pay of their variation margin; return the number of calls.

    shortfalls: (member id, currency id) -> minor units still owed to the CCP's VM account, above zero. Once a run
    and segment: for a segment that the run has called already, nothing is called.
    """
    with transaction.atomic():
        take_lock(name=RISK_LOCK)
        _open_missing(member_ids={member for member, _ in shortfalls}, joined_on=run.business_date)
        had = set(MarginCall.objects.filter(run=run, kind=CallKind.VARIATION).values_list("member_id", "currency_id"))
        wanted = [WantedCall(*segment, amount) for segment, amount in sorted(shortfalls.items()) if segment not in had]
        return len(
            place_calls(wanted=wanted, kind=CallKind.VARIATION, at=run.at, business_date=run.business_date, run=run)
        )


def place_calls(
    *,
    wanted: Sequence[WantedCall],
    kind: CallKind,
    at: datetime,
    business_date: date,
    run: MarginRun | None = None,
    deadline: datetime | None = None,
) -> list[MarginCall]:
    """Write calls of one kind and tell of them; return them in the order asked for, defaulters left out.

    deadline: by the run's parameters, where left out: the next business day's call deadline, or for an intraday run
    so many minutes from now. Raises ValueError without either; the database refuses amounts of zero and below.
    """
    called = set(Membership.objects.filter(status__in=CALLED_STATUSES).values_list("member_id", flat=True))
    until = deadline or _deadline(run=run, at=at, business_date=business_date)
    calls = MarginCall.objects.bulk_create(
        [
            MarginCall(
                member_id=one.member_id,
                currency_id=one.currency_id,
                kind=kind,
                run=run,
                amount_minor=one.amount_minor,
                business_date=business_date,
                called_at=at,
                deadline=until,
            )
            for one in wanted
            if one.member_id in called
        ]
    )
    if calls:
        record_fact(
            fact=MarginCalled(kind=kind.value, count=len(calls)),
            shares=share_out(things=((call.member_id, call.pk) for call in calls)),
        )
    return calls


def withdraw_call(*, call_id: int, why: str, actor: Actor, at: datetime, business_date: date) -> MarginCall:
    """Withdraw a call that is not paid in full; what was paid of it stays paid. Raises UnknownCall, CallNotOpen."""
    with transaction.atomic():
        take_lock(name=RISK_LOCK)
        call = MarginCall.objects.select_related("member").filter(pk=call_id).first()
        if call is None:
            raise UnknownCall
        if call.status not in OPEN_STATUSES:
            raise CallNotOpen
        call.status, call.withdrawn_at = CallStatus.WITHDRAWN.value, at
        call.save(update_fields=["status", "withdrawn_at"])
        record_action(
            actor=actor,
            action="call.withdrawn",
            at=at,
            business_date=business_date,
            object_type="margincall",
            object_id=call.pk,
            summary=f"Margin call {call.pk} on {call.member.code} withdrawn",
            detail={"amount_minor": call.amount_minor, "paid_minor": call.paid_minor, "why": why},
        )
    return call


def _open_missing(*, member_ids: set[int], joined_on: date) -> None:
    """Open the membership of a clearing member that came after the others: nobody's requirement goes uncalled."""
    for member_id in sorted(member_ids - set(Membership.objects.values_list("member_id", flat=True))):
        open_membership(member_id=member_id, joined_on=joined_on)


def _deadline(*, run: MarginRun | None, at: datetime, business_date: date) -> datetime:
    """Return when a call is due by the parameters of its run. Raises ValueError without a run."""
    if run is not None and run.kind == MarginRunKind.INTRADAY:
        return at + timedelta(minutes=run.parameters.intraday_call_minutes)
    if run is None:
        raise ValueError("a call without a run names its deadline")
    day = next_business_date(after=business_date)
    return datetime.combine(day, run.parameters.call_deadline, tzinfo=BUSINESS_ZONE)
