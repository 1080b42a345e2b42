"""The pages of corporate actions: the list, the form that announces one, and one with who is entitled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_operator_of, answer
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock, directory
from reference.refusals import Refusal
from settlement.api.corporate_serializers import CorporateActionEntrySerializer, resolve_action
from settlement.core.corporate_actions import CorporateActionKind
from settlement.filters import CorporateActionFilter
from settlement.models import CorporateAction
from settlement.queries.corporate_actions import (
    actions_with_totals,
    claim_instructions,
    claims_visible_to,
    entitlements_visible_to,
    get_corporate_action,
)
from settlement.services.announce_corporate_action import announce_corporate_action, cancel_corporate_action

ACTION_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.pk),
    ("kind", lambda row: row.kind),
    ("isin", lambda row: row.security.code),
    ("terms", lambda row: row.terms),
    ("ex_date", lambda row: row.ex_date),
    ("record_date", lambda row: row.record_date),
    ("payment_date", lambda row: row.payment_date),
    ("status", lambda row: row.status),
    ("holders", lambda row: row.holders or 0),
    ("total", lambda row: row.total or 0),
    ("currency", lambda row: row.currency.code if row.currency else ""),
    ("claims", lambda row: row.claimed or 0),
)
ENTITLEMENT_COLUMNS: tuple[Column, ...] = (
    ("account", lambda row: row.account.code),
    ("participant", lambda row: row.account.participant.code),
    ("holding", lambda row: row.holding_units),
    ("amount", lambda row: row.amount),
)
CLAIM_COLUMNS: tuple[Column, ...] = (
    ("instruction", lambda row: row.instruction.public_id),
    ("owes", lambda row: row.instruction.deliverer_account.code),
    ("is_owed", lambda row: row.instruction.receiver_account.code),
    ("quantity", lambda row: row.quantity_units),
    ("amount", lambda row: row.amount),
    ("detected", lambda row: row.business_date),
)


@require_safe
def corporate_actions(request: HttpRequest) -> HttpResponseBase:
    """List the corporate actions, newest first, with what of each is the actor's."""
    actor = actor_of(request)
    filtered = CorporateActionFilter(request.GET, queryset=actions_with_totals(actor=actor))
    rows = filtered.qs if filtered.is_valid() else CorporateAction.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=ACTION_COLUMNS, name="corporate-actions")
    context = {
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "may_announce": actor.is_operator,
    }
    return answer(request, "settlement/corporate_actions.html", context)


@require_safe
def corporate_action(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show one corporate action: its terms and dates, who is entitled to what, and the market claims."""
    actor = actor_of(request)
    action = get_corporate_action(actor=actor, pk=pk)
    entitlements = entitlements_visible_to(actor=actor).filter(action=action)
    claims = claims_visible_to(actor=actor).filter(action=action)
    shown = "claims" if request.GET.get("show") == "claims" else "entitlements"
    if wants_csv(request):
        if shown == "claims":
            return stream_query(rows=claims, columns=CLAIM_COLUMNS, name=f"claims-{pk}")
        return stream_query(rows=entitlements, columns=ENTITLEMENT_COLUMNS, name=f"entitlements-{pk}")
    claim_cut = cut_page(rows=claims, request=request)
    settling = claim_instructions(claims=claim_cut.rows)
    context = {
        "action": action,
        "shown": shown,
        "cut": claim_cut if shown == "claims" else cut_page(rows=entitlements, request=request),
        "claims": [(row, settling.get(row.pk)) for row in claim_cut.rows],
        "csv_url": csv_url(request),
        "may_cancel": actor.is_operator and action.status == "ANNOUNCED",
        "tabs": [
            {"label": "Entitlements", "href": "?show=entitlements", "current": shown == "entitlements",
             "count": entitlements.count()},
            {"label": "Market claims", "href": "?show=claims", "current": shown == "claims",
             "count": claims.count()},
        ],
    }  # fmt: skip
    return answer(request, "settlement/corporate_action.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def announce(request: HttpRequest) -> HttpResponse:
    """Show the form that announces a corporate action, and announce it."""
    actor = acting_operator_of(request)
    if request.method != "POST":
        return _show_form(request, values=request.GET, errors={})
    known = set(CorporateActionEntrySerializer().fields)
    filled = {name: str(text).strip() for name, text in request.POST.items() if name in known and str(text).strip()}
    entry = CorporateActionEntrySerializer(data=filled)
    if not entry.is_valid():
        errors = {name: " ".join(str(text) for text in texts) for name, texts in entry.errors.items()}
        return _show_form(request, values=request.POST, errors=errors)
    reading = business_clock()
    try:
        action = announce_corporate_action(
            announced=resolve_action(fields=entry.validated_data),
            actor=actor,
            at=reading.at,
            business_date=reading.business_date,
        )
    except Refusal as refusal:
        field = (refusal.pointer or "/").strip("/")
        return _show_form(request, values=request.POST, errors={field: refusal.message})
    return redirect("corporate-action", pk=action.pk)


def _show_form(request: HttpRequest, *, values: Mapping[str, Any], errors: Mapping[str, str]) -> HttpResponse:
    """Show the form with what was filled in and what is wrong with it."""
    source = directory()
    context = {
        "values": {name: values.get(name, "") for name in values},
        "errors": errors,
        "form_error": errors.get("") or errors.get("non_field_errors", ""),
        "today": business_clock().business_date,
        "kinds": [(kind.value, kind.title()) for kind in CorporateActionKind],
        "securities": sorted(source.securities.values(), key=lambda entry: entry.symbol),
        "currencies": sorted(source.currencies_by_code),
    }
    return render(request, "settlement/corporate_entry.html", context, status=422 if errors else 200)


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel an announced corporate action, and go back to it."""
    actor, reading = acting_operator_of(request), business_clock()
    get_corporate_action(actor=actor, pk=pk)

    def act() -> str:
        cancel_corporate_action(action_pk=pk, actor=actor, at=reading.at, business_date=reading.business_date)
        return "The corporate action is cancelled: nobody is entitled to anything."

    return act_and_return(request, act=act, back=reverse("corporate-action", kwargs={"pk": pk}))
