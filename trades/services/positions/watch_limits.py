"""Alert what is above a position limit once a day, acknowledge the alerts."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction
from django.db.models import QuerySet

from events.services.audit import record_action
from reference.core.actor import Actor
from reference.locks import take_lock
from trades.models import PositionAlert, PositionLimit
from trades.queries.position_limits import find_breaches
from trades.refusals.positions import PositionAlertAcknowledged, UnknownPositionAlert
from trades.services.positions.set_limits import LIMITS_LOCK


def watch_limits(*, at: datetime, business_date: date) -> int:
    """Alert every position that is above its limit and was not alerted today; return how many are above it."""
    if not PositionLimit.objects.filter(active=True).exists():
        return 0
    with transaction.atomic():
        take_lock(name=LIMITS_LOCK)
        breaches = find_breaches(business_date=business_date)
        PositionAlert.objects.bulk_create(
            [
                PositionAlert(
                    limit_id=breach.limit_id, participant_id=breach.participant_id, account_id=breach.account_id,
                    security_id=breach.security_id, business_date=business_date, at=at,
                    quantity_units=breach.quantity_units, limit_units=breach.limit_units,
                )
                for breach in breaches
            ],
            ignore_conflicts=True,
        )  # fmt: skip
    return len(breaches)


def acknowledge_alerts(*, alerts: QuerySet[PositionAlert], actor: Actor, at: datetime, business_date: date) -> int:
    """Note in one statement that an operator has seen those of some alerts that nobody has; return how many.

    One audit record tells of all of them. Raises PositionAlertAcknowledged where there is none.
    """
    with transaction.atomic():
        waiting = alerts.filter(acknowledged_at__isnull=True).order_by().values("pk")
        noted = PositionAlert.objects.filter(pk__in=waiting, acknowledged_at__isnull=True).update(
            acknowledged_at=at, acknowledged_by=actor.name
        )
        if not noted:
            raise PositionAlertAcknowledged("None of these alerts waits for somebody to see it.")
        record_action(
            actor=actor, action="position-alert.acknowledged", at=at, business_date=business_date,
            summary=f"{noted:,} position alerts acknowledged together", detail={"alerts": noted},
        )  # fmt: skip
    return noted


def acknowledge_alert(*, alert_id: int, actor: Actor, at: datetime, business_date: date) -> PositionAlert:
    """Note that an operator has seen an alert. Raises UnknownPositionAlert, PositionAlertAcknowledged."""
    with transaction.atomic():
        alert = PositionAlert.objects.select_for_update().filter(pk=alert_id).first()
        if alert is None:
            raise UnknownPositionAlert
        if alert.acknowledged_at is not None:
            raise PositionAlertAcknowledged
        alert.acknowledged_at, alert.acknowledged_by = at, actor.name
        alert.save(update_fields=["acknowledged_at", "acknowledged_by"])
        record_action(
            actor=actor, action="position-alert.acknowledged", at=at, business_date=business_date,
            object_type="positionalert", object_id=alert.pk, summary="Acknowledged",
        )  # fmt: skip
    return alert
