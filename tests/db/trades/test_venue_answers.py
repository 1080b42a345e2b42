"""The venue's answers: taken once, told again, refused by name, expired in time; the log gives the book again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from events.models import OutboxFact
from tests.factories.chain import MONDAY, MONDAY_TEN, WEDNESDAY, Chain, at_time
from tests.factories.venues import (
    BUY,
    DAY,
    FOK,
    GTC,
    IOC,
    SELL,
    ask,
    held_book,
    make_book,
    make_venue,
    rebuilt,
    request,
    statuses,
)
from trades.core.book.rebuild import snapshot_book
from trades.core.venue_messages import RequestKind, VenueOrderStatus
from trades.models import VenueBook, VenueEvent, VenueExecution, VenueSnapshot

CANCEL, REPLACE, STATUS = RequestKind.CANCEL, RequestKind.REPLACE, RequestKind.STATUS
CLOSED = at_time(MONDAY, 18)


@pytest.fixture
def book(chain: Chain) -> VenueBook:
    """The book of STOCK at a venue."""
    return make_book(
        venue=make_venue(mic="XAAA", market_maker_id=chain.ids["ALPHA"]), security_id=chain.assets["STOCK"]
    )


def test_orders_meet_and_the_tape_tells(book: VenueBook) -> None:
    """Two offers, a bid through both: two executions at the makers' prices, numbered, and one fact."""
    answers = ask(
        request(book, 1, SELL, 10, "10.00"),
        request(book, 2, SELL, 10, "10.01"),
        request(book, 3, BUY, 15, "10.05"),
    )
    assert statuses(answers) == [("RESTING", 0, 10), ("RESTING", 0, 10), ("FILLED", 15, 0)]
    tape = VenueExecution.objects.order_by("number").values_list(
        "number", "price_ticks", "quantity_units", "maker_order_id", "taker_order_id", "taker_side", "at"
    )
    assert list(tape) == [(1, 1000, 10, 1, 3, "BUY", MONDAY_TEN), (2, 1001, 5, 2, 3, "BUY", MONDAY_TEN)]
    book.refresh_from_db()
    assert (book.event_number, book.execution_number, book.standing_orders) == (3, 2, 1)
    assert (book.best_bid_ticks, book.best_offer_ticks, book.session_date) == (None, 1001, MONDAY)
    facts = OutboxFact.objects.filter(name="VenuesTraded").values_list("payload", flat=True)
    assert list(facts) == [{"count": 2}]


def test_a_venue_asked_twice_answers_alike(book: VenueBook) -> None:
    """The same NEW again is no second order, whatever became of the first."""
    ask(request(book, 1, SELL, 10, "10.00"))
    first = ask(request(book, 2, BUY, 4, "10.00"), request(book, 3, BUY, 4, "9.99"))
    events = VenueEvent.objects.count()
    again = ask(request(book, 2, BUY, 4, "10.00"), request(book, 3, BUY, 4, "9.99"), request(book, 1, kind=STATUS))
    assert again[:2] == first
    assert statuses(again) == [("FILLED", 4, 0), ("RESTING", 0, 4), ("RESTING", 4, 6)]
    assert VenueEvent.objects.count() == events


@pytest.mark.django_db(transaction=True)
def test_asked_again_on_a_later_day(book: VenueBook) -> None:
    """An order of an earlier session is told from the log and the tape, by any process."""
    ask(
        request(book, 1, SELL, 10, "10.00"),
        request(book, 2, BUY, 4, "10.00"),
        request(book, 3, BUY, 5, "9.00"),
        request(book, 3, kind=CANCEL),
        request(book, 4, BUY, 10, "9.50", force=IOC),
        request(book, 5, SELL, 7, "11.00", force=GTC),
    )
    later = at_time(WEDNESDAY, 10)
    asked = [
        request(book, n, BUY, 4, "10.00", kind=kind) for kind in (RequestKind.NEW, STATUS, CANCEL) for n in (1, 2, 3, 4)
    ]
    expected = [("EXPIRED", 4, 0), ("FILLED", 4, 0), ("CANCELLED", 0, 0), ("CANCELLED", 0, 0)] * 3
    assert statuses(ask(*asked, at=later, business_date=WEDNESDAY)) == expected
    assert statuses(ask(request(book, 5, kind=STATUS), at=later, business_date=WEDNESDAY)) == [("RESTING", 0, 7)]
    assert VenueEvent.objects.filter(kind="ADD").count() == 5
    assert VenueSnapshot.objects.get().orders == [[5, "SELL", 1100, 7, 0, "GTC", 1_000_005, None]]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"side": BUY, "units": 5}, "market-order-without-liquidity"),
        ({"side": BUY, "units": 5, "limit": "10.005"}, "limit-off-tick"),
        ({"side": BUY, "units": 5, "limit": "-1"}, "limit-not-positive"),
        ({"side": BUY, "units": 0, "limit": "10"}, "quantity-not-positive"),
        ({"side": BUY, "units": 2**63, "limit": "10"}, "quantity-above-int64"),
        ({"side": BUY, "units": 5, "limit": "10", "force": GTC, "expires_at": MONDAY_TEN}, "order-already-expired"),
        ({"side": BUY, "units": 5, "limit": "10", "force": DAY, "expires_at": CLOSED}, "expiry-not-allowed"),
    ],
)
def test_refusals_of_the_book_are_answers(book: VenueBook, asked: dict[str, Any], code: str) -> None:
    """What is refused leaves no trace, and says why."""
    answer = ask(request(book, 1, **asked))[0]
    assert (answer.status, answer.code) == (VenueOrderStatus.REFUSED, code)
    assert answer.message
    assert not VenueEvent.objects.exists()
    assert statuses(ask(request(book, 1, kind=STATUS))) == [("UNKNOWN", 0, 0)]


def test_what_is_refused_leaves_the_others(book: VenueBook) -> None:
    """In one call the good requests stand beside the refused ones."""
    answers = ask(
        request(book, 1, BUY, 5), request(book, 2, BUY, 5, "10.00"), request(book, 9, kind=CANCEL),
        request(book, 9, units=3, kind=REPLACE),
    )  # fmt: skip
    assert statuses(answers) == [("REFUSED", 0, 0), ("RESTING", 0, 5), ("UNKNOWN", 0, 0), ("UNKNOWN", 0, 0)]


def test_cancel_and_replace(book: VenueBook) -> None:
    """A cancel keeps what is filled; a replace may trade; of what has ended neither changes anything."""
    ask(request(book, 1, SELL, 10, "10.00"), request(book, 2, BUY, 4, "10.00"), request(book, 3, BUY, 9, "9.90"))
    assert statuses(ask(request(book, 1, kind=CANCEL))) == [("CANCELLED", 4, 0)]
    assert statuses(ask(request(book, 1, kind=CANCEL))) == [("CANCELLED", 4, 0)]
    replaced = ask(request(book, 1, units=20, kind=REPLACE), request(book, 2, units=20, kind=REPLACE))
    assert [(answer.status, answer.code) for answer in replaced] == [
        (VenueOrderStatus.REFUSED, "order-ended"), (VenueOrderStatus.REFUSED, "order-filled"),
    ]  # fmt: skip
    events = VenueEvent.objects.count()
    assert statuses(ask(request(book, 3, units=9, limit="9.90", kind=REPLACE))) == [("RESTING", 0, 9)]
    assert VenueEvent.objects.count() == events
    ask(request(book, 4, SELL, 5, "9.95"))
    assert statuses(ask(request(book, 3, units=12, limit="9.95", kind=REPLACE))) == [("RESTING", 5, 7)]
    refused = ask(request(book, 3, units=5, kind=REPLACE))[0]
    assert (refused.status, refused.code) == (VenueOrderStatus.REFUSED, "replace-not-above-filled")


def test_fok_and_own_orders(book: VenueBook) -> None:
    """What cannot be filled whole is not filled at all; two orders of one participant never trade."""
    ask(request(book, 1, SELL, 10, "10.00", owner=7))
    own = ask(request(book, 2, BUY, 4, "10.00", owner=7), request(book, 3, BUY, 11, "10.00", force=FOK))
    assert statuses(own) == [("CANCELLED", 0, 0), ("CANCELLED", 0, 0)]
    assert own[0].message == "It would have traded with an order of the same participant."
    assert own[1].message == "It could not be filled whole at once."
    assert not VenueExecution.objects.exists()


def test_hours(book: VenueBook) -> None:
    """Outside its hours a venue takes no new order and no replacement, but a cancel."""
    ask(request(book, 1, SELL, 10, "10.00", force=GTC))
    for at, day in (
        (at_time(MONDAY, 8), MONDAY),
        (CLOSED, MONDAY),
        (CLOSED, WEDNESDAY),
        (at_time(MONDAY, 17, 30), MONDAY),
    ):
        refused = ask(
            request(book, 2, BUY, 1, "10.00"), request(book, 1, units=20, kind=REPLACE), at=at, business_date=day
        )
        assert [answer.code for answer in refused] == ["venue-closed", "venue-closed"]
    assert statuses(ask(request(book, 1, kind=CANCEL), at=CLOSED)) == [("CANCELLED", 0, 0)]
    book.venue.active = False
    book.venue.save()
    assert ask(request(book, 3, BUY, 1, "10.00"))[0].code == "venue-closed"


def test_not_traded_here(book: VenueBook, chain: Chain) -> None:
    """A security without a book at the venue is refused."""
    book.security_id = chain.assets["BOND"]
    assert ask(request(book, 1, BUY, 1, "10.00"))[0].code == "not-traded-here"


def test_a_gtc_order_expires_at_its_time(book: VenueBook) -> None:
    """Whoever asks first after its time finds it expired, and nobody trades with it."""
    until = MONDAY_TEN + timedelta(minutes=5)
    ask(request(book, 1, SELL, 10, "10.00", force=GTC, expires_at=until))
    answers = ask(request(book, 2, BUY, 10, "10.00"), request(book, 1, kind=STATUS), at=until)
    assert statuses(answers) == [("RESTING", 0, 10), ("EXPIRED", 0, 0)]
    assert not VenueExecution.objects.exists()


def test_time_never_goes_back(book: VenueBook) -> None:
    """A request that arrives with an earlier time is taken at the book's."""
    ask(request(book, 1, SELL, 10, "10.00"), at=MONDAY_TEN + timedelta(seconds=1))
    assert statuses(ask(request(book, 2, BUY, 10, "10.00"), at=MONDAY_TEN)) == [("FILLED", 10, 0)]
    assert VenueExecution.objects.get().at == MONDAY_TEN + timedelta(seconds=1)


@pytest.mark.django_db(transaction=True)
def test_memory_is_dropped_with_the_transaction(book: VenueBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that dies before its commit leaves neither rows nor memory."""
    from trades.services.venues import open_books

    ask(request(book, 1, SELL, 10, "10.00"))

    def die(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(open_books, "record_fact", die)
        with pytest.raises(KeyboardInterrupt):
            ask(request(book, 2, BUY, 10, "10.00"))
    assert VenueEvent.objects.count() == 1
    assert statuses(ask(request(book, 3, BUY, 4, "10.00"))) == [("FILLED", 4, 0)]
    ran = snapshot_book(book=held_book(book=book))
    assert rebuilt(book=book) == ran
