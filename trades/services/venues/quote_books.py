"""The market makers: their quotes follow each security's day through every venue's book."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from reference.core.calendar import BUSINESS_ZONE
from reference.core.intraday import PATH_OPENS, PATH_STEPS, STEP_SECONDS, DayRange, seed_of_day, walk_day
from reference.queries import directory
from reference.quote_feed import PricedDay, day_range
from trades.core.book.order_book import OrderBook
from trades.core.book.terms import BookEventKind, OrderSide, RestingOrder
from trades.core.market_making import QuoteMove, make_quotes, plan_moves
from trades.core.venue_hours import is_open
from trades.core.venue_model import VenueProfile
from trades.services.venues.open_books import OpenBook, lock_books, save_books

# A quote's id, below zero: its day, the minute of the day at which it came, its place.
IDS_PER_MINUTE: Final = 100
IDS_PER_DAY: Final = 24 * 60 * IDS_PER_MINUTE
QUOTED_EVERY_MINUTES: Final = 5

VENUES_SQL = """
    SELECT id, mic, market_maker_id, opens_at, closes_at, success_ppm, price_deviation_ticks, spread_ticks, share_ppm
    FROM trades_venue WHERE active ORDER BY id
"""

DUE: Final = """
    v.id = ANY(%s) AND (b.quoted_at IS NULL OR b.quoted_at < %s)
    AND EXISTS (SELECT FROM reference_dailyprice p WHERE p.security_id = b.security_id AND p.date = %s)
    AND EXISTS (SELECT FROM reference_security s WHERE s.asset_ptr_id = b.security_id AND s.active)
"""

PRICES_SQL = """
    SELECT security_id, open, high, low, close, volume FROM reference_dailyprice
    WHERE date = %s AND security_id = ANY(%s)
"""


def quote_books(*, after: datetime, until: datetime, business_date: date, seed: int) -> int:
    """Bring the market makers' quotes to the last five minutes' mark in (after, until]; return how many books moved.

    Every book of a venue that is open then, if its security has a price on that date. Marks before the last are
    passed over: a day played in half hours is quoted by the half hour, one that runs live every five minutes. Done
    twice it changes nothing. The quotes trade with clients' orders that they reach, and never with one another.
    seed: the market's, as that of the quotes (reference/quote_feed.py), whose path the books follow.
    """
    minute = until.replace(minute=until.minute - until.minute % QUOTED_EVERY_MINUTES, second=0, microsecond=0)
    if minute <= after:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(VENUES_SQL)
        venues = {
            row[0]: (VenueProfile(row[1], *row[5:]), row[2])
            for row in cursor.fetchall()
            if is_open(opens_at=row[3], closes_at=row[4], at=minute, on=business_date)
        }
    if not venues:
        return 0
    with transaction.atomic(durable=True):
        opened = lock_books(which=DUE, parameters=[list(venues), minute, business_date])
        days = _read_days(security_ids=[entry.security_id for entry in opened], business_date=business_date)
        for entry in opened:
            profile, maker_id = venues[entry.venue_id]
            _quote(
                entry, profile=profile, maker_id=maker_id, day=days[entry.security_id], minute=minute,
                business_date=business_date, seed=seed_of_day(seed=seed, business_date=business_date),
            )  # fmt: skip
        save_books(opened=opened, business_date=business_date)
    return len(opened)


def _quote(
    entry: OpenBook, *, profile: VenueProfile, maker_id: int, day: PricedDay, minute: datetime, business_date: date,
    seed: int,
) -> None:  # fmt: skip
    """Bring one book's quotes to a minute."""
    security = directory().securities[entry.security_id]
    found, path = _walk(day, entry.tick, security.isin, seed)
    opening = datetime.combine(business_date, PATH_OPENS, tzinfo=BUSINESS_ZONE)
    step = (minute - opening) // timedelta(seconds=STEP_SECONDS)
    wanted = make_quotes(
        profile=profile, day=found, middle_ticks=int(path[min(max(step, 0), PATH_STEPS - 1)]), security=security.isin,
        seed=seed, step=step, lot_units=security.lot_size_units,
    )  # fmt: skip
    time_us = entry.bring_forward(at=minute, business_date=business_date)
    book = entry.book
    resting = [
        order
        for side in (OrderSide.BUY, OrderSide.SELL)
        for order in book.list_resting(side=side)
        if order.order_id < 0
    ]
    local = minute.astimezone(BUSINESS_ZONE)
    number = business_date.toordinal() * IDS_PER_DAY + (local.hour * 60 + local.minute) * IDS_PER_MINUTE
    for place, move in enumerate(plan_moves(resting=resting, wanted=wanted)):
        _make_move(entry, move, order_id=-(number + place), maker_id=maker_id, time_us=time_us)
    entry.session_date = business_date
    entry.quoted_at = minute
    entry.requoted = True


def _make_move(entry: OpenBook, move: QuoteMove, *, order_id: int, maker_id: int, time_us: int) -> None:
    """Do one step of the market maker."""
    book: OrderBook = entry.book
    if move.kind == BookEventKind.ADD:
        entry.note(
            book.add_order(
                order_id=order_id, side=move.side, quantity_units=move.units, time=time_us,
                price_ticks=move.price_ticks, owner=maker_id,
            )
        )  # fmt: skip
    elif move.kind == BookEventKind.CANCEL:
        book.cancel_order(order_id=move.order_id, time=time_us)
    else:
        order = book.find_order(order_id=move.order_id)
        assert isinstance(order, RestingOrder), "nobody else works on this book"
        entry.note(
            book.replace_order(
                order_id=move.order_id, quantity_units=order.filled_units + move.units, time=time_us,
                price_ticks=move.price_ticks,
            )
        )  # fmt: skip


def _read_days(*, security_ids: list[int], business_date: date) -> dict[int, PricedDay]:
    """Return the real day of each security."""
    with connection.cursor() as cursor:
        cursor.execute(PRICES_SQL, [business_date, security_ids])
        return {row[0]: PricedDay(*row[1:]) for row in cursor.fetchall()}


@lru_cache(maxsize=512)
def _walk(day: PricedDay, tick: Decimal, isin: str, seed: int) -> tuple[DayRange, NDArray[np.int64]]:
    """Return a security's day in ticks, and its path."""
    found = day_range(day=day, unit=tick)
    return found, walk_day(day=found, security=isin, seed=seed)
