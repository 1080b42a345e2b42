"""Where members stand with the CCP: the overview, failures first, and the margin statement of a day."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from clearing.api.collateral_serializers import MarginStatementSerializer
from clearing.queries.collateral import last_run
from clearing.queries.margin_statement import read_statement
from clearing.queries.membership import get_membership, memberships_visible_to
from clearing.queries.risk_overview import purpose_of, read_overview, time_left
from reference.access import actor_of
from reference.answering import answer
from reference.listing import Column, csv_url, stream_csv, wants_csv
from reference.queries import business_clock, directory

SEGMENT_COLUMNS: tuple[Column, ...] = (
    ("member", lambda row: row.member.code),
    ("group", lambda row: row.group),
    ("status", lambda row: row.status),
    ("currency", lambda row: row.currency.code),
    ("margin_required_minor", lambda row: row.margin_minor),
    ("cash_minor", lambda row: row.pool.cash_minor),
    ("securities_minor", lambda row: row.pool.securities_minor),
    ("collateral_minor", lambda row: row.value_minor),
    ("balance_minor", lambda row: row.balance_minor),
    ("called_minor", lambda row: row.called_minor),
    ("overdue_minor", lambda row: row.overdue_minor),
    ("free_cash_minor", lambda row: row.free_cash_minor),
    ("default_fund_minor", lambda row: row.fund_minor),
)
STATEMENT_COLUMNS: tuple[Column, ...] = (
    ("section", lambda row: row.section),
    ("currency", lambda row: row.currency),
    ("item", lambda row: row.item),
    ("quantity", lambda row: row.quantity),
    ("amount_minor", lambda row: row.amount_minor),
)


@require_safe
def risk(request: HttpRequest) -> HttpResponseBase:
    """Show each member and segment: what is required, put up, called and contributed, and what to do next."""
    actor, reading = actor_of(request), business_clock()
    found = read_overview(actor=actor, business_date=reading.business_date)
    if wants_csv(request):
        return stream_csv(chunks=[found.segments], columns=SEGMENT_COLUMNS, name="risk")
    currencies = sorted({row.currency.code for row in found.segments})
    own = directory().participants.get(actor.participant_id) if actor.participant_id else None
    through = directory().participants.get(own.clearing_member_id or 0) if own else None
    context = {
        "found": found,
        "today": reading.business_date,
        "calls": [
            {"call": call, "left": time_left(call=call, at=reading.at), "purpose": purpose_of(kind=call.kind)}
            for call in found.calls
        ],
        "totals": [
            {
                "currency": code,
                "margin_minor": sum(row.margin_minor for row in found.segments if row.currency.code == code),
                "value_minor": sum(row.value_minor for row in found.segments if row.currency.code == code),
                "called_minor": sum(row.called_minor for row in found.segments if row.currency.code == code),
                "fund_minor": sum(row.fund_minor for row in found.segments if row.currency.code == code),
                "short": sum(row.balance_minor < 0 for row in found.segments if row.currency.code == code),
            }
            for code in currencies
        ],
        "csv_url": csv_url(request),
        "clears_through": through if own and through and through.id != own.id else None,
    }
    return answer(request, "clearing/risk/overview.html", context)


@require_safe
def statement(request: HttpRequest) -> HttpResponseBase:
    """Show a member's margin statement of a business date, or answer it as CSV or JSON. Raises UnknownMembership."""
    actor, reading = actor_of(request), business_clock()
    members = list(memberships_visible_to(actor=actor))
    code = request.GET.get("member", "")[:12].upper() or (members[0].member.code if members else "")
    membership = get_membership(actor=actor, code=code)
    day = parse_date(request.GET.get("business_date", ""))
    if day is None:
        run = last_run()
        day = reading.business_date if run is None else run.business_date
    found = read_statement(membership=membership, business_date=day)
    name = f"margin-statement-{code}-{day}"
    if wants_csv(request):
        return stream_csv(chunks=[found.lines], columns=STATEMENT_COLUMNS, name=name)
    if request.GET.get("format") == "json":
        response = JsonResponse(MarginStatementSerializer(found).data)
        response["Content-Disposition"] = f'attachment; filename="{name}.json"'
        return response
    where = {"member": code, "business_date": day.isoformat()}
    context = {
        "found": found,
        "today": reading.business_date,
        "members": [row.member.code for row in members],
        "csv_url": "?" + urlencode({**where, "format": "csv"}),
        "json_url": "?" + urlencode({**where, "format": "json"}),
    }
    return render(request, "clearing/risk/statement.html", context)


def parse_date(text: str) -> date | None:
    """Return a date as written in an address; None for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
