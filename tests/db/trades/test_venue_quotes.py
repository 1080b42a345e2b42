"""The market makers in the database: quotes along the day, once; sessions that end; books that come back."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from reference.core.calendar import BUSINESS_ZONE
from reference.core.intraday import seed_of_day, walk_day
from reference.queries import directory
from reference.quote_feed import PricedDay, day_range
from tests.factories.chain import MONDAY, MONDAY_TEN, WEDNESDAY, Chain, at_time
from tests.factories.reference import DailyPriceFactory
from tests.factories.venues import (
    BUY,
    GTC,
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
from trades.core.venue_messages import RequestKind
from trades.models import Venue, VenueBook, VenueEvent, VenueExecution, VenueSnapshot
from trades.refusals.venues import VenueFileInvalid
from trades.services.venues.end_sessions import end_sessions
from trades.services.venues.load_venues import load_venues
from trades.services.venues.quote_books import quote_books

SEED = 7
HALF_HOUR = timedelta(minutes=30)


def price(chain: Chain, day: date = MONDAY) -> None:
    """Give STOCK a day from 10.00 to 10.40 between 9.80 and 10.60."""
    DailyPriceFactory.create(
        security_id=chain.assets["STOCK"], date=day, open=Decimal("10"), high=Decimal("10.6"), low=Decimal("9.8"),
        close=Decimal("10.4"), volume=10_000_000,
    )  # fmt: skip


@pytest.fixture
def book(chain: Chain) -> VenueBook:
    """The book of STOCK at a venue, with a price on Monday."""
    price(chain)
    return make_book(
        venue=make_venue(mic="XAAA", market_maker_id=chain.ids["ALPHA"]), security_id=chain.assets["STOCK"]
    )


def quote(until: datetime = MONDAY_TEN, *, day: date = MONDAY, after: datetime | None = None) -> int:
    """Quote all books as the feed does, in half hours."""
    return quote_books(after=until - HALF_HOUR if after is None else after, until=until, business_date=day, seed=SEED)


def play(day: date = MONDAY) -> None:
    """Quote through a day, from before the opening until after the close."""
    moment = at_time(day, 8)
    while moment <= at_time(day, 18):
        quote(moment, day=day)
        moment += HALF_HOUR


def middle_at(moment: datetime) -> int:
    """Return STOCK's path at a minute, in ticks."""
    day = PricedDay(Decimal("10"), Decimal("10.6"), Decimal("9.8"), Decimal("10.4"), 10_000_000)
    isin = directory().securities_by_symbol["STOCK"].isin
    path = walk_day(
        day=day_range(day=day, unit=Decimal("0.01")), security=isin, seed=seed_of_day(seed=SEED, business_date=MONDAY)
    )
    return int(path[(moment - at_time(MONDAY, 9)) // timedelta(minutes=1)])


def test_the_book_follows_the_path(book: VenueBook) -> None:
    """At every half hour both sides stand near the day's path, at most five levels each, inside low and high."""
    for moment in (MONDAY_TEN + HALF_HOUR * step for step in range(10)):
        assert quote(moment) == 1
        book.refresh_from_db()
        held = held_book(book=book)
        assert book.best_bid_ticks is not None
        assert book.best_offer_ticks is not None
        assert 980 <= book.best_bid_ticks < book.best_offer_ticks <= 1060
        assert abs((book.best_bid_ticks + book.best_offer_ticks) / 2 - middle_at(moment)) < 12
        assert book.standing_orders == held.count_resting() <= 10
    assert VenueEvent.objects.filter(order_id__gt=0).count() == 0
    assert VenueExecution.objects.count() == 0


def test_quoting_twice_changes_nothing(book: VenueBook) -> None:
    """Even what was taken from the quotes since does not come back before the next five minutes."""
    assert quote() == 1
    offers = held_book(book=book).list_levels(side=SELL, count=1)
    ask(request(book, 1, BUY, offers[0].quantity_units))
    events = VenueEvent.objects.count()
    assert quote() == 0
    assert quote(after=MONDAY_TEN - timedelta(seconds=30)) == 0
    assert VenueEvent.objects.count() == events
    nearly = MONDAY_TEN + timedelta(seconds=299)
    assert quote(nearly, after=MONDAY_TEN) == 0
    assert quote(nearly + timedelta(seconds=2), after=nearly) == 1


def test_a_quote_that_reaches_a_client_trades_with_it(book: VenueBook, chain: Chain) -> None:
    """A client's offer inside the spread is met by the next bids above it, at the client's price."""
    quote(at_time(MONDAY, 9))
    held = held_book(book=book)
    assert held.best_bid_ticks is not None
    resting = ask(request(book, 1, SELL, 3, f"{(held.best_bid_ticks + 1) / 100:.2f}"), at=at_time(MONDAY, 9))
    assert statuses(resting) == [("RESTING", 0, 3)]
    moment = at_time(MONDAY, 9)
    while moment < at_time(MONDAY, 17) and not VenueExecution.objects.exists():
        moment += HALF_HOUR
        quote(moment)
    done = VenueExecution.objects.get()
    assert (done.maker_order_id, done.taker_owner, done.quantity_units) == (1, chain.ids["ALPHA"], 3)
    assert (done.taker_side, done.at) == ("BUY", moment)
    assert done.taker_order_id < 0
    assert done.price_ticks == held.best_bid_ticks + 1


def test_outside_hours_and_without_a_price_nothing_is_quoted(book: VenueBook) -> None:
    """No price that day, or a venue that is closed: no quotes."""
    assert quote(at_time(MONDAY, 8, 59)) == 0
    assert quote(at_time(MONDAY, 17, 30)) == 0
    assert quote(at_time(WEDNESDAY, 10), day=WEDNESDAY) == 0
    Venue.objects.update(active=False)
    assert quote() == 0
    assert not VenueEvent.objects.exists()


def test_the_session_s_end(book: VenueBook) -> None:
    """Quotes and DAY orders are gone, what is good till cancelled stands over; twice changes nothing."""
    quote()
    ask(request(book, 1, SELL, 5, "11.00", force=GTC), request(book, 2, SELL, 5, "11.00"))
    assert end_sessions(at=at_time(MONDAY, 17, 29), business_date=MONDAY) == 0
    assert end_sessions(at=at_time(MONDAY, 17, 30), business_date=MONDAY) == 1
    assert end_sessions(at=at_time(MONDAY, 18), business_date=MONDAY) == 0
    book.refresh_from_db()
    assert (book.session_date, book.standing_orders, book.best_offer_ticks) == (None, 1, 1100)
    status = RequestKind.STATUS
    asked = (request(book, 1, kind=status), request(book, 2, kind=status))
    assert statuses(ask(*asked, at=at_time(MONDAY, 18))) == [("RESTING", 0, 5), ("EXPIRED", 0, 0)]


@pytest.mark.django_db(transaction=True)
def test_a_week_comes_back_from_the_last_session_s_end(chain: Chain, book: VenueBook) -> None:
    """Rebuilt from the last snapshot, and from the first event on, the book is the one that ran."""
    days = [MONDAY + timedelta(days=number) for number in range(3)]
    for number, day in enumerate(days):
        if number:
            price(chain, day)
        quote(at_time(day, 9, 30), day=day)
        ask(
            request(book, 10 * number + 1, SELL, 5, f"11.0{number}", force=GTC),
            request(book, 10 * number + 2, BUY, 40, "9.90"),
            request(book, 10 * number + 3, SELL, 12),
            at=at_time(day, 9, 45), business_date=day,
        )  # fmt: skip
        play(day)
        if day != days[-1]:
            end_sessions(at=at_time(day, 18), business_date=day)
    ran = snapshot_book(book=held_book(book=book))
    assert rebuilt(book=book) == ran
    assert VenueSnapshot.objects.count() == 2
    from trades.queries import held_books

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_books, "_restore", lambda **_: {})
        assert rebuilt(book=book) == ran


@pytest.mark.django_db(transaction=True)
def test_a_session_nobody_ended_is_ended_by_whoever_comes_first(chain: Chain, book: VenueBook) -> None:
    """The next day's first quotes, or the first request, end the older session at its closing time."""
    quote()
    ask(request(book, 1, SELL, 5, "11.00"))
    tuesday = MONDAY + timedelta(days=1)
    price(chain, tuesday)
    assert quote(at_time(tuesday, 10), day=tuesday) == 1
    ended = VenueEvent.objects.get(kind="END_SESSION")
    assert datetime.fromtimestamp(ended.time_us / 1e6, tz=BUSINESS_ZONE) == at_time(MONDAY, 17, 30)
    assert statuses(ask(request(book, 1, kind=RequestKind.STATUS), at=at_time(tuesday, 10), business_date=tuesday)) == [
        ("EXPIRED", 0, 0)
    ]


def test_whoever_asks_after_the_closing_ends_the_session(book: VenueBook) -> None:
    """A STATUS after hours finds a DAY order expired, whether or not the session's end came before it."""
    ask(request(book, 1, SELL, 5, "11.00"), request(book, 2, SELL, 5, "11.00", force=GTC))
    asked = (request(book, 1, kind=RequestKind.STATUS), request(book, 2, kind=RequestKind.STATUS))
    assert statuses(ask(*asked, at=at_time(MONDAY, 17, 31))) == [("EXPIRED", 0, 0), ("RESTING", 0, 5)]
    assert end_sessions(at=at_time(MONDAY, 18), business_date=MONDAY) == 0


@pytest.mark.django_db
def test_load_venues_twice() -> None:
    """Four venues and their books come once; an operator's change outlives the next load."""
    from reference.services import load_reference

    with pytest.raises(VenueFileInvalid):
        load_venues()
    load_reference()
    assert load_venues() == 4 + VenueBook.objects.count()
    kinds = VenueBook.objects.values_list("security__security_type", "security__liquid").distinct()
    assert set(kinds) == {("EQUITY", True), ("FUND", True)}
    assert Venue.objects.filter(maker_ppm__lt=0).count() == 1
    assert Venue.objects.filter(minimum_fee_minor__gt=0).count() == 1
    assert set(Venue.objects.values_list("market_maker__role", flat=True)) == {"CLEARING_MEMBER"}
    Venue.objects.filter(mic="FMIX").update(taker_ppm=7)
    assert load_venues() == 0
    assert Venue.objects.get(mic="FMIX").taker_ppm == 7


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("INSERT INTO trades_venueevent (book_id, number, kind, time_us, order_id, side, quantity_units, time_in_force)"
         " VALUES (%(book)s, 99, 'EXPIRE', 0, 0, '', 0, '')", "trades_venueevent_no_gap"),
        ("INSERT INTO trades_venueevent (book_id, number, kind, time_us, order_id, side, quantity_units, time_in_force)"
         " VALUES (%(book)s, 1, 'EXPIRE', 0, 0, '', 0, '')", "venueevent_number"),
        ("INSERT INTO trades_venueevent (book_id, number, kind, time_us, order_id, side, quantity_units, time_in_force,"
         " owner) VALUES (%(book)s, 4, 'ADD', 0, 1, 'BUY', 5, 'DAY', 1)", "venueevent_order_taken_once"),
        ("INSERT INTO trades_venueevent (book_id, number, kind, time_us, order_id, side, quantity_units, time_in_force)"
         " VALUES (%(book)s, 4, 'ADD', 0, 9, 'BUY', 5, 'DAY')", "venueevent_order_complete"),
        ("INSERT INTO trades_venueevent (book_id, number, kind, time_us, order_id, side, quantity_units, time_in_force)"
         " VALUES (%(book)s, 4, 'BUST', 0, 0, '', 0, '')", "venueevent_kind"),
        ("INSERT INTO trades_venueexecution (book_id, number, at, business_date, price_ticks, quantity_units,"
         " maker_order_id, taker_order_id, taker_side, maker_owner, taker_owner)"
         " VALUES (%(book)s, 3, now(), '2008-09-08', 1, 1, 1, 2, 'BUY', 1, 2)", "trades_venueexecution_no_gap"),
        ("INSERT INTO trades_venueexecution (book_id, number, at, business_date, price_ticks, quantity_units,"
         " maker_order_id, taker_order_id, taker_side, maker_owner, taker_owner)"
         " VALUES (%(book)s, 2, now(), '2008-09-08', 1, 1, 1, 2, 'BUY', 5, 5)", "venueexecution_never_with_itself"),
        ("INSERT INTO trades_venueexecution (book_id, number, at, business_date, price_ticks, quantity_units,"
         " maker_order_id, taker_order_id, taker_side, maker_owner, taker_owner)"
         " VALUES (%(book)s, 2, now(), '2008-09-08', 1, 0, 1, 2, 'BUY', 1, 2)", "venueexecution_positive"),
        ("UPDATE trades_venuebook SET event_number = 2 WHERE id = %(book)s", "trades_venuebook_as_logged"),
        ("UPDATE trades_venuebook SET event_number = 4 WHERE id = %(book)s", "trades_venuebook_as_logged"),
        ("UPDATE trades_venuebook SET execution_number = 0 WHERE id = %(book)s", "trades_venuebook_as_logged"),
        ("UPDATE trades_venuebook SET best_bid_ticks = 1000, best_offer_ticks = 1000", "venuebook_never_crossed"),
        ("UPDATE trades_venuebook SET standing_orders = -1 WHERE id = %(book)s", "venuebook_numbers"),
        ("INSERT INTO trades_venuebook (venue_id, security_id, tick) SELECT venue_id, security_id, 0.01"
         " FROM trades_venuebook", "venuebook_unique"),
        ("INSERT INTO trades_venuesnapshot (book_id, event_number, execution_number, time_us, orders)"
         " SELECT %(book)s, 1, 0, 0, '[]' FROM generate_series(1, 2)", "venuesnapshot_number"),
        ("UPDATE trades_venue SET opens_at = closes_at", "venue_hours"),
        ("UPDATE trades_venue SET success_ppm = 1000001", "venue_figures"),
        ("UPDATE trades_venue SET mic = 'abcd'", "venue_mic_shape"),
    ],
)  # fmt: skip
def test_what_must_never_be_true(book: VenueBook, sql: str, constraint: str) -> None:
    """Raw SQL meets a constraint or a trigger."""
    from django.db import connection

    ask(request(book, 1, SELL, 10, "10.00"), request(book, 2, BUY, 4, "10.00"), request(book, 3, BUY, 4, "9.00"))
    with connection.cursor() as cursor, pytest.raises(IntegrityError) as caught:
        cursor.execute(sql, {"book": book.pk})
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.diag.constraint_name == constraint  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE trades_venueevent SET quantity_units = 1", "DELETE FROM trades_venueevent",
        "TRUNCATE trades_venueevent", "UPDATE trades_venueexecution SET price_ticks = 1",
        "DELETE FROM trades_venueexecution",
        "UPDATE trades_venuesnapshot SET orders = '[]'", "DELETE FROM trades_venuesnapshot",
        "DELETE FROM trades_venuebook", "UPDATE trades_venuebook SET tick = 1", "DELETE FROM trades_venue",
    ],
)  # fmt: skip
def test_logs_and_tapes_are_never_changed(book: VenueBook, sql: str) -> None:
    """What is written stands."""
    from django.db import connection

    ask(request(book, 1, SELL, 10, "10.00"))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError, match=r"append-only|never"):
            cursor.execute(sql)
