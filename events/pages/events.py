"""The pages of events: what was published, how far behind it is, dead letters, the registry of schemas."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from events.filters import DeadLetterFilter, EventPageFilter
from events.models import DeadLetter, OutboxFact
from events.queries.outbox import outbox_lag
from events.queries.rates import facts_per_minute
from events.queries.schemas import event_schema, event_schemas
from events.queries.webhooks import subscribable_names
from events.services.replay import MOST_AT_ONCE, replay_dead_letters
from events.services.streams import stream_state
from reference.access import actor_of
from reference.answering import act_and_return, acting_operator_of, answer
from reference.charts import Chart, Series, Tone
from reference.core.actor import Actor
from reference.core.calendar import BUSINESS_ZONE
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.pages.stream import can_stream
from reference.queries import business_clock, directory

TONES: tuple[Tone, ...] = ("accent", "good", "warn", "bad", "idle")
EVENT_COLUMNS: tuple[Column, ...] = (
    ("position", lambda row: row.position),
    ("id", lambda row: row.pk),
    ("name", lambda row: row.name),
    ("version", lambda row: row.version),
    ("key", lambda row: row.key),
    ("payload", lambda row: json.dumps(row.payload)),
    ("recorded_at", lambda row: row.recorded_at),
    ("published_at", lambda row: row.published_at),
    ("correlation_id", lambda row: row.correlation_id),
)
LETTER_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.pk),
    ("consumer", lambda row: row.consumer_id),
    ("event", lambda row: row.event_id),
    ("position", lambda row: row.event.position),
    ("name", lambda row: row.event.name),
    ("state", lambda row: row.state),
    ("reason", lambda row: row.reason),
    ("attempts", lambda row: row.attempts),
    ("first_failed_at", lambda row: row.first_failed_at),
    ("last_failed_at", lambda row: row.last_failed_at),
    ("replayed_at", lambda row: row.replayed_at),
)
OPERATORS_AND_AUDITORS = "Only operators and auditors read these pages; /api/v1/events has what concerns you."
LETTER_VIEWS = {"dead": "Dead", "retrying": "Tried again by itself", "handled": "Handled after all", "all": "All"}
WHY_NONE = {
    "dead": "Every consumer has handled every event it has come to.",
    "retrying": "No consumer is stuck on an event.",
}


def _watcher(request: HttpRequest) -> Actor:
    """Return the operator or auditor who reads. Raises PermissionDenied for a participant."""
    actor = actor_of(request)
    if not actor.sees_all:
        raise PermissionDenied(OPERATORS_AND_AUDITORS)
    return actor


@require_safe
def events(request: HttpRequest) -> HttpResponseBase:
    """List facts, newest first: their place, what they say, and whether they are published; how far behind that is."""
    _watcher(request)
    filtered = EventPageFilter(request.GET, queryset=OutboxFact.objects.all())
    rows = filtered.qs if filtered.is_valid() else OutboxFact.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=EVENT_COLUMNS, name="events")
    lag, stream = outbox_lag(), stream_state()
    if stream is not None:
        stream["behind"] = max(0, lag.last_position - stream["last"])
    cut = cut_page(rows=rows, request=request)
    context = {
        "filter": filtered,
        "cut": cut,
        "rows": described(facts=cut.rows),
        "csv_url": csv_url(request),
        "lag": lag,
        "is_late": lag.oldest_seconds > settings.EVENT_LAG_WARNING_SECONDS,
        "stream": stream,
        "kafka": settings.KAFKA_BROKERS,
        "topic": settings.KAFKA_TOPIC,
        "chart": rate_chart(),
        "streams": tape_address(request),
    }
    return answer(request, "events/events.html", context)


def tape_address(request: HttpRequest) -> str:
    """Return where what the page lists is told as it is published; "" on an older page, or where nothing streams."""
    if not can_stream(request) or {"after", "before"} & set(request.GET):
        return ""
    name = request.GET.get("name", "")
    chosen = "?" + urlencode({"name": name}) if name in subscribable_names() else ""
    return reverse("api-event-stream") + chosen


def described(*, facts: list[OutboxFact]) -> list[dict[str, Any]]:
    """Return each fact with its payload on one line, and whose share of it is how much."""
    participants = directory().participants
    described_ones = []
    for fact in facts:
        shares = []
        for who, share in sorted((fact.shares or {}).items()):
            entry = participants.get(int(who)) if who.isdigit() else None
            count = share.get("count") if isinstance(share, dict) else None
            shares.append((entry.code if entry else "everybody", count if entry else None))
        payload = json.dumps(fact.payload, separators=(", ", ": "))
        described_ones.append({"fact": fact, "payload": payload, "shares": sorted(shares)})
    return described_ones


def rate_chart() -> Chart:
    """Draw the facts of the last half hour by minute."""
    minutes, counts = facts_per_minute(now=timezone.now())
    return Chart(
        key="facts",
        title="Facts recorded a minute",
        labels=[minute.astimezone(BUSINESS_ZONE).strftime("%H:%M") for minute in minutes] if counts else [],
        series=[
            Series(name=name, values=values, kind="bar", tone=tone, stack="facts")
            for (name, values), tone in zip(counts.items(), TONES, strict=False)
        ],
        digits=0,
        label_name="Minute",
        height="short",
    )


@require_safe
def schemas(request: HttpRequest) -> HttpResponseBase:
    """List the published schemas."""
    actor_of(request)
    return answer(request, "events/schemas.html", {"schemas": event_schemas()})


@require_safe
def schema(request: HttpRequest, name: str, version: int) -> HttpResponseBase:
    """Show one published schema."""
    actor_of(request)
    found = event_schema(name=name, version=version)
    context = {
        "schema": found,
        "fields": [
            (field, str(shape.get("type") or json.dumps(shape.get("anyOf", shape))), required)
            for field, shape, required in found.fields
        ],
        "text": json.dumps(found.schema, indent=2, ensure_ascii=False),
        "versions": [entry for entry in event_schemas() if entry.name == name],
    }
    return answer(request, "events/schema.html", context)


def _letters(view: str) -> QuerySet[DeadLetter]:
    letters = DeadLetter.objects.select_related("event")
    if view == "dead":
        return letters.filter(dead_at__isnull=False, replayed_at=None)
    if view == "retrying":
        return letters.filter(dead_at=None, replayed_at=None)
    return letters.filter(replayed_at__isnull=False) if view == "handled" else letters


@require_safe
def dead_letters(request: HttpRequest) -> HttpResponseBase:
    """List what consumers could not handle, newest first."""
    actor = _watcher(request)
    view = request.GET.get("view", "")
    view = view if view in LETTER_VIEWS else "dead"
    filtered = DeadLetterFilter(request.GET, queryset=_letters(view))
    rows = filtered.qs if filtered.is_valid() else DeadLetter.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=LETTER_COLUMNS, name="dead-letters")
    context = {
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "keep": {"view": view},
        "view": view,
        "tabs": [
            {"label": label, "href": f"?view={name}", "current": name == view,
             "count": _letters(name).count() if name in WHY_NONE else ""}
            for name, label in LETTER_VIEWS.items()
        ],
        "why_none": WHY_NONE.get(view, "None matches this view and these filters."),
        "may_replay": actor.is_operator and view == "dead",
        "query": request.GET.urlencode(),
        "most": MOST_AT_ONCE,
    }  # fmt: skip
    return answer(request, "events/dead_letters.html", context)


@require_POST
def replay(request: HttpRequest) -> HttpResponse:
    """Handle one dead letter again, or all that the filters of the page leave."""
    actor, clock = acting_operator_of(request), business_clock()
    one = request.POST.get("letter", "")

    def act() -> str:
        letters = _letters("dead")
        if one:
            letters = letters.filter(pk=int(one) if one.isascii() and one.isdigit() and len(one) < 19 else 0)
        else:
            filtered = DeadLetterFilter(request.GET, queryset=letters)
            letters = filtered.qs if filtered.is_valid() else letters.none()
        ids = list(letters.order_by("event_id").values_list("pk", flat=True)[:MOST_AT_ONCE])
        handled, failed = replay_dead_letters(
            letter_ids=ids, now=timezone.now(), actor=actor, at=clock.at, business_date=clock.business_date
        )
        return f"{handled} handled, {failed} failed again." if failed else f"{handled} handled."

    return act_and_return(request, act=act, back=reverse("dead-letters"))
