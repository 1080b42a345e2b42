"""The venues: days of quotes along real prices, single orders and many at once, and books rebuilt from their logs.

The product's own four venues and their books; days are played in half hours, as the demo does.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from bench.life import BenchFailed
from reference.core.calendar import BUSINESS_ZONE
from reference.queries import directory
from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.venue_messages import RequestKind, VenueOrderStatus, VenueRequest
from trades.models import VenueBook, VenueEvent
from trades.queries.books import read_book_views
from trades.queries.held_books import forget_books
from trades.services.venues.answer_requests import answer_requests
from trades.services.venues.end_sessions import end_sessions
from trades.services.venues.load_venues import load_venues
from trades.services.venues.quote_books import quote_books

DAYS = (date(2008, 9, 8), date(2008, 9, 9), date(2008, 9, 10))
LAST_DAY = date(2008, 9, 11)
SEED = 7
SLOT = timedelta(minutes=30)
SINGLE, AT_ONCE = 500, 2_000
CLOCK_TICKS = 100


@dataclass(frozen=True, slots=True)
class DayCost:
    """What a day of quotes cost: processor seconds of this process and of its PostgreSQL backend."""

    books: int
    events: int
    python_seconds: float
    backend_seconds: float


def measure_venues(*, note: Callable[[str], None]) -> dict[str, Any]:
    """Measure all of it. Raises BenchFailed where an answer, or a rebuilt book, is not what it should be."""
    load_venues()
    costs = []
    for day in DAYS:
        note(f"quotes of {day}")
        costs.append(_play_day(day=day))
        end_sessions(at=_at(day, 18), business_date=day)
    _play_day(day=LAST_DAY, until_hour=14)
    at = _at(LAST_DAY, 14)
    securities = list(VenueBook.objects.filter(session_date=LAST_DAY).values_list("security_id", flat=True).distinct())
    note(f"{SINGLE} orders one by one, {AT_ONCE} at once")
    requests = _draw_orders(securities=securities, count=SINGLE + AT_ONCE)
    singly, python = [], time.process_time()
    for request in requests[:SINGLE]:
        started = time.perf_counter()
        answers = answer_requests(requests=[request], at=at, business_date=LAST_DAY)
        singly.append(time.perf_counter() - started)
        if answers[0].status == VenueOrderStatus.REFUSED:
            raise BenchFailed(answers[0].message)
    python = time.process_time() - python
    started = time.perf_counter()
    answer_requests(requests=requests[SINGLE:], at=at, business_date=LAST_DAY)
    at_once = time.perf_counter() - started
    note("books rebuilt")
    held = read_book_views(security_ids=securities, levels=10**6)
    forget_books()
    started = time.process_time()
    if read_book_views(security_ids=securities, levels=10**6) != held:
        raise BenchFailed("a rebuilt book is another one")
    rebuilt = time.process_time() - started
    return {
        "books": costs[0].books,
        "events_a_day": round(statistics.median(cost.events for cost in costs)),
        "day_python_seconds": round(statistics.median(cost.python_seconds for cost in costs), 3),
        "day_backend_seconds": round(statistics.median(cost.backend_seconds for cost in costs), 3),
        "single_median_ms": round(1000 * statistics.median(singly), 2),
        "single_python_ms": round(1000 * python / SINGLE, 2),
        "at_once_per_second": round(AT_ONCE / at_once),
        "rebuilt_books": len(held),
        "rebuild_python_seconds": round(rebuilt, 3),
    }


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, datetime.min.time().replace(hour=hour), tzinfo=BUSINESS_ZONE)


def _play_day(*, day: date, until_hour: int = 18) -> DayCost:
    """Quote a day in half hours from before the opening on."""
    at = _at(day, 8)
    python, backend, events = time.process_time(), _backend_seconds(), VenueEvent.objects.count()
    books = 0
    while at.hour < until_hour:
        books = max(books, quote_books(after=at - SLOT, until=at, business_date=day, seed=SEED))
        at += SLOT
    return DayCost(
        books, VenueEvent.objects.count() - events, time.process_time() - python, _backend_seconds() - backend
    )


def _draw_orders(*, securities: list[int], count: int) -> list[VenueRequest]:
    """Draw orders at the best prices of either side, some of which rest and some trade."""
    draw = random.Random(SEED)
    members = [entry.id for entry in directory().participants.values() if entry.role == "BROKER"]
    shown = [(key, book) for key, book in read_book_views(security_ids=securities).items() if book.bids and book.offers]
    requests = []
    for number in range(1, count + 1):
        (venue_id, security_id), book = draw.choice(shown)
        side = draw.choice((OrderSide.BUY, OrderSide.SELL))
        ticks = (book.offers if side == OrderSide.BUY else book.bids)[0][0] + draw.randint(-3, 3)
        limit, owner = ticks * book.tick, draw.choice(members)
        terms = (venue_id, security_id, number, side, draw.randint(1, 50), limit, TimeInForce.DAY, owner)
        requests.append(VenueRequest(RequestKind.NEW, *terms))
    return requests


def _backend_seconds() -> float:
    """Return the processor time of this connection's PostgreSQL backend, zero where it is on another machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
