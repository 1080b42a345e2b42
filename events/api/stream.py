"""The live stream of events in the API."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from events.api.events import EVENT_EXAMPLE
from events.models import OutboxFact
from events.queries.outbox import last_position
from events.queries.webhooks import subscribable_names, unknown_names
from events.refusals import PositionNotReached, TooManyOwnStreams
from events.services.follow_events import MOST_STREAMS_OF_ONE, EventReader, follow_events, streams_of
from events.services.streams import stream_key
from reference.api.base import ActorView
from reference.api.lasting_login import lasting_login
from reference.api.problems import problems
from reference.core.scopes import Scope
from reference.keys.tokens import AccessGrant
from reference.pages.stream import StreamsNeedAsgi, can_stream
from reference.tape_listener import MOST_READERS, TooManyStreams, open_streams

PARAMETERS = {"after", "name", "format"}


class EventStreamRenderer(BaseRenderer):
    """What `Accept: text/event-stream` asks for; a refusal is a problem document all the same."""

    media_type = "text/event-stream"
    format = "sse"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Write a refusal."""
        return bytes(JSONRenderer().render(data))


class EventStream(ActorView[OutboxFact]):
    """Events as they are published."""

    read_scope = Scope.EVENTS_READ
    queryset = OutboxFact.objects.none()
    renderer_classes = [EventStreamRenderer, JSONRenderer]
    filter_backends: list[Any] = []
    pagination_class = None

    @extend_schema(
        operation_id="events_stream",
        summary="Follow events as they are published (server-sent events)",
        parameters=[
            OpenApiParameter("after", OpenApiTypes.INT64, description="Begin after this position; now, unless given."),
            OpenApiParameter(
                "Last-Event-ID", OpenApiTypes.INT64, OpenApiParameter.HEADER,
                description="The same, as a browser sends it when it comes back; it goes before `after`.",
            ),
            OpenApiParameter(
                "name", {"type": "array", "items": {"type": "string"}}, explode=True, style="form",
                description="Only events of this name; may be given several times.",
            ),
        ],
        responses={(200, "text/event-stream"): OpenApiTypes.STR, **problems(400, 401, 403, 409, 429, 503)},
        examples=[OpenApiExample(
            "Two events", value=f"retry: 2000\nid: 4701\n\nid: 4702\ndata: {EVENT_EXAMPLE}\n\n", response_only=True,
            media_type="text/event-stream", status_codes=["200"],
        )],
    )  # fmt: skip
    def get(self, request: Request) -> HttpResponseBase:
        """Follow events: in their order, each once, a participant its own share. `id` is the position to resume after.

        A comment with an id comes every 15 seconds. The stream ends after an hour, or when the login or the key ends.
        """
        stands = lasting_login(request=request, scope=Scope.EVENTS_READ)
        names = _names_of(request)
        newest = last_position()
        after = _after_of(request, newest=newest)
        if not can_stream(request._request):  # noqa: SLF001 (DRF has no other name for it)
            raise StreamsNeedAsgi
        if open_streams() >= MOST_READERS:
            raise TooManyStreams
        client = request.auth.client_id if isinstance(request.auth, AccessGrant) else f"user:{request.user.pk}"
        if streams_of(client=client) >= MOST_STREAMS_OF_ONE:
            raise TooManyOwnStreams
        reader = EventReader(client=client, participant_id=self.actor.participant_id, names=names, stands=stands)
        response = StreamingHttpResponse(
            follow_events(key=stream_key(), reader=reader, after=after, newest=newest),
            content_type="text/event-stream",
        )
        response["Cache-Control"] = "no-store"
        # A proxy in front passes each event on as it comes.
        response["X-Accel-Buffering"] = "no"
        return response


def _names_of(request: Request) -> frozenset[str]:
    """Return the names that are asked for. Raises ValidationError for one that no event has, or another parameter."""
    strange = sorted(set(request.query_params) - PARAMETERS)
    if strange:
        raise ValidationError(dict.fromkeys(strange[:5], "There is no such parameter."))
    names = frozenset(request.query_params.getlist("name"))
    unknown = unknown_names(names=names)
    if unknown:
        known = ", ".join(subscribable_names())
        raise ValidationError({"name": f"There is no event {unknown[0][:64]!r}; there are {known}."})
    return names


def _after_of(request: Request, *, newest: int) -> int:
    """Return the position to begin after. Raises ValidationError, PositionNotReached."""
    text = request.headers.get("Last-Event-ID") or request.query_params.get("after")
    if text is None or text == "":
        return newest
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValidationError({"after": "A position is a whole number."})
    if int(text) > newest:
        raise PositionNotReached
    return int(text)
