"""How much netting takes away, day by day, a date at a time and continuously."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from clearing.queries.netting_by_day import NettingDay, netting_by_day
from reference.access import actor_of
from reference.charts import Chart, Series
from reference.listing import Column, csv_url, stream_csv, wants_csv
from reference.queries import business_clock, directory

DAYS_SHOWN = timedelta(days=35)

COLUMNS: tuple[Column, ...] = (
    ("business_date", lambda row: row.day),
    ("currency", lambda row: row.currency),
    ("gross_minor", lambda row: row.gross_minor),
    ("netted_per_date_minor", lambda row: row.due_minor),
    ("failed_before_minor", lambda row: row.failed_minor),
    ("netted_continuously_minor", lambda row: row.continuous_minor),
)


@require_safe
def efficiency(request: HttpRequest) -> HttpResponseBase:
    """Show value before and after netting by day, and what continuous netting makes of what failed."""
    actor, today = actor_of(request), business_clock().business_date
    days = netting_by_day(actor=actor, since=today - DAYS_SHOWN)
    if wants_csv(request):
        return stream_csv(chunks=[days], columns=COLUMNS, name="netting-by-day")
    groups: dict[str, list[NettingDay]] = {}
    for row in days:
        groups.setdefault(row.currency, []).append(row)
    context = {
        "groups": [
            {"currency": currency, "rows": rows, "chart": _chart(currency=currency, rows=rows)}
            for currency, rows in groups.items()
        ],
        "csv_url": csv_url(request),
    }
    response: HttpResponse = render(request, "clearing/efficiency.html", context)
    return response


def _chart(*, currency: str, rows: list[NettingDay]) -> Chart:
    """Draw what is left to settle a day, either way of netting."""
    scale = 10 ** directory().currencies_by_code[currency].digits
    ordered = rows[::-1]
    return Chart(
        key=f"netting-{currency.lower()}",
        title="Left to settle",
        labels=[row.day.isoformat() for row in ordered],
        unit=currency,
        label_name="Business date",
        series=[
            Series("Due, netted", [row.due_minor / scale for row in ordered], "bar", "accent", stack="date"),
            Series("Failed before", [row.failed_minor / scale for row in ordered], "bar", "bad", stack="date"),
            Series("Both netted continuously", [row.continuous_minor / scale for row in ordered], "line", "good"),
        ],
    )
