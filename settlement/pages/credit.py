"""The page of auto-collateralised credit: the lines, what is owed on them, and each credit with its pledges."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_operator_of, answer
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock, directory
from settlement.filters import CreditFilter
from settlement.models import CreditDraw, CreditLine
from settlement.queries.credit import draws_visible_to, read_lines
from settlement.refusals import CreditLineRefused, UnknownCreditLine
from settlement.services.credit_lines import change_credit_line

WAITS = "What would raise or resume it waits for a second person, under Approvals."
DRAW_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.pk),
    ("business_date", lambda row: row.business_date),
    ("at", lambda row: row.at),
    ("participant", lambda row: row.line.account.participant.code),
    ("currency", lambda row: row.line.currency.code),
    ("amount_minor", lambda row: row.amount_minor),
    ("cycle", lambda row: row.cycle_id),
    ("status", lambda row: row.status),
    ("reimbursed_at", lambda row: row.reimbursed_at),
    ("pledged", lambda row: "; ".join(f"{pledge.units} {pledge.security.code}" for pledge in row.pledges.all())),
)


@require_safe
def credit(request: HttpRequest) -> HttpResponseBase:
    """Show the credit lines as they stand, and the credits drawn, the newest first."""
    actor, reading = actor_of(request), business_clock()
    filtered = CreditFilter(request.GET, queryset=draws_visible_to(actor=actor))
    rows = filtered.qs if filtered.is_valid() else CreditDraw.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=DRAW_COLUMNS, name="credits")
    lines = read_lines(actor=actor, business_date=reading.business_date)
    context = {
        "lines": lines,
        "any_overnight": any(line.overnight_minor for line in lines),
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "may_change": actor.is_operator,
    }
    return answer(request, "settlement/credit.html", context)


@require_POST
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a line's limit, or stop or resume it, and go back to the page."""
    actor, reading = acting_operator_of(request), business_clock()

    def act() -> str:
        line = CreditLine.objects.select_related("account__participant", "currency").filter(pk=pk).first()
        if line is None:
            raise UnknownCreditLine
        changed = change_credit_line(
            line_id=pk,
            limit_minor=_limit_of(text=request.POST.get("limit", ""), line=line),
            active=request.POST.get("active") == "on",
            actor=actor,
            at=reading.at,
            business_date=reading.business_date,
        )
        state = "on" if changed.line.active else "stopped: nothing more is drawn, what is owed stays owed"
        said = f"The {line.currency.code} line of {line.account.participant.code} is {state}."
        return said if changed.proposal is None else f"{said} {WAITS}"

    return act_and_return(request, act=act, back=reverse("credit"))


def _limit_of(*, text: str, line: CreditLine) -> int:
    """Return a limit as written, in minor units. Raises CreditLineRefused for what is no amount of the currency."""
    try:
        minor = Decimal(text.replace(",", "").strip()).scaleb(directory().currencies[line.currency_id].digits)
    except InvalidOperation:
        raise CreditLineRefused("Write the limit as an amount.", pointer="/limit") from None
    if not minor.is_finite() or minor != minor.to_integral_value() or not 0 <= minor < 2**62:
        raise CreditLineRefused("Write the limit as an amount.", pointer="/limit")
    return int(minor)
