"""The page of margin calls: what is open, what was paid; pay one now, withdraw one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from clearing.filters import CallFilter
from clearing.models import MarginCall
from clearing.queries.risk_overview import calls_visible_to, purpose_of, time_left
from clearing.refusals import CollateralRefused
from clearing.services.issue_calls import withdraw_call
from clearing.services.pay_calls import pay_call
from reference.access import actor_of
from reference.answering import act_and_return, acting_actor_of, acting_operator_of, answer
from reference.core.actor import Role
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock, directory

CALL_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.pk),
    ("member", lambda row: row.member.code),
    ("currency", lambda row: row.currency.code),
    ("kind", lambda row: row.kind),
    ("amount_minor", lambda row: row.amount_minor),
    ("paid_minor", lambda row: row.paid_minor),
    ("open_minor", lambda row: row.open_minor),
    ("status", lambda row: row.status),
    ("business_date", lambda row: row.business_date),
    ("called_at", lambda row: row.called_at),
    ("deadline", lambda row: row.deadline),
    ("overdue_at", lambda row: row.overdue_at),
    ("paid_at", lambda row: row.paid_at),
    ("withdrawn_at", lambda row: row.withdrawn_at),
    ("margin_run", lambda row: row.run_id),
)
OPEN = ("ISSUED", "OVERDUE")
NOT_SURE = "Tick that you have checked it: it cannot be taken back."


@require_safe
def calls(request: HttpRequest) -> HttpResponseBase:
    """List margin calls, newest first, with what may be done to the open ones."""
    actor, reading = actor_of(request), business_clock()
    filtered = CallFilter(request.GET, queryset=calls_visible_to(actor=actor))
    rows = filtered.qs if filtered.is_valid() else MarginCall.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=CALL_COLUMNS, name="margin-calls")
    cut = cut_page(rows=rows, request=request)
    context = {
        "filter": filtered,
        "cut": cut,
        "rows": [
            {
                "call": row,
                "left": time_left(call=row, at=reading.at),
                "purpose": purpose_of(kind=row.kind),
                "is_open": row.status in OPEN,
            }
            for row in cut.rows
        ],
        "presets": [
            {"label": "Open", "href": "?status=ISSUED&status=OVERDUE",
             "current": set(request.GET.getlist("status")) == set(OPEN)},
            {"label": "Overdue", "href": "?status=OVERDUE", "current": request.GET.getlist("status") == ["OVERDUE"]},
            {"label": "All", "href": "?", "current": not request.GET.getlist("status")},
        ],
        "csv_url": csv_url(request),
        "may_pay": actor.role is not Role.AUDITOR,
        "may_withdraw": actor.is_operator,
        "participants": sorted(directory().participants.values(), key=lambda entry: entry.code),
    }  # fmt: skip
    return answer(request, "clearing/risk/calls.html", context)


@require_POST
def pay(request: HttpRequest, pk: int) -> HttpResponse:
    """Pay a call now, and go back to the calls."""
    actor, reading = acting_actor_of(request), business_clock()

    def act() -> str:
        _check_sure(request)
        call = pay_call(call_id=pk, actor=actor, at=reading.at, business_date=reading.business_date)
        return f"Call {call.pk} is paid."

    return act_and_return(request, act=act, back=reverse("calls"))


@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Withdraw a call, and go back to the calls."""
    actor, reading = acting_operator_of(request), business_clock()

    def act() -> str:
        _check_sure(request)
        why = request.POST.get("why", "").strip()[:200]
        if not why:
            raise CollateralRefused("Say why the call is withdrawn.", pointer="/why")
        call = withdraw_call(call_id=pk, why=why, actor=actor, at=reading.at, business_date=reading.business_date)
        return f"Call {call.pk} is withdrawn; what was paid of it stays paid."

    return act_and_return(request, act=act, back=reverse("calls"))


def _check_sure(request: HttpRequest) -> None:
    """Raise CollateralRefused where the second confirmation is missing."""
    if request.POST.get("sure") != "on":
        raise CollateralRefused(NOT_SURE, pointer="/sure")
