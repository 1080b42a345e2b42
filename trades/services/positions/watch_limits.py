"""Set position limits, alert what is above them once a day, acknowledge the alerts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from events.services.audit import record_action
from ledger.models import Account
from reference.core.actor import Actor
from reference.core.limits import LARGEST_AMOUNT
from reference.locks import take_lock
from trades.models import PositionAlert, PositionLimit
from trades.queries.position_limits import find_breaches
from trades.refusals.positions import (
    PositionAlertAcknowledged,
    PositionLimitInvalid,
    PositionLimitRetired,
    UnknownPositionAlert,
    UnknownPositionLimit,
)

LIMITS_LOCK = "trades.position_limits"
LARGEST_PERCENT = Decimal(1_000_000)


def set_limit(
    *, participant_id: int | None, account: Account | None, security_id: int | None, largest_units: int | None,
    volume_percent: Decimal | None, actor: Actor, at: datetime, business_date: date,
) -> PositionLimit:  # fmt: skip
    """Set a limit for an account, a participant or everybody, in one security or in each; the one before retires.

    Raises PositionLimitInvalid.
    """
    told = largest_units if volume_percent is None else volume_percent
    largest = LARGEST_AMOUNT if volume_percent is None else LARGEST_PERCENT
    if (largest_units is None) == (volume_percent is None) or told is None or not 0 <= told <= largest:
        raise PositionLimitInvalid
    if account is not None and participant_id is not None:
        raise PositionLimitInvalid("A limit is an account's or a participant's, not both.")
    with transaction.atomic():
        take_lock(name=LIMITS_LOCK)
        scope = {"participant_id": participant_id, "account": account, "security_id": security_id}
        standing = PositionLimit.objects.filter(
            active=True, **{key if value is not None else f"{key}__isnull": value if value is not None else True
                            for key, value in scope.items()}
        )  # fmt: skip
        before = standing.first()
        standing.update(active=False)
        limit = PositionLimit.objects.create(
            **scope, largest_units=largest_units, volume_percent=volume_percent, set_by=actor.name, set_at=at
        )
        words = f"{largest_units} units" if volume_percent is None else f"{volume_percent} % of the daily volume"
        record_action(
            actor=actor, action="position-limit.set", at=at, business_date=business_date, object_type="positionlimit",
            object_id=limit.pk, summary=f"At most {words}",
            detail={"before": None if before is None else _told(before), "after": _told(limit)},
        )  # fmt: skip
    return limit


def _told(limit: PositionLimit) -> dict[str, Any]:
    """Return what the audit log tells of a limit: whose, in what, how much."""
    return {
        "id": limit.pk, "participant": limit.participant_id, "account": limit.account_id,
        "security": limit.security_id, "units": limit.largest_units,
        "volume_percent": None if limit.volume_percent is None else f"{limit.volume_percent:f}",
    }  # fmt: skip


def retire_limit(*, limit_id: int, actor: Actor, at: datetime, business_date: date) -> PositionLimit:
    """Let a limit hold no longer. Raises UnknownPositionLimit, PositionLimitRetired."""
    with transaction.atomic():
        take_lock(name=LIMITS_LOCK)
        limit = PositionLimit.objects.filter(pk=limit_id).first()
        if limit is None:
            raise UnknownPositionLimit
        if not limit.active:
            raise PositionLimitRetired
        limit.active = False
        limit.save(update_fields=["active"])
        record_action(
            actor=actor, action="position-limit.retired", at=at, business_date=business_date,
            object_type="positionlimit", object_id=limit.pk, summary="No longer holds",
            detail={"before": _told(limit), "after": None},
        )  # fmt: skip
    return limit


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
