"""Reads of the audit log."""

from collections.abc import Sequence

from django.db.models import QuerySet

from events.models import AuditRecord
from reference.core.actor import Actor


def audit_records(*, participant_id: int | None = None) -> QuerySet[AuditRecord]:
    """Return the audit log, newest first; only one participant's own actions when it is named."""
    records = AuditRecord.objects.select_related("participant").order_by("-id")
    return records if participant_id is None else records.filter(participant_id=participant_id)


def actions_on(*, object_type: str, object_ids: Sequence[int]) -> QuerySet[AuditRecord]:
    """Return what was done to these objects, oldest first."""
    return AuditRecord.objects.filter(object_type=object_type, object_id__in=object_ids).order_by("id")


def visible_records(*, actor: Actor) -> QuerySet[AuditRecord]:
    """Return the audit records the actor may see, newest first: all, or its participant's own actions."""
    return audit_records(participant_id=None if actor.sees_all else actor.participant_id)
