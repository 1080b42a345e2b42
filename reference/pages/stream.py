"""Live quotes for the browser."""

from __future__ import annotations

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.http import require_GET

from reference.access import actor_of
from reference.quote_store import tape_key
from reference.quote_stream import ENTRY_ID, follow_tape
from reference.refusals import Refusal
from reference.tape_listener import MOST_READERS, TooManyStreams, open_streams


class StreamsNeedAsgi(Refusal):
    """Live streams are served by the ASGI application alone; the page asks for news by itself instead."""

    code = "streams-need-asgi"
    status = 503


def can_stream(request: HttpRequest) -> bool:
    """Tell whether the server that took the request serves live streams."""
    return isinstance(request, ASGIRequest)


@require_GET
def stream_quotes(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with the tape of quotes as server-sent events, after the id in Last-Event-ID or `?after=`.

    Market data are for everybody who has a role. Raises PermissionDenied, StreamsNeedAsgi, TooManyStreams.
    """
    actor_of(request)
    if not can_stream(request):
        raise StreamsNeedAsgi
    if open_streams() >= MOST_READERS:
        raise TooManyStreams
    named = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    after = named if ENTRY_ID.fullmatch(named) else ""
    response = StreamingHttpResponse(follow_tape(key=tape_key(), after=after), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    # A proxy in front passes each event on as it comes.
    response["X-Accel-Buffering"] = "no"
    return response
