"""The outage switch: while it is on no cycle runs, and parties' instructions are still accepted."""

from datetime import date, datetime

from django.db import transaction

from events.services.audit import record_action
from events.services.outbox import record_fact
from reference.core.actor import Actor
from reference.locks import take_lock
from settlement.contracts import OutageEnded
from settlement.models import Outage
from settlement.refusals import NoOutage, OutageRefused, OutageUnderWay
from settlement.services.settle_cycle import CYCLE_LOCK

LONGEST_REASON = 200


def declare_outage(*, reason: str, actor: Actor, at: datetime, business_date: date) -> Outage:
    """Declare an outage; a cycle that is being decided ends first, and none begins until the outage has ended.

    Its days count no penalties. Raises OutageRefused without a reason, OutageUnderWay.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise OutageRefused(pointer="/reason")
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        standing = Outage.objects.filter(ended_at=None).first()
        if standing is not None:
            raise OutageUnderWay(f"An outage has been under way since {standing.began_at:%Y-%m-%d %H:%M} UTC.")
        outage = Outage.objects.create(business_date=business_date, reason=reason, began_at=at, declared_by=actor.name)
        record_action(
            actor=actor,
            action="outage.declared",
            at=at,
            business_date=business_date,
            object_type="outage",
            object_id=outage.pk,
            summary=f"No cycle runs: {reason}",
            detail={"reason": reason},
        )
    return outage


def end_outage(*, actor: Actor, at: datetime, business_date: date) -> Outage:
    """End the outage that is under way; what has become due is tried at once where real-time settlement runs.

    Raises NoOutage.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        outage = Outage.objects.select_for_update().filter(ended_at=None).first()
        if outage is None:
            raise NoOutage
        outage.ended_at, outage.last_business_date, outage.ended_by = at, business_date, actor.name
        outage.save(update_fields=["ended_at", "last_business_date", "ended_by"])
        record_action(
            actor=actor,
            action="outage.ended",
            at=at,
            business_date=business_date,
            object_type="outage",
            object_id=outage.pk,
            summary=f"Cycles run again after: {outage.reason}",
        )
        record_fact(fact=OutageEnded(outage=outage.pk))
    return outage
