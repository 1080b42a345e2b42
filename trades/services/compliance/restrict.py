"""The restricted list: put a security on it, and end an entry. Nothing is ever taken off without a trace."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, transaction

from events.services.audit import record_action
from reference.core.actor import Actor
from trades.models import RestrictedEntry
from trades.refusals.compliance import AlreadyRestricted, RestrictionEnded, RestrictionMalformed, UnknownRestriction


@dataclass(frozen=True)
class Restriction:
    """Who may not trade what, from when, and why. participant_id: None for everybody; valid_to: None for good."""

    security_id: int
    participant_id: int | None
    reason: str
    valid_from: date
    valid_to: date | None = None


def restrict_security(*, restriction: Restriction, actor: Actor, at: datetime, business_date: date) -> RestrictedEntry:
    """Put a security on the restricted list. Raises RestrictionMalformed, AlreadyRestricted."""
    reason = restriction.reason.strip()[:200]
    if not reason:
        raise RestrictionMalformed("Say why the security is restricted.", pointer="/reason")
    if restriction.valid_to is not None and restriction.valid_to < restriction.valid_from:
        raise RestrictionMalformed("The last day lies before the first.", pointer="/valid_to")
    with transaction.atomic():
        entry = RestrictedEntry(
            security_id=restriction.security_id, participant_id=restriction.participant_id, reason=reason,
            valid_from=restriction.valid_from, valid_to=restriction.valid_to, entered_by=actor.name,
        )  # fmt: skip
        try:
            with transaction.atomic():
                entry.save(force_insert=True)
        except IntegrityError as error:
            if "restrictedentry_open_once" in str(error):
                raise AlreadyRestricted from error
            raise
        _record(entry=entry, verb="add", actor=actor, at=at, business_date=business_date)
    return entry


def end_restriction(*, entry_id: int, actor: Actor, at: datetime, business_date: date) -> RestrictedEntry:
    """End an entry: its last day is the business date. Raises UnknownRestriction, RestrictionEnded."""
    with transaction.atomic():
        entry = RestrictedEntry.objects.select_for_update().filter(pk=entry_id).first()
        if entry is None:
            raise UnknownRestriction
        if entry.valid_to is not None and entry.valid_to <= business_date:
            raise RestrictionEnded
        # An entry that has not begun yet ends on the day on which it would have.
        entry.valid_to, entry.ended_by = max(business_date, entry.valid_from), actor.name
        entry.save(update_fields=["valid_to", "ended_by"])
        _record(entry=entry, verb="end", actor=actor, at=at, business_date=business_date)
    return entry


def _record(*, entry: RestrictedEntry, verb: str, actor: Actor, at: datetime, business_date: date) -> None:
    """Write who did it into the audit log."""
    record_action(
        actor=actor, action=f"restriction.{verb}", at=at, business_date=business_date, object_type="restriction",
        object_id=entry.pk, summary=f"Restricted list, {verb}: {entry.security.code}",
        detail={"participant": entry.participant_id, "reason": entry.reason, "valid_from": str(entry.valid_from),
                "valid_to": str(entry.valid_to) if entry.valid_to else None},
    )  # fmt: skip
