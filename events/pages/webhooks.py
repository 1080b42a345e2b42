"""The pages of webhooks: where events are sent and how that fares, each delivery's log, and sending again."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from events.core.webhook_lifecycle import DISABLED_WORDS, DeliveryState, DisabledBecause
from events.filters import DeliveryFilter, WebhookFilter
from events.models import WebhookDelivery, WebhookEndpoint
from events.queries.outbox import facts_of
from events.queries.webhooks import (
    HEALTH_WORDS,
    EndpointFigures,
    Health,
    attempts_per_hour,
    deliveries_of,
    failed_states,
    figures_of,
    get_delivery,
    get_webhook,
    health_of,
    holds,
    in_health,
    subscribable_names,
    webhooks_visible_to,
)
from events.services.manage_webhooks import (
    MOST_SENT_AGAIN,
    change_webhook,
    create_webhook,
    ping_webhook,
    remove_webhook,
    rotate_secret,
    send_again,
    send_range_again,
)
from events.services.send_webhooks import write_body
from reference.access import actor_of
from reference.answering import act_and_return, answer
from reference.api.entry import now
from reference.charts import Chart, Series
from reference.core.actor import Actor
from reference.core.calendar import BUSINESS_ZONE
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import directory
from reference.refusals import Refusal

VIEWS = {"all": "All", "failing": "Need a hand"}
SPANS = {"1": "the last hour", "24": "the last day", "168": "the last week"}
TONES = {Health.OFF: "CANCELLED", Health.OPEN: "OVERDUE", Health.FAILING: "LATE", Health.OK: "OK"}
DELIVERY_TONES = {"PENDING": "WAITING", "DELIVERED": "OK", "FAILED": "FAILED", "CANCELLED": "CANCELLED"}
WEBHOOK_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.public_id),
    ("url", lambda row: row.url),
    ("description", lambda row: row.description),
    ("events", lambda row: " ".join(row.events)),
    ("participant", lambda row: row.participant.code if row.participant else ""),
    ("owner", lambda row: row.owner.get_username()),
    ("health", lambda row: health_of(endpoint=row).value),
    ("failures", lambda row: row.failures),
    ("opened_until", lambda row: row.opened_until),
    ("disabled_because", lambda row: row.disabled_because),
    ("created_at", lambda row: row.created_at),
)
DELIVERY_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.public_id),
    ("event", lambda row: row.event_name),
    ("position", lambda row: row.event.position if row.event else None),
    ("state", lambda row: row.state),
    ("attempts", lambda row: row.attempts),
    ("created_at", lambda row: row.created_at),
    ("next_attempt_at", lambda row: row.next_attempt_at if row.state == DeliveryState.PENDING else None),
    ("ended_at", lambda row: row.ended_at),
)


class WebhookForm(forms.Form):
    """Where events are sent, and which."""

    url = forms.CharField(label="Address", help_text="https://, a public host.", widget=forms.URLInput)
    description = forms.CharField(max_length=120, required=False, label="What it is for")
    events = forms.MultipleChoiceField(required=False, label="Events", help_text="None chosen: all of them.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the events that are recorded now."""
        super().__init__(*args, **kwargs)
        field: Any = self.fields["events"]
        field.choices = [(name, name) for name in subscribable_names()]


@require_safe
def webhooks(request: HttpRequest) -> HttpResponseBase:
    """List endpoints, newest first, with how each fares, and the attempts of the last day."""
    actor, moment = actor_of(request), timezone.now()
    view = request.GET.get("view", "")
    view = view if view in VIEWS else "all"
    visible = webhooks_visible_to(actor=actor).select_related("owner", "participant")
    needy = visible.filter(in_health(health=Health.OPEN) | in_health(health=Health.OFF))
    filtered = WebhookFilter(request.GET, queryset=needy if view == "failing" else visible)
    rows = filtered.qs if filtered.is_valid() else WebhookEndpoint.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=WEBHOOK_COLUMNS, name="webhooks")
    cut = cut_page(rows=rows, request=request)
    figures = figures_of(endpoint_ids=[row.pk for row in cut.rows], now=moment)
    described = [_described(endpoint=row, figures=figures[row.pk], actor=actor) for row in cut.rows]
    worst = list(Health)
    context = {
        "filter": filtered,
        "cut": cut,
        # Of a page, what needs a hand comes first.
        "rows": sorted(described, key=lambda row: worst.index(row["health"])),
        "csv_url": csv_url(request),
        "keep": {"view": view},
        "tabs": [
            {"label": label, "href": f"?view={name}", "current": name == view,
             "count": (visible if name == "all" else needy).count()}
            for name, label in VIEWS.items()
        ],
        "participants": sorted(directory().participants.values(), key=lambda entry: entry.code),
        "chart": health_chart(endpoint_ids=list(rows.values_list("pk", flat=True)[:1_000])),
    }  # fmt: skip
    return answer(request, "events/webhooks.html", context)


def health_chart(*, endpoint_ids: Collection[int]) -> Chart:
    """Draw the attempts of the last day by hour: taken, and failed."""
    hours, taken, failed = attempts_per_hour(endpoint_ids=endpoint_ids, now=timezone.now())
    drawn = any(taken) or any(failed)
    return Chart(
        key="attempts",
        title="Attempts an hour",
        labels=[hour.astimezone(BUSINESS_ZONE).strftime("%H:%M") for hour in hours] if drawn else [],
        series=[
            Series(name="Taken", values=taken, kind="bar", tone="good", stack="attempts"),
            Series(name="Failed", values=failed, kind="bar", tone="bad", stack="attempts"),
        ],
        digits=0,
        label_name="Hour",
        height="short",
    )


@require_http_methods(["GET", "HEAD", "POST"])
def new_webhook(request: HttpRequest) -> HttpResponse:
    """Show the form of a new endpoint; make it, and show its secret."""
    actor = actor_of(request)
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        fields = form.cleaned_data
        try:
            made = create_webhook(
                owner=User.objects.get(username=actor.name), url=fields["url"], description=fields["description"],
                events=fields["events"], actor=actor, **now(),
            )  # fmt: skip
        except Refusal as refusal:
            form.add_error("url" if refusal.pointer == "/url" else None, refusal.message)
        else:
            return _show_secret(request, made=made)
    response = render(request, "events/webhook_new.html", {"form": form})
    response.status_code = 422 if form.errors else 200
    return response


@require_safe
def webhook(request: HttpRequest, public_id: UUID) -> HttpResponseBase:
    """Show an endpoint: how it fares, and the log of its deliveries, newest first."""
    actor = actor_of(request)
    endpoint = get_webhook(actor=actor, public_id=public_id)
    filtered = DeliveryFilter(request.GET, queryset=deliveries_of(endpoint=endpoint))
    rows: QuerySet[WebhookDelivery] = filtered.qs if filtered.is_valid() else WebhookDelivery.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=DELIVERY_COLUMNS, name="deliveries")
    figures = figures_of(endpoint_ids=[endpoint.pk], now=timezone.now())[endpoint.pk]
    context = {
        **_described(endpoint=endpoint, figures=figures, actor=actor),
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "tones": DELIVERY_TONES,
        "csv_url": csv_url(request),
        "chart": health_chart(endpoint_ids=[endpoint.pk]),
        "spans": SPANS,
        "most": MOST_SENT_AGAIN,
    }
    return answer(request, "events/webhook.html", context)


@require_safe
def delivery(request: HttpRequest, public_id: UUID, delivery_id: UUID) -> HttpResponseBase:
    """Show a delivery: what is sent, and what came of each attempt."""
    actor = actor_of(request)
    endpoint = get_webhook(actor=actor, public_id=public_id)
    found = get_delivery(endpoint=endpoint, public_id=delivery_id)
    facts = facts_of(ids=[found.event_id] if found.event_id is not None else [])
    context = {
        **_described(endpoint=endpoint, figures=EndpointFigures(), actor=actor),
        "delivery": found,
        "tone": DELIVERY_TONES[found.state],
        "log": found.log.order_by("-pk"),
        "body": json.dumps(json.loads(write_body(delivery=found, facts=facts)), indent=2, ensure_ascii=False),
    }
    return answer(request, "events/webhook_delivery.html", context)


@require_POST
def change(request: HttpRequest, public_id: UUID, step: str) -> HttpResponseBase:
    """Do something with an endpoint, and go back to it; a new secret is shown."""
    actor, moment = actor_of(request), timezone.now()
    get_webhook(actor=actor, public_id=public_id)
    acting: dict[str, Any] = {"public_id": public_id, "now": moment, "actor": actor, **now()}
    if step == "rotate":
        hours = request.POST.get("grace_hours", "")
        grace = timedelta(hours=int(hours) if hours in {"0", "24", "168"} else 0)
        return _show_secret(request, made=rotate_secret(grace=grace, **acting))

    def act() -> str:
        if step in {"enable", "disable"}:
            change_webhook(changes={"enabled": step == "enable"}, **acting)
            return "It is sent events again, from now on." if step == "enable" else "Nothing more is sent to it."
        if step == "ping":
            ping_webhook(**acting)
            return "A ping is on its way; its outcome appears below."
        if step == "redeliver":
            return _redeliver(request, acting=acting)
        if step == "remove":
            remove_webhook(**acting)
            return "It is removed; nothing more is sent to it."
        raise Http404

    back = reverse("webhooks") if step == "remove" else reverse("webhook", args=[public_id])
    return act_and_return(request, act=act, back=back)


def _redeliver(request: HttpRequest, *, acting: dict[str, Any]) -> str:
    """Send one delivery again, or all that failed in a span of hours."""
    one = request.POST.get("delivery", "")
    if one:
        try:
            delivery_id = UUID(one)
        except ValueError:
            raise Http404 from None
        send_again(delivery_id=delivery_id, **acting)
        return "It is sent again."
    hours = request.POST.get("hours", "")
    since = acting["now"] - timedelta(hours=int(hours) if hours in SPANS else 24)
    count = send_range_again(states=failed_states(), since=since, until=acting["now"], **acting)
    return f"{count} are sent again." if count != 1 else "One is sent again."


def _described(*, endpoint: WebhookEndpoint, figures: EndpointFigures, actor: Actor) -> dict[str, Any]:
    """Return an endpoint with how it fares and what this actor may do with it."""
    health, own = health_of(endpoint=endpoint), holds(actor=actor, endpoint=endpoint)
    return {
        "endpoint": endpoint,
        "figures": figures,
        "health": health,
        "tone_of_health": TONES[health],
        "health_word": HEALTH_WORDS[health],
        "why_off": DISABLED_WORDS[DisabledBecause(endpoint.disabled_because)] if endpoint.disabled_because else "",
        "may_change": own,
        "may_operate": own or actor.is_operator,
    }


def _show_secret(request: HttpRequest, *, made: Any) -> HttpResponse:
    """Show a secret, on this page only."""
    response = render(request, "events/webhook_secret.html", {"made": made})
    response["Cache-Control"] = "no-store"
    return response
