"""Many at one book: no number left out or used twice, no unit filled twice, and every process sees the same book."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import connections
from django.db.models import Sum

from tests.factories.chain import MONDAY, MONDAY_TEN, Chain
from tests.factories.venues import BUY, DAY, GTC, IOC, SELL, ask, held_book, make_book, make_venue, rebuilt, request
from trades.core.book.order_book import OrderBook
from trades.core.book.rebuild import snapshot_book
from trades.core.venue_messages import RequestKind, VenueOrderStatus, VenueRequest
from trades.models import VenueBook, VenueEvent, VenueExecution
from trades.queries import held_books
from trades.services.venues.end_sessions import end_sessions

pytestmark = pytest.mark.django_db(transaction=True)

ASKERS = 6
ORDERS_EACH = 25


@pytest.fixture
def books(chain: Chain) -> list[VenueBook]:
    """STOCK's books at two venues."""
    return [
        make_book(venue=make_venue(mic=mic, market_maker_id=chain.ids["ALPHA"]), security_id=chain.assets["STOCK"])
        for mic in ("XAAA", "XBBB")
    ]


def random_request(random: Random, book: VenueBook, order_id: int) -> VenueRequest:
    """Draw an order near ten euro, from one of five owners."""
    return request(
        book, order_id, random.choice((BUY, SELL)), random.randint(1, 20), f"{random.randint(995, 1005) / 100:.2f}",
        owner=random.randint(1, 5), force=random.choice((DAY, DAY, GTC, IOC)),
    )  # fmt: skip


def assert_books_hold(books: list[VenueBook]) -> None:
    """No gap, no unit too many, and the memory, the log and the row say the same."""
    for book in books:
        book.refresh_from_db()
        numbers = list(VenueEvent.objects.filter(book=book).order_by("id").values_list("number", flat=True))
        assert numbers == list(range(1, book.event_number + 1))
        executions = VenueExecution.objects.filter(book=book)
        assert sorted(executions.values_list("number", flat=True)) == list(range(1, book.execution_number + 1))
        wanted = dict(VenueEvent.objects.filter(book=book, kind="ADD").values_list("order_id", "quantity_units"))
        filled: dict[int, int] = {}
        for side in ("maker_order_id", "taker_order_id"):
            for order_id, units in executions.values_list(side).annotate(units=Sum("quantity_units")):
                filled[order_id] = filled.get(order_id, 0) + units
        assert all(units <= wanted[order_id] for order_id, units in filled.items())
        ran = snapshot_book(book=held_book(book=book))
        assert rebuilt(book=book) == ran
        assert len(ran.bids) + len(ran.offers) == book.standing_orders


def test_several_connections_hit_the_same_books(books: list[VenueBook]) -> None:
    """Six connections send orders to two books at once, some the same ones twice, in opposite order of books."""

    def work(asker: int) -> int:
        random = Random(asker)
        filled = 0
        try:
            for number in range(ORDERS_EACH):
                order_id = 1 + number * ASKERS + asker
                pair = [random_request(random, book, order_id) for book in books]
                answers = ask(*(pair if asker % 2 else pair[::-1]))
                assert all(answer.status != VenueOrderStatus.REFUSED for answer in answers)
                again = ask(*pair)
                assert all(answer.status != VenueOrderStatus.REFUSED for answer in again)
                filled += sum(answer.filled_units for answer in answers)
        finally:
            connections.close_all()
        return filled

    with ThreadPoolExecutor(ASKERS) as pool:
        assert sum(pool.map(work, range(ASKERS))) > 0
    assert VenueEvent.objects.filter(kind="ADD").count() == ASKERS * ORDERS_EACH * len(books)
    assert_books_hold(books)


def test_one_order_asked_by_many_at_once_is_taken_once(books: list[VenueBook]) -> None:
    """Eight connections send the same order: one event, one answer."""
    ask(request(books[0], 1, SELL, 10, "10.00"))

    def work(_: int) -> Any:
        try:
            return ask(request(books[0], 2, BUY, 4, "10.00"))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert VenueExecution.objects.count() == 1
    assert_books_hold(books[:1])


@pytest.mark.parametrize("seed", range(6))
def test_processes_in_turn_see_one_book(books: list[VenueBook], seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three processes take turns with one book over three days, each with its own memory, and one that dies often."""
    random = Random(seed)
    memories: list[dict[int, OrderBook]] = [{}, {}, {}]
    book, at, day = books[0], MONDAY_TEN, MONDAY
    taken = 0
    for step in range(120):
        turn = random.randrange(3)
        if random.random() < 0.1:
            memories[turn].clear()
        monkeypatch.setattr(held_books, "_held", memories[turn])
        drawn = random.random()
        if step % 40 == 39:
            end_sessions(at=at.replace(hour=18), business_date=day)
            day, at = day + timedelta(days=1), at.replace(hour=10) + timedelta(days=1)
        elif drawn < 0.6 or not taken:
            taken += 1
            ask(random_request(random, book, taken), at=at, business_date=day)
        elif drawn < 0.8:
            ask(request(book, random.randint(1, taken), kind=RequestKind.CANCEL), at=at, business_date=day)
        elif drawn < 0.9:
            ask(
                request(book, random.randint(1, taken), None, random.randint(1, 30), kind=RequestKind.REPLACE),
                at=at, business_date=day,
            )  # fmt: skip
        else:
            ask(request(book, random.randint(1, taken), kind=RequestKind.STATUS), at=at, business_date=day)
        at += timedelta(microseconds=random.randint(0, 10**7))
    states = []
    for memory in memories:
        monkeypatch.setattr(held_books, "_held", memory)
        states.append(snapshot_book(book=held_book(book=book)))
    assert states[0] == states[1] == states[2] == rebuilt(book=book)
    assert VenueExecution.objects.exists()
    number = VenueEvent.objects.filter(book=book).count()
    assert VenueBook.objects.get(pk=book.pk).event_number == number
