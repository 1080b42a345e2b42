"""The pages of the market: the tape of all securities, one security's day and history, and an operator's upload."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from rest_framework.exceptions import ParseError

from reference.access import actor_of
from reference.answering import acting_operator_of, answer
from reference.api.parsers import read_text
from reference.charts import Chart, Series
from reference.core.calendar import BUSINESS_ZONE
from reference.core.directory import SecurityEntry
from reference.listing import Column, csv_url, stream_csv, wants_csv
from reference.market_data import exchange_rates
from reference.market_filters import TapeFilter
from reference.market_ingest import ingest_market_data, read_csv
from reference.market_lines import LINE_KINDS, MarketLineMalformed
from reference.market_queries import (
    SPARK_HEIGHT,
    SPARK_WIDTH,
    DayQuote,
    PricePeriod,
    listed_securities,
    read_day,
    read_history,
    read_tape,
)
from reference.models import Security
from reference.pages.stream import can_stream
from reference.queries import business_clock, directory
from reference.quote_store import last_on_tape

TAPE_COLUMNS: tuple[Column, ...] = (
    ("isin", lambda row: row.security.isin),
    ("symbol", lambda row: row.security.symbol),
    ("currency", lambda row: row.security.currency.code),
    ("at", lambda row: row.quote.at if row.quote else ""),
    ("bid", lambda row: row.quote.bid if row.quote else ""),
    ("ask", lambda row: row.quote.ask if row.quote else ""),
    ("last", lambda row: row.quote.last if row.quote else ""),
    ("bid_units", lambda row: row.quote.bid_units if row.quote else ""),
    ("ask_units", lambda row: row.quote.ask_units if row.quote else ""),
    ("previous_close", lambda row: row.previous_close if row.previous_close is not None else ""),
)
HISTORY_COLUMNS: tuple[Column, ...] = (
    ("date", lambda row: row.date),
    ("open", lambda row: row.open),
    ("high", lambda row: row.high),
    ("low", lambda row: row.low),
    ("close", lambda row: row.close),
    ("volume", lambda row: row.volume),
)
# In the address -> label, days back; None: all there is, by month.
RANGES: Final[dict[str, tuple[str, int | None]]] = {
    "1m": ("1 month", 31),
    "3m": ("3 months", 92),
    "1y": ("1 year", 365),
    "all": ("All, by month", None),
}
DEFAULT_RANGE: Final = "3m"
MOST_REFUSED_SHOWN: Final = 100


@require_safe
def market(request: HttpRequest) -> HttpResponseBase:
    """Show the tape: every active security with bid, ask, last, change, sizes and today's line."""
    actor, clock = actor_of(request), business_clock()
    # Read before the quotes: what comes in between is sent by the stream, once more at worst.
    after = last_on_tape()
    filtered = TapeFilter(request.GET, queryset=Security.objects.filter(active=True))
    kept = set(filtered.qs.values_list("pk", flat=True)) if filtered.is_valid() else set()
    rows = read_tape(
        securities=[entry for entry in listed_securities() if entry.id in kept], business_date=clock.business_date
    )
    if wants_csv(request):
        return stream_csv(chunks=[rows], columns=TAPE_COLUMNS, name="quotes")
    rates = exchange_rates(on=clock.business_date)
    currencies = directory().currencies
    context = {
        "rows": rows,
        "filter": filtered,
        "after": after,
        "streams": can_stream(request),
        "csv_url": csv_url(request),
        "spark_box": f"0 0 {SPARK_WIDTH} {SPARK_HEIGHT}",
        "rates": [(currencies[key].code, value) for key, value in rates.items() if value != 1],
        "may_upload": actor.is_operator,
        "kinds": [(kind, kind.replace("-", " ")) for kind in LINE_KINDS],
    }
    return answer(request, "reference/market.html", context)


@require_safe
def market_security(request: HttpRequest, isin: str) -> HttpResponseBase:
    """Show one security: its last quote, today's line, and its daily prices up to yesterday."""
    actor_of(request)
    clock = business_clock()
    security = directory().securities_by_isin.get(isin)
    if security is None:
        raise Http404("There is no such security.")
    chosen = request.GET.get("range", DEFAULT_RANGE)
    label, days = RANGES.get(chosen, RANGES[DEFAULT_RANGE])
    today = clock.business_date
    periods = read_history(
        security_id=security.id,
        since=today - timedelta(days=days) if days else date.min,
        before=today,
        by_month=days is None,
    )
    if wants_csv(request):
        return stream_csv(chunks=[periods], columns=HISTORY_COLUMNS, name=f"prices-{security.symbol}")
    quotes = read_day(security_ids=[security.id], business_date=today).get(security.id, [])
    context: dict[str, Any] = {
        "row": read_tape(securities=[security], business_date=today)[0],
        "security": security,
        "today": quotes,
        "low": min((quote.last for quote in quotes), default=None),
        "high": max((quote.last for quote in quotes), default=None),
        "traded_units": sum(quote.last_units for quote in quotes),
        "after": last_on_tape(),
        "streams": can_stream(request),
        "day_chart": day_chart(security=security, quotes=quotes),
        "charts": history_charts(security=security, periods=periods, label=label),
        "ranges": [
            {"label": text, "href": f"?range={key}", "current": (text == label)} for key, (text, _) in RANGES.items()
        ],
        "csv_url": csv_url(request),
    }
    return answer(request, "reference/market_security.html", context)


@require_POST
def market_upload(request: HttpRequest) -> HttpResponse:
    """Take in a CSV file of an operator's and show what became of its lines."""
    actor = acting_operator_of(request)
    kind = request.POST.get("kind", "")
    file = request.FILES.get("file")
    if kind not in LINE_KINDS or file is None:
        raise MarketLineMalformed("Choose what the file holds, and the file.")
    try:
        text = read_text(file)
    except ParseError as error:
        raise MarketLineMalformed(str(error.detail)) from error
    except RequestDataTooBig as error:
        raise MarketLineMalformed("The file is larger than is read at once. Send it in parts.") from error
    outcome = ingest_market_data(kind=kind, lines=read_csv(text), source="FILE", at=business_clock().at, actor=actor)
    context = {
        "kind": kind.replace("-", " "),
        "name": file.name,
        "outcome": outcome,
        "shown": outcome.refused[:MOST_REFUSED_SHOWN],
        "back": reverse("market"),
    }
    return render(request, "reference/market_upload.html", context)


def day_chart(*, security: SecurityEntry, quotes: list[DayQuote]) -> Chart:
    """Draw a day's quotes."""
    return Chart(
        key="day",
        title="Today",
        unit=_unit(security),
        digits=min(security.price_digits, 4),
        label_name="Time",
        labels=[f"{quote.at.astimezone(BUSINESS_ZONE):%H:%M}" for quote in quotes],
        series=[
            Series("Bid", [float(quote.bid) for quote in quotes], tone="idle"),
            Series("Ask", [float(quote.ask) for quote in quotes], tone="idle"),
            Series("Last", [float(quote.last) for quote in quotes]),
        ],
        from_zero=False,
    )


def history_charts(*, security: SecurityEntry, periods: list[PricePeriod], label: str) -> list[Chart]:
    """Draw each period's close between its high and low, and the volumes."""
    labels = [f"{period.date:%d %b %Y}" for period in periods]
    return [
        Chart(
            key="prices",
            title=f"Close, high and low: {label[0].lower()}{label[1:]}",
            unit=_unit(security),
            digits=min(security.price_digits, 4),
            labels=labels,
            series=[
                Series("High", [float(period.high) for period in periods], tone="idle"),
                Series("Low", [float(period.low) for period in periods], tone="idle"),
                Series("Close", [float(period.close) for period in periods]),
            ],
            from_zero=False,
        ),
        Chart(
            key="volume",
            title="Volume",
            unit="units",
            digits=0,
            labels=labels,
            series=[Series("Volume", [float(period.volume) for period in periods], kind="bar")],
            height="short",
        ),
    ]


def _unit(security: SecurityEntry) -> str:
    return "% of nominal" if security.percent else security.currency.code
