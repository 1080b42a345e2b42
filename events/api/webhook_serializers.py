"""Shapes of webhooks and their deliveries in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.core.webhook_lifecycle import DISABLED_WORDS, DeliveryState
from events.core.webhook_targets import MOST_URL_CHARACTERS
from events.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from events.queries.webhooks import Health, health_of

DELIVERY_STATE_CHOICES = [(state.value, state.title()) for state in DeliveryState]
WEBHOOK_HEALTH_CHOICES = [(health.value, health.title()) for health in Health]
DISABLED_CHOICES = [(reason.value, words) for reason, words in DISABLED_WORDS.items()]


class WebhookSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """Where events are sent, without the secret, which nobody can read again. Its times are wall-clock times."""

    id: Any = serializers.UUIDField(source="public_id")
    participant: Any = serializers.SerializerMethodField(help_text="Whose share is sent; null: everything.")
    owner = serializers.CharField(source="owner.username")
    events = serializers.ListField(child=serializers.CharField(), help_text="Names; empty: all.")
    health: Any = serializers.SerializerMethodField()
    disabled_because: Any = serializers.SerializerMethodField()
    opened_until = serializers.DateTimeField(
        allow_null=True, help_text="After failures in a row nothing is sent until then; one probe follows."
    )

    class Meta:
        """What it is sent, and how it fares."""

        model = WebhookEndpoint
        fields = [
            "id", "url", "description", "events", "participant", "owner", "enabled", "health", "failures",
            "failing_since", "opened_until", "disabled_at", "disabled_because", "created_at",
        ]  # fmt: skip

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_participant(self, endpoint: WebhookEndpoint) -> str | None:
        """Return the participant's code."""
        return endpoint.participant.code if endpoint.participant else None

    @extend_schema_field(serializers.ChoiceField(choices=WEBHOOK_HEALTH_CHOICES))
    def get_health(self, endpoint: WebhookEndpoint) -> str:
        """Return how it fares; OPEN: the circuit is open."""
        return health_of(endpoint=endpoint).value

    @extend_schema_field(serializers.ChoiceField(choices=DISABLED_CHOICES, allow_null=True))
    def get_disabled_because(self, endpoint: WebhookEndpoint) -> str | None:
        """Return why it is off."""
        return endpoint.disabled_because or None


class NewWebhookSerializer(WebhookSerializer):
    """A webhook with its secret: shown once."""

    secret: Any = serializers.CharField(help_text="whsec_…, of Standard Webhooks. Shown once.")

    class Meta(WebhookSerializer.Meta):
        """The webhook, and its secret."""

        fields = [*WebhookSerializer.Meta.fields, "secret"]


class WebhookEntrySerializer(serializers.Serializer[Any]):
    """A webhook to be made."""

    url = serializers.CharField(max_length=MOST_URL_CHARACTERS, help_text="https://, a public host.")
    description = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    events = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, default=list, max_length=100,
        help_text="Names of events, such as TradesMatched; none: all.",
    )  # fmt: skip


class WebhookChangeSerializer(serializers.Serializer[Any]):
    """What changes."""

    url = serializers.CharField(max_length=MOST_URL_CHARACTERS, required=False)
    description = serializers.CharField(max_length=120, required=False, allow_blank=True)
    events = serializers.ListField(child=serializers.CharField(max_length=64), required=False, max_length=100)
    enabled = serializers.BooleanField(required=False, help_text="On again, it begins with a closed circuit.")


class WebhookRotationSerializer(serializers.Serializer[Any]):
    """How long the old secret signs as well."""

    grace_hours = serializers.IntegerField(min_value=0, max_value=168, default=24)


class AttemptSerializer(serializers.ModelSerializer[WebhookAttempt]):
    """One attempt."""

    status = serializers.IntegerField(allow_null=True, help_text="Of HTTP; null where no answer came.")

    class Meta:
        """What came of it."""

        model = WebhookAttempt
        fields = ["at", "status", "duration_ms", "answer", "error"]


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """An event on its way to a webhook."""

    id: Any = serializers.UUIDField(source="public_id", help_text="The header webhook-id.")
    event = serializers.CharField(source="event_name", help_text="Its name; Ping for a test.")
    position: Any = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=DELIVERY_STATE_CHOICES)
    attempts = serializers.IntegerField(help_text="Since it was last asked for; eight at most.")

    class Meta:
        """What it tells, and how it stands."""

        model = WebhookDelivery
        fields = ["id", "event", "position", "state", "attempts", "next_attempt_at", "created_at", "ended_at"]

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_position(self, delivery: WebhookDelivery) -> int | None:
        """Return the event's position."""
        return delivery.event.position if delivery.event is not None else None


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with what is sent, and every attempt."""

    body: Any = serializers.SerializerMethodField()
    log = AttemptSerializer(many=True)

    class Meta(DeliverySerializer.Meta):
        """The delivery, its body and its log."""

        fields = [*DeliverySerializer.Meta.fields, "body", "log"]

    @extend_schema_field(serializers.JSONField())
    def get_body(self, delivery: WebhookDelivery) -> Any:
        """Return what is sent."""
        return self.context["body"]


class RangeSerializer(serializers.Serializer[Any]):
    """What is sent again: of what was made in a range of wall time, that which ended so."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField(required=False, help_text="Now, unless given.")
    states = serializers.ListField(
        child=serializers.ChoiceField(choices=[("FAILED", "Failed"), ("CANCELLED", "Cancelled")]),
        default=["FAILED"], min_length=1, max_length=2,
    )  # fmt: skip


class RangeSentSerializer(serializers.Serializer[Any]):
    """How many are sent again."""

    count = serializers.IntegerField()
