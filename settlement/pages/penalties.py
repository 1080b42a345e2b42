"""The page of cash penalties: a month between each two participants, its days, and every penalty."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_operator_of, answer
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock
from settlement.filters import PenaltyFilter
from settlement.models import Penalty
from settlement.queries.penalties import SHOWN, months_with_penalties, penalties_visible_to, read_days, read_month
from settlement.refusals import PenaltiesNotCharged
from settlement.services.charge_penalties import correct_penalties

PENALTY_COLUMNS: tuple[Column, ...] = (
    ("charged", lambda row: row.run.business_date),
    ("kind", lambda row: row.kind),
    ("fail_date", lambda row: row.fail_date),
    ("instruction", lambda row: row.instruction.public_id),
    ("isin", lambda row: row.instruction.security.code),
    ("pays", lambda row: row.failing.code),
    ("is_paid", lambda row: row.suffering.code),
    ("reason", lambda row: row.reason),
    ("category", lambda row: row.category),
    ("quantity", lambda row: row.quantity_units),
    ("price", lambda row: row.price),
    ("bp_per_day", lambda row: row.bp_per_day),
    ("amount_minor", lambda row: row.amount_minor),
    ("currency", lambda row: row.currency.code),
)


@require_safe
def penalties(request: HttpRequest) -> HttpResponseBase:
    """Show a month's penalties: who pays whom on balance and when, day by day, and each penalty."""
    actor, reading = actor_of(request), business_clock()
    months = months_with_penalties()
    month = next((row for row in months if f"{row:%Y-%m}" == request.GET.get("month")), None)
    month = month or (months[0] if months else reading.business_date.replace(day=1))
    filtered = PenaltyFilter(request.GET, queryset=penalties_visible_to(actor=actor).select_related(*SHOWN))
    rows = filtered.qs if filtered.is_valid() else Penalty.objects.none()
    rows = rows.filter(run__business_date__year=month.year, run__business_date__month=month.month)
    if wants_csv(request):
        return stream_query(rows=rows, columns=PENALTY_COLUMNS, name=f"penalties-{month:%Y-%m}")
    context = {
        "months": months,
        "month": read_month(actor=actor, month=month),
        "days": read_days(actor=actor, month=month),
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "may_correct": actor.is_operator,
    }
    return answer(request, "settlement/penalties.html", context)


@require_POST
def correct(request: HttpRequest) -> HttpResponse:
    """Compute a day's penalties anew, and go back to the month."""
    actor, reading = acting_operator_of(request), business_clock()

    def act() -> str:
        try:
            day = date.fromisoformat(request.POST.get("business_date", ""))
        except ValueError:
            raise PenaltiesNotCharged("Name a business date that has penalties.") from None
        run = correct_penalties(
            business_date=day,
            why=request.POST.get("why", "").strip()[:200] or "corrected by the operator",
            actor=actor,
            at=reading.at,
            today=reading.business_date,
        )
        return f"The penalties of {day} are computed anew: version {run.version} counts."

    return act_and_return(request, act=act, back=reverse("penalties"))
