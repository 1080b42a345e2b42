"""Clients: how much of their limits they use, and one with its form, its orders and its proposals."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from reference.access import actor_of
from reference.answering import answer
from reference.core.actor import Role
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.pages.approvals import proposals_about
from reference.queries import business_clock, directory
from trades.api.client_serializers import ClientSerializer
from trades.core.client_lifecycle import ClientStatus
from trades.filters_clients import ClientFilter
from trades.models import Client
from trades.pages.static_data import change_form
from trades.queries.clients import clients_with_use, get_client
from trades.queries.visible import orders_visible_to

LATEST = 10
COLUMNS: tuple[Column, ...] = (
    ("code", lambda row: row.code),
    ("name", lambda row: row.name),
    ("broker", lambda row: row.broker.code),
    ("settlement_account", lambda row: row.settlement_account.code),
    ("status", lambda row: row.status),
    ("currency", lambda row: row.default_currency.code),
    ("credit_limit_minor", lambda row: row.credit_limit_minor),
    ("credit_used_minor", lambda row: row.credit_used_minor),
    ("daily_limit_minor", lambda row: row.daily_limit_minor),
    ("ordered_today_minor", lambda row: row.ordered_today_minor),
    ("margin_percent", lambda row: row.margin_percent),
    ("short_sale_allowed", lambda row: row.short_sale_allowed),
)


@require_safe
def clients(request: HttpRequest) -> HttpResponseBase:
    """List clients with what they use of their limits."""
    actor, today = actor_of(request), business_clock().business_date
    visible = clients_with_use(actor=actor, business_date=today)
    filtered = ClientFilter(
        request.GET, queryset=visible.select_related("broker", "settlement_account", "default_currency")
    )
    rows = filtered.qs if filtered.is_valid() else Client.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=COLUMNS, name="clients", newest_first=False)
    cut = cut_page(rows=rows, request=request, newest_first=False)
    context = {
        "filter": filtered,
        "cut": cut,
        "rows": [{"client": row, "uses": uses_of(row)} for row in cut.rows],
        "csv_url": csv_url(request),
        "participants": sorted(directory().participants.values(), key=lambda entry: entry.code),
    }
    return answer(request, "trades/clients.html", context)


@require_safe
def client(request: HttpRequest, code: str) -> HttpResponseBase:
    """Show one client: its limits and their use, the form that changes it, its latest orders, its proposals."""
    actor, today = actor_of(request), business_clock().business_date
    found = get_client(actor=actor, code=code, business_date=today)
    written = ClientSerializer(found).data
    context = {
        "client": found,
        "uses": uses_of(found),
        "facts": [
            ("Name", found.name),
            ("Broker", found.broker.code),
            ("Settlement account", found.settlement_account.code),
            ("Currency", found.default_currency.code),
            ("Margin", f"{found.margin_percent} %"),
            ("Short sales", "allowed" if found.short_sale_allowed else "not allowed"),
        ],
        "orders": orders_visible_to(actor=actor)
        .filter(client=found)
        .select_related("security", "currency")
        .order_by("-pk")[:LATEST],
        "rows": proposals_about(subject_type="client", subject_id=found.pk, actor=actor),
        "back": request.get_full_path(),
        "may_change": actor.role is not Role.AUDITOR and found.status != ClientStatus.CLOSED,
        "leave_url": reverse("static-leave", args=["clients", found.code]),
        **change_form(plural="clients", written=written),
    }
    return answer(request, "trades/client.html", context)


def uses_of(client: Any) -> list[dict[str, Any]]:
    """Return what is used of a client's two limits, with its share and how near the limit it is."""
    return [
        {"label": label, "used_minor": used, "limit_minor": limit, **share_of(used=used, limit=limit)}
        for label, used, limit in (
            ("Credit", client.credit_used_minor, client.credit_limit_minor),
            ("Ordered today", client.ordered_today_minor, client.daily_limit_minor),
        )
    ]


def share_of(*, used: int, limit: int) -> dict[str, Any]:
    """Return used of a limit in percent, and the tone of its bar. A limit of nothing is used up by anything."""
    percent = 100 * used / limit if limit else 100.0 * (used > 0)
    return {"percent": percent, "tone": "bad" if percent >= 100 else "warn" if percent >= 80 else "go"}
