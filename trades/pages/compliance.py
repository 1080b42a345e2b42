"""The pages of compliance: alerts, the rules, the restricted list. For operators and auditors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_operator_of, answer
from reference.core.actor import Actor
from reference.core.figures import read_figure, write_figure
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.models import Proposal
from reference.queries import business_clock, directory
from trades.core.alert_lifecycle import AlertStatus
from trades.filters_compliance import AlertFilter, RestrictedFilter
from trades.models import ComplianceAlert, ComplianceRule, RestrictedEntry, RiskWeights, RuleAction, Severity
from trades.models.compliance_rule import PARAMETERS, RANGES
from trades.queries.compliance import (
    alerts_visible_to,
    count_by_rule,
    expect_surveillance,
    figures_of,
    get_alert,
    get_rule,
    order_by_urgency,
    restricted_entries,
    scope_of,
)
from trades.refusals.compliance import RestrictionMalformed, RuleMalformed, UnknownRestriction
from trades.services.compliance.change_rules import LABELS, RULE_KIND, propose_rule
from trades.services.compliance.handle_alerts import step_alerts
from trades.services.compliance.restrict import Restriction, end_restriction, restrict_security

URGENT = 50
ALERT_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.pk),
    ("severity", lambda row: row.severity),
    ("status", lambda row: row.status),
    ("rule", lambda row: row.rule.code),
    ("kind", lambda row: row.rule.kind),
    ("order", lambda row: row.order_id or ""),
    ("trade", lambda row: row.trade.public_id if row.trade else ""),
    ("participant", lambda row: row.participant.code),
    ("isin", lambda row: row.security.code),
    ("words", lambda row: row.words),
    ("figure", lambda row: row.figure),
    ("allowed", lambda row: row.allowed),
    ("at", lambda row: row.at),
    ("business_date", lambda row: row.business_date),
    ("handled_by", lambda row: row.handled_by),
    ("handled_at", lambda row: row.handled_at),
    ("note", lambda row: row.note),
)


@require_safe
def alerts(request: HttpRequest) -> HttpResponseBase:
    """List alerts: the most urgent first, or by filter the newest first; and what each rule found."""
    actor, reading = _watcher(request), business_clock()
    filtered = AlertFilter(request.GET, queryset=alerts_visible_to(actor=actor))
    rows = filtered.qs if filtered.is_valid() else ComplianceAlert.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=ALERT_COLUMNS, name="compliance-alerts")
    chosen = any(value for name, value in request.GET.items() if name in AlertFilter.base_filters)
    by_state = dict(alerts_visible_to(actor=actor).order_by().values_list("status").annotate(Count("pk")))
    open_alerts = alerts_visible_to(actor=actor).filter(status=AlertStatus.OPEN)
    by_severity = dict(open_alerts.order_by().values_list("severity").annotate(Count("pk")))
    context: dict[str, Any] = {
        "filter": filtered,
        "csv_url": csv_url(request),
        "urgent": not chosen and "after" not in request.GET and "before" not in request.GET,
        "rules": count_by_rule(business_date=reading.business_date),
        "states": {state.value: by_state.get(state.value, 0) for state in AlertStatus},
        "severities": [(label, by_severity.get(value, 0), value) for value, label in Severity.choices][::-1],
        "weighted": RiskWeights.objects.filter(valid_from__lte=reading.business_date).exists(),
        "today": reading.business_date,
        "presets": _presets(request, today=reading.business_date),
    }
    if context["urgent"]:
        context["rows"] = list(order_by_urgency(alerts=rows)[:URGENT])
    else:
        context["cut"] = cut_page(rows=rows, request=request)
        context["rows"] = context["cut"].rows
    return answer(request, "trades/compliance/alerts.html", context)


@require_POST
def step_alert(request: HttpRequest, pk: int) -> HttpResponse:
    """Acknowledge an alert or close it, with a note."""
    actor, reading = acting_operator_of(request), business_clock()
    alert = get_alert(actor=actor, pk=pk)
    status = AlertStatus.CLOSED if "close" in request.POST else AlertStatus.ACKNOWLEDGED

    def act() -> str:
        step_alerts(
            alert_ids=[alert.pk], status=status, note=request.POST.get("note", ""), actor=actor, at=reading.at,
            business_date=reading.business_date,
        )  # fmt: skip
        return f"Alert {alert.pk} is {status.lower()}."

    return act_and_return(request, act=act, back=reverse("compliance"))


@require_safe
def rules(request: HttpRequest) -> HttpResponseBase:
    """Show every rule, its figures, and what it found today."""
    actor, reading = _watcher(request), business_clock()
    context = {
        "rules": count_by_rule(business_date=reading.business_date),
        "weights": RiskWeights.objects.filter(valid_from__lte=reading.business_date).first(),
        "may_change": actor.is_operator,
        "proposed": Proposal.objects.filter(kind=RULE_KIND, status="PROPOSED").count(),
    }
    return answer(request, "trades/compliance/rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: HttpRequest, code: str) -> HttpResponseBase:
    """Show one rule; a change of it waits for a second person."""
    actor, found, reading = _watcher(request), get_rule(code=code), business_clock()
    if request.method == "POST":
        operator = acting_operator_of(request)

        def act() -> str:
            propose_rule(
                rule_id=found.pk, changes=_read_changes(request, rule=found), actor=operator, at=reading.at,
                business_date=reading.business_date,
            )  # fmt: skip
            return f"The change of {found.code} waits for another person to approve it."

        return act_and_return(request, act=act, back=reverse("compliance-rule", args=[code]))
    context = {
        "rule": found,
        "figures": figures_of(rule=found),
        "scope": scope_of(rule=found),
        "fields": [describe_field(name=name, value=getattr(found, name)) for name in PARAMETERS[found.kind]],
        "actions": RuleAction.choices,
        "may_change": actor.is_operator,
        "proposal": Proposal.objects.filter(
            kind=RULE_KIND, subject_id=found.pk, subject_type="compliance-rule", status="PROPOSED"
        ).first(),
    }
    return answer(request, "trades/compliance/rule.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def restricted(request: HttpRequest) -> HttpResponseBase:
    """Show the restricted list, and put a security on it."""
    actor, reading = _watcher(request), business_clock()
    if request.method == "POST":
        operator = acting_operator_of(request)

        def act() -> str:
            entry = restrict_security(
                restriction=_read_restriction(request, today=reading.business_date), actor=operator, at=reading.at,
                business_date=reading.business_date,
            )  # fmt: skip
            return f"{entry.security} is on the restricted list from {entry.valid_from}."

        return act_and_return(request, act=act, back=reverse("restricted"))
    filtered = RestrictedFilter(request.GET, queryset=restricted_entries(actor=actor))
    rows: QuerySet[RestrictedEntry] = filtered.qs if filtered.is_valid() else RestrictedEntry.objects.none()
    source = directory()
    context = {
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "today": reading.business_date,
        "may_change": actor.is_operator,
        "participants": sorted(source.participants.values(), key=lambda entry: entry.code),
        "securities": sorted(source.securities.values(), key=lambda entry: entry.symbol),
    }
    return answer(request, "trades/compliance/restricted.html", context)


@require_POST
def end_restricted(request: HttpRequest, pk: int) -> HttpResponse:
    """End an entry of the restricted list."""
    actor, reading = acting_operator_of(request), business_clock()
    if not restricted_entries(actor=actor).filter(pk=pk).exists():
        raise UnknownRestriction

    def act() -> str:
        entry = end_restriction(entry_id=pk, actor=actor, at=reading.at, business_date=reading.business_date)
        return f"The restriction of {entry.security} ends on {entry.valid_to}."

    return act_and_return(request, act=act, back=reverse("restricted"))


def _watcher(request: HttpRequest) -> Actor:
    """Return the actor. Raises PermissionDenied for a participant."""
    actor = actor_of(request)
    expect_surveillance(actor=actor)
    return actor


def _presets(request: HttpRequest, *, today: date) -> list[dict[str, Any]]:
    """Return the views that are one click away."""
    views = (
        ("Most urgent", ""), ("Open", "status=OPEN"), ("High", "status=OPEN&severity=HIGH"),
        ("Orders", "subject=ORDER"), ("Found today", f"business_date_from={today}&business_date_to={today}"),
    )  # fmt: skip
    now = "&".join(f"{name}={value}" for name, value in request.GET.items() if name not in ("after", "before"))
    return [{"label": label, "href": f"?{query}", "current": query == now} for label, query in views]


def describe_field(*, name: str, value: int | None) -> dict[str, Any]:
    """Return a parameter as a form shows it; amounts in EUR."""
    least, most = RANGES[name]
    places, scale = (2, 100) if name.endswith("_minor") else (0, 1)

    def write(figure: int) -> str:
        return write_figure(value=Decimal(figure) / scale, places=places)

    shown = None if value is None else write(value)
    return {"name": name, "label": LABELS[name], "value": shown, "help": f"{write(least)} to {write(most)}, or empty."}


def _read_changes(request: HttpRequest, *, rule: ComplianceRule) -> dict[str, Any]:
    """Return what the form asks for. Raises RuleMalformed."""
    given = {"action": request.POST.get("action", ""), "active": "active" in request.POST}
    return given | read_parameters(request.POST, kind=rule.kind)


def read_parameters(posted: Mapping[str, str], *, kind: str) -> dict[str, int | None]:
    """Return the parameters of a kind of rule that a form gives, amounts in cents. Raises RuleMalformed."""
    found: dict[str, int | None] = {}
    for name in PARAMETERS[kind]:
        text = posted.get(name, "").strip()
        figure = read_figure(text=text)
        amount = None if figure is None else figure * (100 if name.endswith("_minor") else 1)
        if text and (amount is None or amount != int(amount)):
            raise RuleMalformed(f"{LABELS[name]} is a whole number.", pointer=f"/{name}")
        found[name] = None if amount is None else int(amount)
    return found


def _read_restriction(request: HttpRequest, *, today: date) -> Restriction:
    """Return the entry that the form asks for. Raises UnknownSecurity, UnknownParticipant, RestrictionMalformed."""
    source = directory()
    text, code = request.POST.get("security", "").strip(), request.POST.get("participant", "").strip().upper()
    known = source.securities_by_symbol.get(text.upper()) or source.security(isin=text.upper(), pointer="/security")
    try:
        first, last = (
            date.fromisoformat(value) if (value := request.POST.get(name, "").strip()) else None
            for name in ("valid_from", "valid_to")
        )
    except ValueError as error:
        raise RestrictionMalformed("A day is written 2008-09-15.", pointer="/valid_from") from error
    return Restriction(
        security_id=known.id, participant_id=source.participant(code=code, pointer="/participant").id if code else None,
        reason=request.POST.get("reason", ""), valid_from=first or today, valid_to=last,
    )  # fmt: skip
