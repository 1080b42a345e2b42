"""The modules of the product, for whoever runs it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fmi.telemetry.modules import ModuleState, read_modules
from reference.api.base import ActorView
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.models import Participant

MODULE_STATE_CHOICES = [(state.value, state.value.title()) for state in ModuleState]
EXAMPLE = {
    "name": "trades",
    "version": "0.1.0",
    "title": "Orders, reports, matching, positions",
    "state": "OK",
    "queue_depth": 131,
    "waiting": {"trades to match": 131, "orders to route": 0, "submissions": 0},
    "last_activity_at": "2008-09-15T08:30:00.123456Z",
    "links": {"trades": "/api/v1/trades", "orders": "/api/v1/orders"},
}


class ModuleSerializer(serializers.Serializer[Any]):
    """One module of the product."""

    name = serializers.CharField()
    version = serializers.CharField()
    title = serializers.CharField(help_text="What it is for.")
    state = serializers.ChoiceField(
        choices=MODULE_STATE_CHOICES,
        help_text="OK; WAITING: no worker takes its work; FAILED: the database or the broker is out of reach.",
    )
    queue_depth = serializers.IntegerField(help_text="How many wait in it, of all kinds.")
    waiting = serializers.DictField(child=serializers.IntegerField(), help_text="How many wait, by what they are.")
    last_activity_at = serializers.DateTimeField(allow_null=True, help_text="Wall-clock time.")
    links = serializers.DictField(child=serializers.CharField(), help_text="Where to read on.")


class ModuleList(ActorView[Any]):
    """The modules."""

    read_scope = Scope.OPERATIONS_READ
    queryset = Participant.objects.none()
    serializer_class = ModuleSerializer
    filter_backends: list[Any] = []
    pagination_class = None

    @extend_schema(
        operation_id="modules_list",
        summary="List the modules and their state",
        responses={200: ModuleSerializer(many=True), **problems(401, 403)},
        examples=[OpenApiExample("A module", value=EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the modules: version, state, what waits in them, when they last did something. Some seconds old."""
        self.require_role(Role.OPERATOR, Role.AUDITOR)
        return Response(ModuleSerializer(read_modules(), many=True).data)
