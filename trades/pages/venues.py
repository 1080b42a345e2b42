"""The pages of the venues: all of them, one with its books, one book with its depth and its tape."""

from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from reference.access import actor_of
from reference.answering import answer
from reference.charts import Chart, Series
from reference.listing import Column, csv_url, stream_csv, stream_query, wants_csv
from reference.queries import business_clock
from reference.refusals import Refusal
from trades.models import VenueExecution
from trades.queries.venues import (
    BookDetail,
    VenueStanding,
    describe_tape,
    get_book,
    get_venue,
    view_book,
    view_books,
    view_venues,
)

VENUE_COLUMNS: tuple[Column, ...] = (
    ("mic", lambda row: row.venue.mic),
    ("name", lambda row: row.venue.name),
    ("market_maker", lambda row: row.venue.market_maker.code),
    ("open", lambda row: row.open),
    ("opens_at", lambda row: row.venue.opens_at.isoformat("minutes")),
    ("closes_at", lambda row: row.venue.closes_at.isoformat("minutes")),
    ("circuit_breaker", lambda row: row.breaker),
    ("books", lambda row: row.books),
    ("quoted_books", lambda row: row.quoted_books),
    ("standing_orders", lambda row: row.standing_orders),
    ("executions_today", lambda row: row.executions),
    ("units_today", lambda row: row.units),
    ("value_today_minor", lambda row: " ".join(f"{code}:{minor}" for code, minor in row.value_minor.items())),
    ("fill_ratio", lambda row: row.fill_ratio),
    ("latency_ms", lambda row: row.latency_ms),
    ("maker_ppm", lambda row: row.venue.maker_ppm),
    ("taker_ppm", lambda row: row.venue.taker_ppm),
    ("minimum_fee_minor", lambda row: row.venue.minimum_fee_minor),
)
BOOK_COLUMNS: tuple[Column, ...] = (
    ("isin", lambda row: row.security.isin),
    ("symbol", lambda row: row.security.symbol),
    ("currency", lambda row: row.security.currency.code),
    ("tick", lambda row: row.row.tick),
    ("bid", lambda row: row.bid),
    ("offer", lambda row: row.offer),
    ("spread_bp", lambda row: row.spread_bp),
    ("last", lambda row: row.last),
    ("standing_orders", lambda row: row.row.standing_orders),
    ("executions_today", lambda row: row.executions),
    ("units_today", lambda row: row.units),
    ("value_today_minor", lambda row: row.value_minor),
)


@require_safe
def venues(request: HttpRequest) -> HttpResponseBase:
    """Show where orders can go: hours, breakers, volume, quality, fees."""
    actor_of(request)
    clock = business_clock()
    rows = view_venues(at=clock.at, business_date=clock.business_date)
    if wants_csv(request):
        return stream_csv(chunks=[rows], columns=VENUE_COLUMNS, name="venues")
    context: dict[str, Any] = {
        "rows": rows,
        "charts": _value_charts(rows),
        "csv_url": csv_url(request),
        "today": clock.business_date,
    }
    return answer(request, "trades/venues.html", context)


@require_safe
def venue(request: HttpRequest, mic: str) -> HttpResponseBase:
    """Show one venue and its books."""
    actor_of(request)
    clock = business_clock()
    try:
        row = get_venue(mic=mic)
    except Refusal as refusal:
        raise Http404(refusal.message) from refusal
    books = view_books(venue=row, business_date=clock.business_date)
    if wants_csv(request):
        return stream_csv(chunks=[books], columns=BOOK_COLUMNS, name=f"books-{mic}")
    standings = view_venues(at=clock.at, business_date=clock.business_date)
    context: dict[str, Any] = {
        "standing": next(entry for entry in standings if entry.venue.pk == row.pk),
        "books": books,
        "csv_url": csv_url(request),
    }
    return answer(request, "trades/venue.html", context)


@require_safe
def book(request: HttpRequest, mic: str, isin: str) -> HttpResponseBase:
    """Show one book: its depth, its levels, what it executed last."""
    actor, clock = actor_of(request), business_clock()
    try:
        if wants_csv(request):
            return _stream_tape(request, mic=mic, isin=isin)
        found = view_book(actor=actor, mic=mic, isin=isin, business_date=clock.business_date)
    except Refusal as refusal:
        raise Http404(refusal.message) from refusal
    rungs = max(len(found.bids), len(found.offers))
    context: dict[str, Any] = {
        "book": found,
        "rungs": [
            (found.bids[place] if place < len(found.bids) else None,
             found.offers[place] if place < len(found.offers) else None)
            for place in range(rungs)
        ],
        "chart": _depth_chart(found),
        "named": actor.sees_all or any(row.buyer or row.seller for row in found.tape),
        "csv_url": csv_url(request),
    }  # fmt: skip
    return answer(request, "trades/venue_book.html", context)


def _stream_tape(request: HttpRequest, *, mic: str, isin: str) -> HttpResponseBase:
    """Answer with the whole tape of a book as CSV."""
    actor, row = actor_of(request), get_book(mic=mic, isin=isin)

    def seen(execution: VenueExecution) -> Any:
        return describe_tape(actor=actor, rows=[execution], tick=row.tick)[0]

    columns: tuple[Column, ...] = (
        ("number", lambda execution: execution.number),
        ("at", lambda execution: execution.at),
        ("business_date", lambda execution: execution.business_date),
        ("price", lambda execution: execution.price_ticks * row.tick),
        ("quantity", lambda execution: execution.quantity_units),
        ("aggressor", lambda execution: execution.taker_side),
        ("buyer", lambda execution: seen(execution).buyer),
        ("seller", lambda execution: seen(execution).seller),
    )
    return stream_query(rows=VenueExecution.objects.filter(book=row), columns=columns, name=f"tape-{mic}-{isin}")


def _value_charts(rows: list[VenueStanding]) -> list[Chart]:
    """Draw each venue's value today, a chart a currency."""
    codes = sorted({code for row in rows for code in row.value_minor})
    return [
        Chart(
            key=f"venues-{code.lower()}",
            title="Executed today",
            labels=[row.venue.mic for row in rows],
            unit=code,
            label_name="Venue",
            horizontal=True,
            height="short",
            series=[Series("Value", [row.value_minor.get(code, 0) / 100 for row in rows], "bar")],
        )
        for code in codes
    ]


def _depth_chart(found: BookDetail) -> Chart:
    """Draw how many units could be bought or sold up to each price."""
    bids, offers = found.bids[::-1], found.offers
    return Chart(
        key="depth",
        title="Depth",
        labels=[f"{level.price:.2f}" for level in (*bids, *offers)],
        unit="units",
        digits=0,
        label_name=f"Price, {found.standing.security.currency.code}",
        note="All that rests at a price or better.",
        series=[
            Series("Bids", [*(level.depth_units for level in bids), *(None for _ in offers)], "bar", "good"),
            Series("Offers", [*(None for _ in bids), *(level.depth_units for level in offers)], "bar", "bad"),
        ],
    )
