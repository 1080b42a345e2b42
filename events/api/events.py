"""Events and their schemas in the API."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from events.core.envelope import build_event
from events.filters import EventFilter
from events.models import OutboxFact
from events.queries.outbox import published_fact, visible_facts
from events.queries.schemas import event_schema, event_schemas
from reference.api.base import ActorListView, ActorView
from reference.api.problems import problems
from reference.core.scopes import Scope

EVENT_EXAMPLE = {
    "specversion": "1.0",
    "id": "4711",
    "source": "urn:mini-fmi",
    "type": "fmi.TradesMatched",
    "time": "2008-09-15T08:30:00.123456Z",
    "subject": "trades",
    "datacontenttype": "application/json",
    "dataschema": "urn:mini-fmi:Share:1",
    "position": 4702,
    "data": {"count": 2, "ids": ["0193a6f2-5c1e-7d3b-9a44-1f2e3d4c5b6a", "0193a6f2-5c1e-7d3b-9a44-1f2e3d4c5b6b"]},
    "correlationid": "5b3c1c52-8f0e-4c58-9b0c-0a4f4b0c9a11",
}
SCHEMA_EXAMPLE = {
    "name": "TradesMatched",
    "version": 1,
    "current": True,
    "dataschema": "urn:mini-fmi:TradesMatched:1",
    "description": "Reports were paired; their matches wait to be cleared or to go gross.",
    "schema": {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]},
}


class EventSerializer(serializers.Serializer[OutboxFact]):
    """A CloudEvents 1.0 event."""

    specversion = serializers.CharField(help_text="Always 1.0.")
    id = serializers.CharField(help_text="Unique with the source: what to recognise a second delivery by.")
    source: Any = serializers.CharField()
    type = serializers.CharField(help_text="fmi. and the contract's name.")
    time = serializers.DateTimeField(help_text="When it was recorded, wall time.")
    subject = serializers.CharField(help_text="The key: events of one key come in their order.")
    datacontenttype = serializers.CharField()
    dataschema = serializers.CharField(help_text="urn:mini-fmi:<name>:<version>, at /api/v1/events/schemas.")
    position = serializers.IntegerField(help_text="1, 2, 3 … in the order of publication; a participant sees gaps.")
    data: Any = serializers.JSONField(help_text="The whole for operators and auditors, a participant's own share.")
    correlationid = serializers.UUIDField(required=False, help_text="Shared by all that follows from one request.")

    def to_representation(self, instance: OutboxFact) -> dict[str, Any]:
        """Write the event as the actor may read it."""
        actor = self.context["view"].actor
        event = build_event(
            fact=published_fact(instance),
            source=settings.EVENT_SOURCE,
            participant_id=None if actor.sees_all else actor.participant_id,
        )
        assert event is not None
        return event


class EventList(ActorListView[OutboxFact]):
    """Events, oldest first: go on from the position of the last one that was read."""

    read_scope = Scope.EVENTS_READ
    queryset = OutboxFact.objects.none()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    cursor_ordering = "position"

    def get_queryset(self) -> QuerySet[OutboxFact]:
        """Return what the actor reads of."""
        return visible_facts(actor=self.actor)

    @extend_schema(
        operation_id="events_list",
        summary="List events in their order, after a position",
        responses={200: EventSerializer(many=True), **problems(400, 401, 403)},
        examples=[OpenApiExample("A participant's share", value=EVENT_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List events. A participant reads those that concern it, and of each its own share."""
        return super().get(request, *args, **kwargs)


class EventSchemaSerializer(serializers.Serializer[Any]):
    """A published version of what an event carries."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    current = serializers.BooleanField(help_text="Whether events are recorded in this version now.")
    dataschema = serializers.CharField(help_text="What an event's dataschema says.")
    description = serializers.CharField()
    schema: Any = serializers.JSONField(help_text="JSON Schema, draft 2020-12.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Write it."""
        return {
            "name": instance.name,
            "version": instance.version,
            "current": instance.current,
            "dataschema": instance.schema["$id"],
            "description": instance.description,
            "schema": instance.schema,
        }


class EventSchemaList(ActorView[Any]):
    """Every published schema."""

    read_scope = Scope.EVENTS_READ
    queryset = OutboxFact.objects.none()
    serializer_class = EventSchemaSerializer
    pagination_class = None

    @extend_schema(
        operation_id="event_schemas_list",
        summary="List the JSON Schemas of events",
        filters=False,
        responses={200: EventSchemaSerializer(many=True), **problems(401, 403)},
        examples=[OpenApiExample("A schema", value=SCHEMA_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List every version that was ever published."""
        return Response(EventSchemaSerializer(event_schemas(), many=True).data)


class EventSchemaDetail(ActorView[Any]):
    """One published schema."""

    read_scope = Scope.EVENTS_READ
    queryset = OutboxFact.objects.none()
    serializer_class = EventSchemaSerializer

    @extend_schema(
        operation_id="event_schemas_read",
        summary="Read one JSON Schema of an event",
        responses={200: EventSchemaSerializer, **problems(401, 403, 404)},
        examples=[OpenApiExample("A schema", value=SCHEMA_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, name: str, version: int) -> Response:
        """Read one version."""
        return Response(EventSchemaSerializer(event_schema(name=name, version=version)).data)
