"""The page of best execution: prices, costs, speed and odds by venue, client, security and order."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from reference.access import actor_of
from reference.charts import Chart, Series
from reference.listing import Column, stream_csv, wants_csv
from reference.queries import business_clock
from trades.queries.best_execution import ExecutionQuality, report_execution

SHOWN_GROUPS = {"venue": "By venue", "client": "By client", "security": "By security", "order": "By order"}
HEADINGS = {"venue": "Venue", "client": "Client", "security": "Security", "order": "Order"}
DAYS_BACK = 27
MOST_BARS = 20
COLUMNS: tuple[Column, ...] = tuple(
    (name, lambda row, name=name: getattr(row, name))  # type: ignore[misc]
    for name in (
        "code", "name", "orders", "fills", "value_minor", "passive_share", "slippage_minor", "slippage_bp",
        "improvement_minor", "improvement_bp", "fees_minor", "fees_bp", "all_in_bp", "slices", "fill_ratio",
        "latency_ms", "slow_latency_ms", "refused", "repeated",
    )
)  # fmt: skip


@require_safe
def best_execution(request: HttpRequest) -> HttpResponseBase:
    """Show how well orders were executed over some business days; the CSV holds the same rows."""
    actor, today = actor_of(request), business_clock().business_date
    by = request.GET.get("by", "")
    by = by if by in SHOWN_GROUPS else "venue"
    until = min(read_day(request.GET.get("until"), default=today), today)
    month = date.fromordinal(max(until.toordinal() - DAYS_BACK, 1))
    since = min(read_day(request.GET.get("since"), default=month), until)
    rows = report_execution(actor=actor, by=by, since=since, until=until)
    if wants_csv(request):
        return stream_csv(chunks=[rows], columns=COLUMNS, name=f"best-execution-by-{by}")
    span = {"since": since.isoformat(), "until": until.isoformat()}
    context = {
        "rows": rows,
        "total": next(iter(report_execution(actor=actor, by="all", since=since, until=until)), None),
        "by": by,
        "heading": HEADINGS[by],
        "since": since,
        "until": until,
        "chart": cost_chart(rows=rows[:MOST_BARS], heading=HEADINGS[by]),
        "csv_url": "?" + urlencode({"by": by, **span, "format": "csv"}),
        "tabs": [
            {"label": label, "href": "?" + urlencode({"by": name, **span}), "current": name == by, "count": ""}
            for name, label in SHOWN_GROUPS.items()
        ],
    }
    return render(request, "trades/best_execution.html", context)


def cost_chart(*, rows: Sequence[ExecutionQuality], heading: str) -> Chart:
    """Draw what execution cost: slippage against the middle, and the venues' fees on top."""
    shown = [row for row in rows if row.fills]
    series: list[Any] = [
        Series(name="Slippage", values=[row.slippage_bp for row in shown], kind="bar", tone="accent", stack="cost"),
        Series(name="Fees", values=[row.fees_bp for row in shown], kind="bar", tone="warn", stack="cost"),
    ]
    return Chart(
        key="execution-cost", title="What execution cost, against the middle on arrival",
        labels=[row.code for row in shown], series=series, unit="bp", label_name=heading, digits=2, height="short",
    )  # fmt: skip


def read_day(text: str | None, *, default: date) -> date:
    """Return a date written as 2008-09-15, the default where it is none."""
    try:
        return date.fromisoformat(text or "") if len(text or "") == 10 else default
    except ValueError:
        return default
