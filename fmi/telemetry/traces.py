"""Traces by OpenTelemetry, from the request through Celery to the postings. Without an endpoint nothing is loaded.

The trace id is the correlation id. A request whose id was made here has a span id derived from it, so that a task
which knows only the id of a fact (the outbox keeps no span) stands under that request's span. A task that follows one
id goes on in its trace; one that follows several is in its own, with a link to each of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from opentelemetry import context as otel_context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.status import Status, StatusCode

from fmi.telemetry import active
from reference.origin import current_origin
from reference.tracing import Note, trace_with

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_span_id: ContextVar[int | None] = ContextVar("span_id", default=None)


class _Ids(RandomIdGenerator):
    """A new trace has the id of what acts; a new span the one that was asked for, or a random one."""

    def generate_trace_id(self) -> int:
        correlation_id = current_origin().correlation_id
        return super().generate_trace_id() if correlation_id is None else correlation_id.int

    def generate_span_id(self) -> int:
        wanted = _span_id.get()
        _span_id.set(None)
        return super().generate_span_id() if wanted is None else wanted


class Traces:
    """What opens spans, and where they go."""

    def __init__(self, *, processor: SpanProcessor, version: str) -> None:
        """Make the provider; `processor` takes the spans that end."""
        resource = Resource.create({"service.name": "mini-fmi", "service.version": version})
        self.provider = TracerProvider(resource=resource, id_generator=_Ids())
        self.provider.add_span_processor(processor)
        self.tracer = self.provider.get_tracer("fmi")

    @contextmanager
    def request(self, *, headers: Mapping[str, str], correlation_id: UUID, made_here: bool) -> Iterator[Any]:
        """Open the span of a request, under the caller's where its trace is the same, else with a link to it."""
        brought = TraceContextTextMapPropagator().extract(headers, context=otel_context.Context())
        caller = get_current_span(brought).get_span_context()
        same = caller.is_valid and caller.trace_id == correlation_id.int
        if made_here:
            _span_id.set(span_id_of(correlation_id))
        with self.tracer.start_as_current_span(
            "request",
            context=brought if same else otel_context.Context(),
            kind=SpanKind.SERVER,
            links=[Link(caller)] if caller.is_valid and not same else (),
        ) as span:
            yield span

    @contextmanager
    def task(self, *, name: str, own_id: UUID, parent_span: int, causes: Sequence[UUID]) -> Iterator[Any]:
        """Open the span of a task: under its one cause, or in its own trace with links to all of several."""
        context = otel_context.Context()
        if parent_span:
            context = set_span_in_context(NonRecordingSpan(remote(own_id, span_id=parent_span)), context)
        links = [Link(remote(cause, span_id=span_id_of(cause))) for cause in causes]
        with self.tracer.start_as_current_span(name, context=context, kind=SpanKind.CONSUMER, links=links) as span:
            span.set_attribute("fmi.correlation_id", str(own_id))
            yield span

    @contextmanager
    def inline(self, *, name: str, causes: Sequence[UUID]) -> Iterator[None]:
        """Open the span of a task that is done here and now."""
        links = [Link(remote(cause, span_id=span_id_of(cause))) for cause in causes]
        with self.tracer.start_as_current_span(name, links=links):
            yield

    @contextmanager
    def service(self, name: str, attributes: Mapping[str, Any]) -> Iterator[Note]:
        """Open the span of a service's call."""
        with self.tracer.start_as_current_span(name, attributes=dict(attributes)) as span:
            yield lambda more: span.set_attributes(dict(more))


def start_traces(*, processor: SpanProcessor, version: str) -> Traces:
    """Open spans from now on, and give those that end to `processor`."""
    active.traces = Traces(processor=processor, version=version)
    trace_with(opener=active.traces.service, note=_note, link=_link)
    return active.traces


def _note(attributes: Mapping[str, Any]) -> None:
    get_current_span().set_attributes(dict(attributes))


def _link(correlation_ids: Iterable[UUID]) -> None:
    for each in correlation_ids:
        get_current_span().add_link(remote(each, span_id=span_id_of(each)))


def stop_traces() -> None:
    """Bring out what is left, and open no more spans."""
    trace_with(opener=None, note=None, link=None)
    if active.traces is not None:
        active.traces.provider.shutdown()
    active.traces = None


def export_traces(*, version: str) -> None:
    """Send spans by OTLP over HTTP to where OTEL_EXPORTER_OTLP_ENDPOINT says, in batches from a thread."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    start_traces(processor=BatchSpanProcessor(OTLPSpanExporter()), version=version)


def span_id_of(correlation_id: UUID) -> int:
    """Return the span id of the request that an id was made for."""
    return correlation_id.int & (1 << 64) - 1


def remote(correlation_id: UUID, *, span_id: int) -> SpanContext:
    """Return a span of another process as this one can point at it."""
    return SpanContext(trace_id=correlation_id.int, span_id=span_id, is_remote=True, trace_flags=SAMPLED)


def name_request(*, span: Any, method: str, route: str, status: int) -> None:
    """Name a request's span, once its route and its answer are known."""
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))


def sending_span(correlation_id: UUID) -> int:
    """Return the span that what is sent now stands under in its trace; the request's where the open one is another."""
    here = get_current_span().get_span_context()
    return here.span_id if here.is_valid and here.trace_id == correlation_id.int else span_id_of(correlation_id)


@contextmanager
def following(*, cause: UUID) -> Iterator[None]:
    """Let what is sent or opened in the block stand under its one cause's request, in that one's trace."""
    parent = NonRecordingSpan(remote(cause, span_id=span_id_of(cause)))
    token = otel_context.attach(set_span_in_context(parent, otel_context.Context()))
    try:
        yield
    finally:
        otel_context.detach(token)
