"""Making and changing webhooks, and sending again. A secret is returned once; it is kept encrypted, for it signs."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from events.core.webhook_lifecycle import DeliveryState, DisabledBecause
from events.core.webhook_targets import read_target
from events.models import WebhookDelivery, WebhookEndpoint, WebhookSecret
from events.queries.webhooks import deliveries_of, get_webhook, holds, unknown_names, webhooks_visible_to
from events.refusals import (
    DeliveryUnderWay,
    GraceTooLong,
    TooManyWebhooks,
    UnknownDelivery,
    UnknownEvent,
    WebhookAddressRefused,
    WebhookNotYours,
    WebhookSwitchedOff,
)
from events.services.audit import record_action
from events.services.switch_webhooks import OBJECT_TYPE, switch_off
from reference.core.actor import Actor
from reference.keys.encryption import encrypt_secret

MOST_WEBHOOKS = 20
MOST_SENT_AGAIN = 10_000
LONGEST_GRACE = timedelta(days=7)
SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 (Standard Webhooks, "Webhook Secrets")
CHANGEABLE = ("url", "description", "events")
# Ahead of whatever waits.
AT_ONCE = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """An endpoint and its new secret, which is shown once."""

    endpoint: WebhookEndpoint
    secret: str


def create_webhook(
    *, owner: User, url: str, description: str, events: Iterable[str], actor: Actor, at: datetime, business_date: date
) -> NewSecret:
    """Have events sent to an address: the actor's share of them, or everything to operators and auditors.

    events: names, none for all. at, business_date: business time. Raises WebhookAddressRefused, UnknownEvent,
    TooManyWebhooks.
    """
    names = _expect_names(events)
    _expect_url(url)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)
        own = webhooks_visible_to(actor=actor)
        if (own.filter(owner=owner, participant=None) if actor.sees_all else own).count() >= MOST_WEBHOOKS:
            raise TooManyWebhooks
        endpoint = WebhookEndpoint.objects.create(
            participant_id=actor.participant_id, owner=owner, url=url, description=description.strip(), events=names
        )
        endpoint.refresh_from_db()
        secret = _add_secret(endpoint)
        _record(endpoint, "create", actor=actor, at=at, business_date=business_date, url=url, events=names)
    return NewSecret(endpoint=endpoint, secret=secret)


def change_webhook(
    *, public_id: UUID, changes: dict[str, Any], now: datetime, actor: Actor, at: datetime, business_date: date
) -> WebhookEndpoint:
    """Change where and what is sent, or switch it off or on; what is on again begins with a closed circuit.

    changes: of url, description, events, enabled. Raises UnknownWebhook, WebhookNotYours, WebhookAddressRefused,
    UnknownEvent.
    """
    wanted = {name: changes[name] for name in CHANGEABLE if name in changes}
    if "url" in wanted:
        _expect_url(wanted["url"])
    if "events" in wanted:
        wanted["events"] = _expect_names(wanted["events"])
    with transaction.atomic():
        endpoint = _lock(public_id=public_id, actor=actor, may_operate=not wanted)
        before = {name: getattr(endpoint, name) for name in wanted}
        wanted = {name: value for name, value in wanted.items() if value != before[name]}
        if wanted:
            for name, value in wanted.items():
                setattr(endpoint, name, value)
            endpoint.save(update_fields=list(wanted))
            told = {"before": {name: before[name] for name in wanted}, "after": wanted}
            _record(endpoint, "change", actor=actor, at=at, business_date=business_date, **told)
        if changes.get("enabled") is True and not endpoint.enabled:
            _switch_on(endpoint)
            _record(endpoint, "enable", actor=actor, at=at, business_date=business_date)
        elif changes.get("enabled") is False and endpoint.enabled:
            switch_off(
                endpoint=endpoint, because=DisabledBecause.ASKED, now=now, actor=actor, at=at,
                business_date=business_date,
            )  # fmt: skip
    return endpoint


def remove_webhook(*, public_id: UUID, now: datetime, actor: Actor, at: datetime, business_date: date) -> None:
    """Switch an endpoint off for ever; its log stays. Raises UnknownWebhook, WebhookNotYours."""
    with transaction.atomic():
        endpoint = _lock(public_id=public_id, actor=actor)
        switch_off(
            endpoint=endpoint, because=DisabledBecause.REMOVED, now=now, actor=actor, at=at, business_date=business_date
        )


def rotate_secret(
    *, public_id: UUID, grace: timedelta, now: datetime, actor: Actor, at: datetime, business_date: date
) -> NewSecret:
    """Give an endpoint a new secret; until `grace` is over each message is signed by the old one as well.

    Raises UnknownWebhook, WebhookNotYours, GraceTooLong.
    """
    if not timedelta() <= grace <= LONGEST_GRACE:
        raise GraceTooLong(pointer="/grace_hours")
    with transaction.atomic():
        endpoint = _lock(public_id=public_id, actor=actor)
        old = WebhookSecret.objects.select_for_update().filter(endpoint=endpoint)
        old.filter(ends_at__isnull=True).update(ends_at=now + grace)
        old.filter(ends_at__gt=now + grace).update(ends_at=now + grace)
        secret = _add_secret(endpoint)
        _record(
            endpoint, "rotate", actor=actor, at=at, business_date=business_date, old_ends_at=(now + grace).isoformat()
        )
    return NewSecret(endpoint=endpoint, secret=secret)


def ping_webhook(*, public_id: UUID, now: datetime, actor: Actor, at: datetime, business_date: date) -> WebhookDelivery:
    """Have a ping sent ahead of whatever waits, through an open circuit as its probe; return its delivery.

    Raises UnknownWebhook, WebhookNotYours, WebhookSwitchedOff.
    """
    with transaction.atomic():
        endpoint = _lock(public_id=public_id, actor=actor, may_operate=True)
        if not endpoint.enabled:
            raise WebhookSwitchedOff
        if endpoint.opened_until is not None and endpoint.opened_until > now:
            endpoint.opened_until = now
            endpoint.save(update_fields=["opened_until"])
        made = WebhookDelivery.objects.create(endpoint=endpoint, next_attempt_at=AT_ONCE)
        _record(endpoint, "ping", actor=actor, at=at, business_date=business_date)
    return deliveries_of(endpoint=endpoint).get(pk=made.pk)


def send_again(
    *, public_id: UUID, delivery_id: UUID, now: datetime, actor: Actor, at: datetime, business_date: date
) -> WebhookDelivery:
    """Send one delivery once more, under its old webhook-id and with as many attempts as a new one.

    Raises UnknownWebhook, UnknownDelivery, WebhookNotYours, WebhookSwitchedOff, DeliveryUnderWay.
    """
    with transaction.atomic():
        endpoint = _lock(public_id=public_id, actor=actor, may_operate=True)
        if not endpoint.enabled:
            raise WebhookSwitchedOff
        found = WebhookDelivery.objects.select_for_update().filter(endpoint=endpoint, public_id=delivery_id).first()
        if found is None:
            raise UnknownDelivery
        if found.state == DeliveryState.PENDING:
            raise DeliveryUnderWay
        _make_due(ids=[found.pk], now=now)
        _record(endpoint, "redeliver", actor=actor, at=at, business_date=business_date, delivery=str(delivery_id))
    return deliveries_of(endpoint=endpoint).get(pk=found.pk)


def send_range_again(
    *, public_id: UUID, states: Iterable[str], since: datetime, until: datetime, now: datetime, actor: Actor,
    at: datetime, business_date: date,
) -> int:  # fmt: skip
    """Send again what ended in one of these states, of what was created in a range; return how many, 10,000 at most.

    since, until: wall time, the first included. Raises UnknownWebhook, WebhookNotYours, WebhookSwitchedOff.
    """
    with transaction.atomic():
        endpoint = _lock(public_id=public_id, actor=actor, may_operate=True)
        if not endpoint.enabled:
            raise WebhookSwitchedOff
        ended = WebhookDelivery.objects.filter(
            endpoint=endpoint, state__in=list(states), created_at__gte=since, created_at__lt=until
        ).exclude(state=DeliveryState.PENDING)
        ids = list(ended.order_by("pk").select_for_update().values_list("pk", flat=True)[:MOST_SENT_AGAIN])
        _make_due(ids=ids, now=now)
        _record(
            endpoint, "redeliver", actor=actor, at=at, business_date=business_date, count=len(ids),
            since=since.isoformat(), until=until.isoformat(), states=sorted(states),
        )  # fmt: skip
    return len(ids)


def _make_due(*, ids: list[int], now: datetime) -> None:
    """Let deliveries begin anew."""
    WebhookDelivery.objects.filter(pk__in=ids).update(
        state=DeliveryState.PENDING.value, attempts=0, next_attempt_at=now, ended_at=None
    )


def _switch_on(endpoint: WebhookEndpoint) -> None:
    """Let events be sent again, from now on."""
    endpoint.enabled, endpoint.disabled_at, endpoint.disabled_because = True, None, ""
    endpoint.failures, endpoint.failing_since, endpoint.opened_until = 0, None, None
    endpoint.save(
        update_fields=["enabled", "disabled_at", "disabled_because", "failures", "failing_since", "opened_until"]
    )


def _expect_names(events: Iterable[str]) -> list[str]:
    """Return the names in their order. Raises UnknownEvent."""
    names = sorted(set(events))
    strange = unknown_names(names=names)
    if strange:
        raise UnknownEvent(f"There is no event {strange[0][:64]!r}.", pointer="/events")
    return names


def _expect_url(url: str) -> None:
    """Raise WebhookAddressRefused, with the reason, for an address that nothing may be sent to."""
    try:
        read_target(
            url=url,
            allow_http=settings.WEBHOOK_ALLOW_HTTP or settings.WEBHOOK_ALLOW_PRIVATE,
            allow_private=settings.WEBHOOK_ALLOW_PRIVATE,
        )
    except ValueError as error:
        raise WebhookAddressRefused(str(error), pointer="/url") from error


def _add_secret(endpoint: WebhookEndpoint) -> str:
    """Draw a secret, keep it encrypted, and return it."""
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    WebhookSecret.objects.create(endpoint=endpoint, secret=encrypt_secret(secret=secret.encode()))
    return secret


def _lock(*, public_id: UUID, actor: Actor, may_operate: bool = False) -> WebhookEndpoint:
    """Return an endpoint that the actor may change, locked; may_operate: operators may do this to anybody's.

    Raises UnknownWebhook, WebhookNotYours.
    """
    endpoint = get_webhook(actor=actor, public_id=public_id)
    if not holds(actor=actor, endpoint=endpoint) and not (may_operate and actor.is_operator):
        raise WebhookNotYours
    WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    return get_webhook(actor=actor, public_id=public_id)


def _record(
    endpoint: WebhookEndpoint, verb: str, *, actor: Actor, at: datetime, business_date: date, **detail: Any
) -> None:
    """Write what was done with an endpoint into the audit log."""
    record_action(
        actor=actor, action=f"webhook.{verb}", at=at, business_date=business_date, object_type=OBJECT_TYPE,
        object_id=endpoint.pk, summary=f"Webhook {endpoint.public_id}: {verb}",
        detail={"endpoint": str(endpoint.public_id)} | detail,
    )  # fmt: skip
