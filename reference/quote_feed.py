"""A seeded feed of quotes: through each real day from its open to its close, inside its low and high."""

import zlib
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from reference.core.calendar import BUSINESS_ZONE
from reference.core.directory import SecurityEntry
from reference.core.intraday import PATH_OPENS, PATH_STEPS, STEP_SECONDS, DayQuotes, DayRange, quote_day, seed_of_day
from reference.market_data import SecurityQuote
from reference.models import DailyPrice
from reference.queries import directory
from reference.quote_services import publish_quotes

FEED_SOURCE: Final = "FEED"
# Each security is quoted at the open, at the close, and every so many steps (minutes) in between.
STEPS_BETWEEN: Final = 5
STEPS_IN_A_SLOT: Final = 30
LAST_STEP: Final = PATH_STEPS - 1


class PricedDay(NamedTuple):
    """A real day's prices of a security, as its daily price has them."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


def feed_quotes(*, after: datetime, until: datetime, business_date: date, seed: int) -> int:
    """Write and publish the quotes whose moment lies in (after, until] of a business date; return how many were new.

    For every active security with a daily price on that date. Done twice it changes nothing. seed: the market's.
    """
    if not _may_be_open(after=after, until=until, business_date=business_date):
        return 0
    securities = directory().securities
    quotes: list[SecurityQuote] = []
    rows = DailyPrice.objects.filter(date=business_date, security__active=True).order_by("security_id")
    for security_id, first, high, low, close, volume in rows.values_list(
        "security_id", "open", "high", "low", "close", "volume"
    ):
        security = securities[security_id]
        steps, moments = _moments(security.isin, security.symbol, business_date)
        due = steps[bisect_right(moments, after) : bisect_right(moments, until)]
        if due:
            quotes += _quotes_at(
                security=security,
                day=PricedDay(first, high, low, close, volume),
                business_date=business_date,
                steps=due,
                seed=seed_of_day(seed=seed, business_date=business_date),
            )
    return publish_quotes(quotes=quotes)


def steps_of(*, isin: str) -> list[int]:
    """Return the steps of the day's path at which a security is quoted: not all at once, but on each half hour all.

    A day that is played in half hours is then traded at quotes of the moment, as the venues' books are.
    """
    inner = range(1 + zlib.crc32(isin.encode()) % STEPS_BETWEEN, LAST_STEP, STEPS_BETWEEN)
    return sorted({*range(0, LAST_STEP, STEPS_IN_A_SLOT), *inner, LAST_STEP})


def moment_of(*, symbol: str, business_date: date, step: int) -> datetime:
    """Return when a step is quoted: half hours on the minute, the others at the security's own second of it."""
    seconds = step * STEP_SECONDS
    if step % STEPS_IN_A_SLOT and step < LAST_STEP:
        seconds += zlib.crc32(symbol.encode()) % STEP_SECONDS
    return datetime.combine(business_date, PATH_OPENS, tzinfo=BUSINESS_ZONE) + timedelta(seconds=seconds)


def digits_of(*, day: PricedDay, price_digits: int) -> int:
    """Return the decimals in which a day is quoted: cents where its prices are whole cents, else all it may have."""
    prices = (day.open, day.high, day.low, day.close)
    return next((d for d in range(2, price_digits) if all(p == round(p, d) for p in prices)), price_digits)


def day_range(*, day: PricedDay, unit: Decimal) -> DayRange:
    """Return a day in ticks of `unit`, its low and high rounded inwards. Raises DayRangeInvalid."""
    low = max(int((day.low / unit).to_integral_value(ROUND_CEILING)), 1)
    high = max(int((day.high / unit).to_integral_value(ROUND_FLOOR)), low)
    first, last = (
        min(max(int((price / unit).to_integral_value(ROUND_HALF_EVEN)), low), high) for price in (day.open, day.close)
    )
    return DayRange(open_ticks=first, high_ticks=high, low_ticks=low, close_ticks=last, volume_units=day.volume)


def _may_be_open(*, after: datetime, until: datetime, business_date: date) -> bool:
    opens = datetime.combine(business_date, PATH_OPENS, tzinfo=BUSINESS_ZONE)
    return after < opens + timedelta(seconds=LAST_STEP * STEP_SECONDS) and until >= opens


@lru_cache(maxsize=512)
def _moments(isin: str, symbol: str, business_date: date) -> tuple[list[int], list[datetime]]:
    """Return the steps at which a security is quoted on a date, and their moments, in order of time."""
    steps = steps_of(isin=isin)
    return steps, [moment_of(symbol=symbol, business_date=business_date, step=step) for step in steps]


@lru_cache(maxsize=512)
def _day_quotes(isin: str, digits: int, lot_size_units: int, liquid: bool, day: PricedDay, seed: int) -> DayQuotes:
    return quote_day(
        day=day_range(day=day, unit=Decimal(1).scaleb(-digits)),
        security=isin, seed=seed, lot_units=lot_size_units, liquid=liquid,
    )  # fmt: skip


def _quotes_at(
    *, security: SecurityEntry, day: PricedDay, business_date: date, steps: list[int], seed: int
) -> Iterator[SecurityQuote]:
    digits = digits_of(day=day, price_digits=security.price_digits)
    found = _day_quotes(security.isin, digits, security.lot_size_units, security.liquid, day, seed)
    for step in steps:
        yield SecurityQuote(
            security_id=security.id,
            at=moment_of(symbol=security.symbol, business_date=business_date, step=step),
            bid=Decimal(int(found.bid_ticks[step])).scaleb(-digits),
            ask=Decimal(int(found.ask_ticks[step])).scaleb(-digits),
            last=Decimal(int(found.last_ticks[step])).scaleb(-digits),
            bid_units=int(found.bid_units[step]),
            ask_units=int(found.ask_units[step]),
            last_units=int(found.last_units[step]),
            source=FEED_SOURCE,
        )
