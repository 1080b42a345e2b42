"""Pause and resume the business clock."""

from datetime import datetime

from django.db import transaction

from events.services.audit import record_action
from reference.core.actor import Actor
from reference.queries import ClockReading
from reference.services import set_clock_running


def pause_clock(*, actor: Actor, clock: ClockReading) -> ClockReading:
    """Let business time stand still, so that the day may be stepped by hand."""
    return _set_running(running=False, ticked_at=None, actor=actor, clock=clock)


def resume_clock(*, actor: Actor, clock: ClockReading, now: datetime) -> ClockReading:
    """Let business time go on from where it stands, at the pace it had. now: wall-clock time."""
    return _set_running(running=True, ticked_at=now, actor=actor, clock=clock)


def _set_running(*, running: bool, ticked_at: datetime | None, actor: Actor, clock: ClockReading) -> ClockReading:
    """Stop or start the clock, with its audit record where that changed anything."""
    if clock.running == running:
        return clock
    with transaction.atomic():
        changed = set_clock_running(running=running, ticked_at=ticked_at)
        record_action(
            actor=actor,
            action="clock.resumed" if running else "clock.paused",
            at=clock.at,
            business_date=clock.business_date,
            object_type="clock",
            summary="Business time goes on." if running else "Business time stands still.",
        )
    return changed
