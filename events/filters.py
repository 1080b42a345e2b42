"""How events and the audit log are filtered: the same in the API, on the page and in its CSV."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django_filters import CharFilter, ChoiceFilter, NumberFilter, UUIDFilter

from events.core.webhook_lifecycle import DeliveryState
from events.queries.webhooks import HEALTH_WORDS, Health, in_health
from reference.core.actor import Role
from reference.filters import BooleanFilter, DateFilter, FilterSet, MomentFilter, ParticipantFilter
from reference.origin import Door


class AuditFilter(FilterSet):
    """Audit records by actor, where they come from, action, object and business date."""

    q = CharFilter(field_name="summary", lookup_expr="icontains", max_length=80, label="Text")
    actor = CharFilter(field_name="actor", max_length=150, label="Actor", help_text="The login.")
    role = ChoiceFilter(choices=[(role.value, role.title()) for role in Role], label="Role")
    participant = ParticipantFilter("participant_id", label="Participant")
    action = CharFilter(
        field_name="action", lookup_expr="startswith", max_length=48, label="Action",
        help_text="Beginning of the action, such as trade. or trade.cancelled.",
    )  # fmt: skip
    door = ChoiceFilter(choices=[(door.value, door.title()) for door in Door], label="Door")
    client = CharFilter(
        field_name="client", max_length=64, label="Client", help_text="The API key's id; the task or the command."
    )
    address = CharFilter(field_name="address", max_length=45, label="Address")
    correlation_id = UUIDFilter(
        field_name="correlation_id", label="Correlation id", help_text="All that followed from one request or tick."
    )
    object_type = CharFilter(field_name="object_type", max_length=24, label="Kind of object")
    object_id = NumberFilter(field_name="object_id", min_value=0, max_value=2**63 - 1, decimal_places=0, label="Object")
    business_date_from = DateFilter("business_date", "gte", label="From")
    business_date_to = DateFilter("business_date", "lte", label="To")


class FactFilter(FilterSet):
    """Facts by what they say, their key, and what they belong together with."""

    name = CharFilter(field_name="name", max_length=64, label="Event", help_text="Such as TradesMatched.")
    key = CharFilter(field_name="key", max_length=64, label="Key", help_text="What their order is kept by.")
    correlation_id = UUIDFilter(field_name="correlation_id", label="Correlation id")


class EventFilter(FactFilter):
    """Events, from a position on."""

    after = NumberFilter(
        field_name="position", lookup_expr="gt", min_value=0, max_value=2**63 - 1, decimal_places=0,
        label="After position",
    )  # fmt: skip


class EventPageFilter(FactFilter):
    """Facts on their page, where `after` turns pages: those that have no position too."""

    position = NumberFilter(field_name="position", min_value=1, max_value=2**63 - 1, decimal_places=0, label="Position")
    waiting = BooleanFilter(field_name="published_at", lookup_expr="isnull", label="Not published yet")


class DeadLetterFilter(FilterSet):
    """Dead letters by consumer and event."""

    consumer = CharFilter(field_name="consumer_id", max_length=48, label="Consumer")
    name = CharFilter(field_name="event__name", max_length=64, label="Event")
    q = CharFilter(field_name="reason", lookup_expr="icontains", max_length=80, label="Reason")


class WebhookFilter(FilterSet):
    """Webhooks by address, what they are sent, whose they are and how they fare."""

    q = CharFilter(field_name="url", lookup_expr="icontains", max_length=80, label="Address")
    event = CharFilter(method="filter_event", max_length=64, label="Event", help_text="Those that are sent it.")
    health = ChoiceFilter(
        method="filter_health", choices=[(health.value, HEALTH_WORDS[health]) for health in Health], label="Health"
    )
    participant = ParticipantFilter("participant_id", label="Participant")

    def filter_event(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep those that are sent events of this name."""
        return queryset.filter(Q(events=[]) | Q(events__contains=[value]))

    def filter_health(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep those that fare so."""
        return queryset.filter(in_health(health=Health(value)))


class DeliveryFilter(FilterSet):
    """Deliveries by state, event and when they were made."""

    state = ChoiceFilter(choices=[(state.value, state.title()) for state in DeliveryState], label="State")
    name = CharFilter(field_name="event__name", max_length=64, label="Event")
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte", label="Made from")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt", label="Made before")
