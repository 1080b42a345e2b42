"""The form that adds a compliance rule, kind by kind; what it asks for waits for a second person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from reference.answering import acting_operator_of
from reference.core.actor import Actor
from reference.queries import business_clock, directory
from reference.refusals import Refusal
from trades.models import RuleAction, RuleKind
from trades.models.compliance_rule import PARAMETERS
from trades.pages.compliance import describe_field, read_parameters
from trades.pages.static_forms import FormField, error_of
from trades.queries.clients import get_client
from trades.refusals.compliance import RuleMalformed
from trades.services.compliance.open_rule import NewRule, propose_new_rule


@require_http_methods(["GET", "HEAD", "POST"])
def rule_new(request: HttpRequest) -> HttpResponse:
    """Show the form for a kind of rule, and propose what it asks for."""
    actor, reading = acting_operator_of(request), business_clock()
    kind = request.GET.get("kind", "")
    kind = kind if kind in RuleKind.values else RuleKind.FAT_FINGER.value
    if request.method != "POST":
        return _show(request, kind=kind, values={"valid_from": reading.business_date.isoformat()}, errors={})
    try:
        rule = _read(request.POST, kind=kind, actor=actor, today=reading.business_date)
        propose_new_rule(rule=rule, actor=actor, at=reading.at, business_date=reading.business_date)
    except Refusal as refusal:
        return _show(request, kind=kind, values=request.POST, errors=error_of(refusal))
    messages.success(request, f"{rule.code} stands switched off until another person approves it.")
    return redirect(reverse("compliance-rule", args=[rule.code]))


def _read(posted: Mapping[str, str], *, kind: str, actor: Actor, today: date) -> NewRule:
    """Return the rule that the form asks for. Raises RuleMalformed, and an unknown security, client or participant."""
    told = {name: posted.get(name, "").strip() for name in ("code", "name", "action", "valid_from")}
    named = {name: posted.get(name, "").strip().upper() for name in ("security", "client", "participant")}
    source = directory()
    try:
        first = date.fromisoformat(told["valid_from"]) if told["valid_from"] else today
    except ValueError as error:
        raise RuleMalformed("A day is written 2008-09-15.", pointer="/valid_from") from error
    security = client = participant = None
    if named["security"]:
        known = source.securities_by_symbol.get(named["security"])
        security = (known or source.security(isin=named["security"], pointer="/security")).id
    if named["client"]:
        try:
            client = get_client(actor=actor, code=named["client"], business_date=today).pk
        except Refusal as refusal:
            raise RuleMalformed(refusal.message, pointer="/client") from refusal
    if named["participant"]:
        participant = source.participant(code=named["participant"], pointer="/participant").id
    return NewRule(
        code=told["code"].upper(), name=told["name"], kind=kind, action=told["action"], valid_from=first,
        security_id=security, client_id=client, participant_id=participant,
        parameters=read_parameters(posted, kind=kind),
    )  # fmt: skip


def _show(request: HttpRequest, *, kind: str, values: Mapping[str, Any], errors: Mapping[str, str]) -> HttpResponse:
    """Show the form, with what was filled in and what is wrong with it."""

    def field(name: str, label: str, kind: str = "text", *, required: bool = False, **more: Any) -> FormField:
        described: dict[str, Any] = {"help": "", "max_length": 40, "choices": []} | more
        value = str(values.get(name, ""))
        return FormField(name, label, kind, required, value, errors.get(name, ""), **described)

    parameters = [describe_field(name=name, value=None) for name in PARAMETERS[kind]]
    fields = [
        field("code", "Code", required=True, max_length=30, help="Capitals, digits and hyphens."),
        field("name", "Name", required=True, max_length=120),
        field("action", "Action", "select", choices=list(RuleAction.choices)),
        field("valid_from", "From", "date"),
        *[field(one["name"], one["label"], "decimal", help=one["help"]) for one in parameters],
        field("security", "Only this security", help="ISIN or symbol; empty: all."),
        field("client", "Only this client's orders", help="Its code; empty: everybody's."),
        field("participant", "Only this participant", help="A broker's orders and its own trades; empty: all."),
    ]
    known = {one.name for one in fields}
    context = {
        "action": f"{reverse('compliance-rule-new')}?kind={kind}",
        "fields": fields,
        "form_error": " ".join(text for name, text in errors.items() if name not in known),
        "list_url": reverse("compliance-rules"),
        "tabs": [
            {"label": label, "href": f"?kind={value}", "current": value == kind} for value, label in RuleKind.choices
        ],
    }
    return render(request, "trades/compliance/rule_new.html", context, status=422 if errors else 200)
