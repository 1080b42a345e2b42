"""Acknowledge and close alerts: who looked, when, and what came of it."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from events.services.audit import record_action
from reference.core.actor import Actor
from trades.core.alert_lifecycle import ALERT_TRANSITIONS, AlertStatus
from trades.models import ComplianceAlert
from trades.refusals.compliance import AlertNeedsANote, AlertStepIllegal, UnknownAlert

NOTE_LENGTH = 1_000


def step_alerts(
    *, alert_ids: Sequence[int], status: AlertStatus, note: str, actor: Actor, at: datetime, business_date: date
) -> int:
    """Acknowledge or close alerts, all or none; return how many.

    note: what was found out; a closed alert needs one. Raises UnknownAlert, AlertStepIllegal, AlertNeedsANote.
    """
    note = note.strip()[:NOTE_LENGTH]
    if status == AlertStatus.CLOSED and not note:
        raise AlertNeedsANote(pointer="/note")
    wanted = sorted(set(alert_ids))
    with transaction.atomic():
        alerts = list(ComplianceAlert.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))
        if len(alerts) != len(wanted):
            raise UnknownAlert
        for alert in alerts:
            if status not in ALERT_TRANSITIONS[alert.status]:
                raise AlertStepIllegal(f"Alert {alert.pk} is {alert.status.lower()} already.")
        ComplianceAlert.objects.filter(pk__in=wanted).update(
            status=status.value, handled_by=actor.name, handled_at=at, note=note
        )
        for alert in alerts:
            record_action(
                actor=actor, action=f"alert.{'close' if status == AlertStatus.CLOSED else 'acknowledge'}", at=at,
                business_date=business_date, object_type="compliance-alert", object_id=alert.pk,
                summary=f"Alert {alert.pk} {status.lower()}{': ' + note[:120] if note else ''}",
                detail={"words": alert.words, "severity": alert.severity, "before": alert.note, "note": note},
            )  # fmt: skip
    return len(alerts)
