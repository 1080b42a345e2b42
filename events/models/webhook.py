"""Webhooks: where events are sent, the secrets that sign them, each delivery and every attempt at it."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now

from events.core.webhook_lifecycle import DELIVERY_TRANSITIONS, DISABLED_WORDS, DeliveryState, DisabledBecause
from events.core.webhook_retries import MOST_ATTEMPTS
from events.core.webhook_targets import MOST_URL_CHARACTERS
from reference.core.actor import Role
from reference.triggers import append_only, immutable_columns, legal_steps, refuse_delete, refuse_truncate

MOST_ANSWER_CHARACTERS = 1_000
# Nobody, however the setting reads, takes away what has just ended.
KEPT_AT_LEAST = "interval '1 day'"

# Who may read what an endpoint is sent. e: the endpoint; u, m: its owner and the owner's membership.
READER_SQL = f"""
    u.is_active AND CASE WHEN e.participant_id IS NULL
        THEN coalesce(m.role IN ('{Role.OPERATOR.value}', '{Role.AUDITOR.value}'), u.is_superuser)
        ELSE m.participant_id IS NOT DISTINCT FROM e.participant_id END
"""


def new_id() -> Func:
    """Return what gives a row a fresh UUID version 7."""
    return Func(function="uuidv7", template="%(function)s()", output_field=models.UUIDField())


class WebhookEndpoint(models.Model):
    """Where a reader of events is sent them. A participant's is sent its own share of each, and nothing else."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=new_id())
    participant = models.ForeignKey(
        "reference.Participant", null=True, on_delete=models.PROTECT, related_name="+",
        help_text="Whose share of events it is sent. Empty: everything, for operators and auditors.",
    )  # fmt: skip
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    url = models.CharField(max_length=MOST_URL_CHARACTERS)
    description = models.CharField(max_length=120, blank=True)
    events = ArrayField(models.CharField(max_length=64), default=list, help_text="Names of events; none: all of them.")
    enabled = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_because = models.CharField(
        max_length=9, blank=True, choices=[(reason.value, words) for reason, words in DISABLED_WORDS.items()]
    )
    failures = models.IntegerField(default=0, help_text="In a row.")
    failing_since = models.DateTimeField(null=True)
    opened_until = models.DateTimeField(null=True, help_text="Nothing is sent before: the circuit is open.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(url__regex=r"^https?://[!-~]+$"), name="webhookendpoint_url_shape"),
            models.CheckConstraint(
                condition=Q(enabled=True, disabled_at__isnull=True, disabled_because="")
                | Q(
                    enabled=False,
                    disabled_at__isnull=False,
                    disabled_because__in=[reason.value for reason in DisabledBecause],
                ),
                name="webhookendpoint_disabled_because",
            ),
            models.CheckConstraint(
                condition=Q(failures=0, failing_since__isnull=True, opened_until__isnull=True)
                | Q(failures__gt=0, failing_since__isnull=False),
                name="webhookendpoint_failing_since",
            ),
        ]
        indexes = [models.Index(fields=["participant", "id"], name="webhookendpoint_participant")]
        triggers = [
            *refuse_delete(table="events_webhookendpoint"),
            immutable_columns(
                table="events_webhookendpoint", columns=("public_id", "participant_id", "owner_id", "created_at")
            ),
            pgtrigger.Trigger(
                name="events_webhookendpoint_removed_stays",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(f"OLD.disabled_because = '{DisabledBecause.REMOVED.value}'"),
                func="RAISE EXCEPTION 'an endpoint that was removed stays so' USING ERRCODE = 'restrict_violation';",
            ),
            pgtrigger.Trigger(
                name="events_webhookendpoint_of_a_reader",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=f"""
                    IF NOT EXISTS (
                        SELECT 1 FROM (SELECT NEW.participant_id) e (participant_id), auth_user u
                        LEFT JOIN reference_membership m ON m.user_id = u.id
                        WHERE u.id = NEW.owner_id AND {READER_SQL}
                    ) THEN RAISE EXCEPTION 'nobody is sent what he may not read' USING ERRCODE = 'check_violation',
                        CONSTRAINT = 'events_webhookendpoint_of_a_reader';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookSecret(models.Model):
    """What signs an endpoint's messages. Rotation adds one; until the one before it ends, both sign."""

    id = models.BigAutoField(primary_key=True)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="secrets")
    secret = models.BinaryField(help_text="Encrypted under ENCRYPTION_KEYS.")
    created_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField(null=True, help_text="When a newer secret takes its place.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint"], condition=Q(ends_at__isnull=True), name="webhooksecret_one_current"
            ),
        ]
        triggers = [
            *refuse_delete(table="events_webhooksecret"),
            immutable_columns(table="events_webhooksecret", columns=("endpoint_id", "created_at")),
            pgtrigger.Trigger(
                name="events_webhooksecret_ends_no_later",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("ends_at"),
                condition=pgtrigger.Condition(
                    "OLD.ends_at IS NOT NULL AND (NEW.ends_at IS NULL OR NEW.ends_at > OLD.ends_at)"
                ),
                func="RAISE EXCEPTION 'a secret that ends is not given more time' USING ERRCODE = 'check_violation';",
            ),
        ]

    def __str__(self) -> str:
        return f"secret {self.pk} of endpoint {self.endpoint_id}"


class WebhookDelivery(models.Model):
    """An event on its way to an endpoint; without an event it is a ping. `public_id` is its webhook-id."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True, db_default=new_id())
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="+", db_index=False)
    event = models.ForeignKey("events.OutboxFact", null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(
        max_length=9,
        choices=[(state.value, state.title()) for state in DeliveryState],
        default=DeliveryState.PENDING.value,
        db_default=DeliveryState.PENDING.value,
    )
    attempts = models.SmallIntegerField(default=0, db_default=0, help_text="Since it was last asked for.")
    next_attempt_at = models.DateTimeField(db_default=Now(), help_text="Under way: when it is taken for lost.")
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="webhookdelivery_once"),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in DeliveryState]), name="webhookdelivery_state"
            ),
            models.CheckConstraint(
                condition=Q(state="PENDING", ended_at__isnull=True) | (~Q(state="PENDING") & Q(ended_at__isnull=False)),
                name="webhookdelivery_ended",
            ),
            models.CheckConstraint(
                condition=Q(attempts__gte=0, attempts__lte=MOST_ATTEMPTS), name="webhookdelivery_attempts"
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at"], name="webhookdelivery_due", condition=Q(state="PENDING")
            ),
            models.Index(fields=["endpoint", "id"], name="webhookdelivery_log"),
            models.Index(fields=["ended_at"], name="webhookdelivery_old", condition=Q(ended_at__isnull=False)),
            models.Index(fields=["endpoint", "id"], name="webhookdelivery_failed", condition=Q(state="FAILED")),
        ]
        triggers = [
            refuse_truncate(table="events_webhookdelivery"),
            pgtrigger.Trigger(
                name="events_webhookdelivery_old_ones_go",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition(f"OLD.ended_at IS NULL OR OLD.ended_at > now() - {KEPT_AT_LEAST}"),
                func="RAISE EXCEPTION 'a delivery is kept until it has ended, and a day longer'"
                " USING ERRCODE = 'restrict_violation';",
            ),
            immutable_columns(
                table="events_webhookdelivery", columns=("public_id", "endpoint_id", "event_id", "created_at")
            ),
            legal_steps(table="events_webhookdelivery", column="state", transitions=DELIVERY_TRANSITIONS),
            pgtrigger.Trigger(
                name="events_webhookdelivery_of_ones_own",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
                    IF NEW.state <> 'PENDING' OR NOT EXISTS (
                        SELECT 1 FROM events_webhookendpoint e
                        LEFT JOIN events_outboxfact f ON f.id = NEW.event_id
                        WHERE e.id = NEW.endpoint_id AND (NEW.event_id IS NULL OR e.participant_id IS NULL
                            OR jsonb_exists_any(f.shares, ARRAY[e.participant_id::text, '*']))
                    ) THEN RAISE EXCEPTION 'a participant is sent what it has a share in, and nothing else'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'events_webhookdelivery_of_ones_own';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="events_webhookdelivery_answered",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("state"),
                condition=pgtrigger.Condition("NEW.state = 'DELIVERED' AND OLD.state <> 'DELIVERED'"),
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM events_webhookattempt a
                        WHERE a.delivery_id = NEW.id AND a.status BETWEEN 200 AND 299
                    ) THEN RAISE EXCEPTION 'delivered is what was answered with success'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'events_webhookdelivery_answered';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.state}"

    @property
    def event_name(self) -> str:
        """Return what it tells."""
        return self.event.name if self.event is not None else "Ping"


class WebhookAttempt(models.Model):
    """One attempt at a delivery: what was answered, or why there was no answer."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.PROTECT, related_name="log")
    at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time at which it began.")
    status = models.SmallIntegerField(null=True, help_text="Of HTTP; none where no answer came.")
    duration_ms = models.IntegerField()
    answer = models.TextField(blank=True, help_text=f"The first {MOST_ANSWER_CHARACTERS} characters.")
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__isnull=False, status__gte=100, status__lte=999, error="")
                | (Q(status__isnull=True) & ~Q(error="")),
                name="webhookattempt_answer_or_error",
            ),
            models.CheckConstraint(condition=Q(duration_ms__gte=0), name="webhookattempt_duration"),
        ]
        indexes = [models.Index(fields=["at"], name="webhookattempt_at")]
        triggers = [
            *append_only(table="events_webhookattempt", expires=True),
            pgtrigger.Trigger(
                name="events_webhookattempt_with_its_delivery",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Delete,
                referencing=pgtrigger.Referencing(old="old_rows"),
                func="""
                    IF EXISTS (SELECT 1 FROM old_rows o JOIN events_webhookdelivery d ON d.id = o.delivery_id) THEN
                        RAISE EXCEPTION 'an attempt is kept as long as its delivery'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status or self.error} at {self.at}"

    @property
    def succeeded(self) -> bool:
        """Tell whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300
