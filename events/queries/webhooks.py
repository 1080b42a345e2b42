"""Which endpoints and deliveries an actor sees, how endpoints fare, and the secrets that sign for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.db import connection
from django.db.models import Q, QuerySet

from events.core.webhook_lifecycle import DeliveryState, DisabledBecause
from events.core.webhook_retries import FAILURES_TO_OPEN
from events.models import WebhookDelivery, WebhookEndpoint, WebhookSecret
from events.queries.schemas import event_schemas
from events.refusals import UnknownDelivery, UnknownWebhook
from reference.core.actor import Actor
from reference.keys.encryption import decrypt_secret

HOURS = 24
HOURLY_SQL = """
    SELECT date_trunc('hour', a.at), count(*) FILTER (WHERE a.status BETWEEN 200 AND 299), count(*)
    FROM events_webhookattempt a JOIN events_webhookdelivery d ON d.id = a.delivery_id
    WHERE a.at >= %(since)s AND d.endpoint_id = ANY (%(endpoints)s) GROUP BY 1
"""
FIGURES_SQL = """
    SELECT e.id,
        (SELECT count(*) FROM events_webhookdelivery d WHERE d.endpoint_id = e.id AND d.state = 'PENDING'),
        (SELECT count(*) FROM events_webhookdelivery d WHERE d.endpoint_id = e.id AND d.state = 'FAILED'),
        coalesce(day.taken, 0), coalesce(day.made, 0)
    FROM unnest(%(endpoints)s::bigint[]) e (id) LEFT JOIN (
        SELECT d.endpoint_id, count(*) FILTER (WHERE a.status BETWEEN 200 AND 299) AS taken, count(*) AS made
        FROM events_webhookattempt a JOIN events_webhookdelivery d ON d.id = a.delivery_id
        WHERE a.at >= %(since)s AND d.endpoint_id = ANY (%(endpoints)s) GROUP BY 1
    ) day ON day.endpoint_id = e.id
"""


class Health(StrEnum):
    """How an endpoint fares, worst first."""

    OFF = "OFF"  # Switched off, by a person or by what it answered.
    OPEN = "OPEN"  # The circuit is open, or waits for its probe.
    FAILING = "FAILING"
    OK = "OK"


HEALTH_WORDS = {
    Health.OFF: "Switched off",
    Health.OPEN: "Circuit open",
    Health.FAILING: "Failing",
    Health.OK: "In order",
}


@dataclass(frozen=True)
class EndpointFigures:
    """What waits for an endpoint, what failed for good, and the attempts of the last day, taken and made."""

    waiting: int = 0
    failed: int = 0
    taken: int = 0
    made: int = 0

    @property
    def share_percent(self) -> float | None:
        """Return the share of attempts that it took, None where none was made."""
        return 100 * self.taken / self.made if self.made else None


def health_of(*, endpoint: WebhookEndpoint) -> Health:
    """Return how an endpoint fares."""
    if not endpoint.enabled:
        return Health.OFF
    if endpoint.failures >= FAILURES_TO_OPEN:
        return Health.OPEN
    return Health.FAILING if endpoint.failures else Health.OK


def webhooks_visible_to(*, actor: Actor) -> QuerySet[WebhookEndpoint]:
    """Return the endpoints that stand: a participant's own; operators and auditors see all."""
    standing = WebhookEndpoint.objects.exclude(disabled_because=DisabledBecause.REMOVED)
    return standing if actor.participant_id is None else standing.filter(participant_id=actor.participant_id)


def get_webhook(*, actor: Actor, public_id: UUID) -> WebhookEndpoint:
    """Return one endpoint. Raises UnknownWebhook where there is none that this actor may see."""
    found = webhooks_visible_to(actor=actor).select_related("owner", "participant").filter(public_id=public_id).first()
    if found is None:
        raise UnknownWebhook
    return found


def holds(*, actor: Actor, endpoint: WebhookEndpoint) -> bool:
    """Tell whether an endpoint is the actor's to change: its participant's logins', its owner's, or operators'."""
    if endpoint.participant_id is not None:
        return actor.participant_id == endpoint.participant_id
    return actor.is_operator or (actor.sees_all and endpoint.owner.get_username() == actor.name)


def deliveries_of(*, endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    """Return an endpoint's deliveries."""
    return WebhookDelivery.objects.filter(endpoint=endpoint).select_related("event")


def get_delivery(*, endpoint: WebhookEndpoint, public_id: UUID) -> WebhookDelivery:
    """Return one delivery of an endpoint. Raises UnknownDelivery."""
    found = deliveries_of(endpoint=endpoint).select_related("endpoint").filter(public_id=public_id).first()
    if found is None:
        raise UnknownDelivery
    return found


def in_health(*, health: Health) -> Q:
    """Return the condition of the endpoints that fare so."""
    return {
        Health.OFF: Q(enabled=False),
        Health.OPEN: Q(enabled=True, failures__gte=FAILURES_TO_OPEN),
        Health.FAILING: Q(enabled=True, failures__gt=0, failures__lt=FAILURES_TO_OPEN),
        Health.OK: Q(enabled=True, failures=0),
    }[health]


def failing_webhooks(*, actor: Actor) -> int:
    """Return how many endpoints need a hand: their circuit is open, or something switched them off."""
    off = Q(enabled=False) & ~Q(disabled_because=DisabledBecause.ASKED)
    return webhooks_visible_to(actor=actor).filter(in_health(health=Health.OPEN) | off).count()


def figures_of(*, endpoint_ids: Collection[int], now: datetime) -> dict[int, EndpointFigures]:
    """Return each endpoint's figures. now: wall time."""
    since = now - timedelta(hours=HOURS)
    with connection.cursor() as cursor:
        cursor.execute(FIGURES_SQL, {"endpoints": list(endpoint_ids), "since": since})
        return {row[0]: EndpointFigures(*row[1:]) for row in cursor.fetchall()}


def attempts_per_hour(
    *, endpoint_ids: Collection[int], now: datetime
) -> tuple[list[datetime], list[int], list[int]]:  # fmt: skip
    """Return the last day's hours, and of the attempts of each how many were taken and how many failed."""
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
    with connection.cursor() as cursor:
        cursor.execute(HOURLY_SQL, {"since": hours[0], "endpoints": list(endpoint_ids)})
        found = {hour: (taken, made) for hour, taken, made in cursor.fetchall()}
    pairs = [found.get(hour, (0, 0)) for hour in hours]
    return hours, [taken for taken, _ in pairs], [made - taken for taken, made in pairs]


def working_secrets(*, endpoint_ids: Collection[int], now: datetime) -> dict[int, tuple[str, ...] | None]:
    """Return the secrets that sign for each endpoint now, the newest first: two during a rotation's grace.

    None for an endpoint of whose secrets one cannot be read: its receiver could not tell which one signed.
    """
    rows = WebhookSecret.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now), endpoint_id__in=endpoint_ids)
    found: dict[int, tuple[str, ...] | None] = dict.fromkeys(endpoint_ids, ())
    for row in rows.order_by("-pk"):
        others = found[row.endpoint_id]
        try:
            secret = decrypt_secret(encrypted=bytes(row.secret)).decode()
        except (InvalidToken, ValueError):
            found[row.endpoint_id] = None
        else:
            found[row.endpoint_id] = None if others is None else (*others, secret)
    return found


def subscribable_names() -> list[str]:
    """Return the names of events that are recorded now."""
    return sorted({entry.name for entry in event_schemas() if entry.current and entry.name != "Share"})


def unknown_names(*, names: Iterable[str]) -> list[str]:
    """Return, sorted, the names that no event has."""
    return sorted(set(names) - set(subscribable_names()))


def failed_states() -> list[str]:
    """Return the states from which a range is sent again."""
    return [DeliveryState.FAILED.value, DeliveryState.CANCELLED.value]
