"""What the pages of the market show: the tape of all securities, and one security's day and history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from django.db import connection

from reference.core.calendar import BUSINESS_ZONE
from reference.core.directory import SecurityEntry
from reference.core.figures import write_figure
from reference.market_data import SecurityQuote, last_quotes
from reference.queries import directory

SPARK_WIDTH: Final = 100
SPARK_HEIGHT: Final = 28
SPARK_MARGIN: Final = 2

# The last close before each security's own date: that of its last quote, or today.
PREVIOUS_CLOSES_SQL = """
SELECT given.security_id, p.close
FROM unnest(%s::bigint[], %s::date[]) AS given(security_id, date)
JOIN LATERAL (
    SELECT close FROM reference_dailyprice WHERE security_id = given.security_id AND date < given.date
    ORDER BY date DESC LIMIT 1
) p ON true
"""
DAY_QUOTES_SQL = """
SELECT q.security_id, q.at, q.bid, q.ask, q.last, q.last_units
FROM unnest(%s::bigint[]) AS given(security_id)
JOIN reference_quote q ON q.security_id = given.security_id AND q.at >= %s AND q.at < %s
ORDER BY q.security_id, q.at, q.source
"""
# bucket: 'day' or 'month'. Only days before the business date: what today will have been is not known yet.
HISTORY_SQL = """
SELECT min(date), (array_agg(open ORDER BY date))[1], max(high), min(low),
       (array_agg(close ORDER BY date DESC))[1], sum(volume)::bigint
FROM reference_dailyprice
WHERE security_id = %s AND date >= %s AND date < %s
GROUP BY date_trunc(%s, date) ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class DayQuote:
    """One of a day's quotes."""

    at: datetime
    bid: Decimal
    ask: Decimal
    last: Decimal
    last_units: int


@dataclass(frozen=True, slots=True)
class TapeRow:
    """A security on the tape: its last quote and how it stands to the close before; spark: an SVG path, "" for none."""

    security: SecurityEntry
    quote: SecurityQuote | None
    previous_close: Decimal | None
    spark: str
    is_today: bool

    @property
    def change(self) -> Decimal | None:
        """Return what the last price is above the close before."""
        if self.quote is None or self.previous_close is None:
            return None
        return self.quote.last - self.previous_close

    @property
    def change_percent(self) -> Decimal | None:
        """Return the change in percent of the close before."""
        if self.change is None or self.previous_close is None:
            return None
        return self.change / self.previous_close * 100

    @property
    def change_text(self) -> str:
        """Return the change in percent as it is written: "+0.65 %", "0.00 %"; "" where there is none."""
        percent = self.change_percent
        if percent is None:
            return ""
        return f"{write_figure(value=percent, plus=True)} %"

    @property
    def tone(self) -> str:
        """Return the tone of the change; of one that is written 0.00 %, none."""
        if self.change_text == "0.00 %":
            return ""
        change = self.change
        return "good" if change and change > 0 else "bad" if change and change < 0 else ""


@dataclass(frozen=True, slots=True)
class PricePeriod:
    """A day's or month's prices."""

    date: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


def read_tape(*, securities: Sequence[SecurityEntry], business_date: date) -> list[TapeRow]:
    """Return the securities with last quote, change and today's line, in their order: two queries."""
    ids = [security.id for security in securities]
    quotes = last_quotes(security_ids=ids)
    dates = [quotes[key].at.astimezone(BUSINESS_ZONE).date() if key in quotes else business_date for key in ids]
    with connection.cursor() as cursor:
        cursor.execute(PREVIOUS_CLOSES_SQL, [ids, dates])
        closes: dict[int, Decimal] = dict(cursor.fetchall())
    today = read_day(security_ids=ids, business_date=business_date)
    return [
        TapeRow(
            security=security,
            quote=quotes.get(security.id),
            previous_close=closes.get(security.id),
            spark=draw_spark([quote.last for quote in today.get(security.id, [])]),
            is_today=security.id in quotes and day == business_date,
        )
        for security, day in zip(securities, dates, strict=True)
    ]


def read_day(*, security_ids: Sequence[int], business_date: date) -> dict[int, list[DayQuote]]:
    """Return each security's quotes of a date, in the order of time."""
    opens = datetime.combine(business_date, time(0), tzinfo=BUSINESS_ZONE)
    closes = datetime.combine(business_date + timedelta(days=1), time(0), tzinfo=BUSINESS_ZONE)
    found: dict[int, list[DayQuote]] = {}
    with connection.cursor() as cursor:
        cursor.execute(DAY_QUOTES_SQL, [list(security_ids), opens, closes])
        for security_id, *figures in cursor.fetchall():
            found.setdefault(security_id, []).append(DayQuote(*figures))
    return found


def read_history(*, security_id: int, since: date, before: date, by_month: bool = False) -> list[PricePeriod]:
    """Return a security's prices of the days (or months) from `since` until before a date."""
    with connection.cursor() as cursor:
        cursor.execute(HISTORY_SQL, [security_id, since, before, "month" if by_month else "day"])
        return [PricePeriod(*row) for row in cursor.fetchall()]


def listed_securities() -> list[SecurityEntry]:
    """Return the active securities: equities, funds, bonds, each by symbol."""
    order = {"EQUITY": 0, "FUND": 1, "BOND": 2}
    active = [entry for entry in directory().securities.values() if entry.active]
    return sorted(active, key=lambda entry: (order[entry.security_type], entry.symbol))


def draw_spark(prices: Sequence[Decimal]) -> str:
    """Return a path through the prices in a box of SPARK_WIDTH by SPARK_HEIGHT; "" for fewer than two."""
    if len(prices) < 2:
        return ""
    low, high = min(prices), max(prices)
    step = SPARK_WIDTH / (len(prices) - 1)
    scale = float(SPARK_HEIGHT - 2 * SPARK_MARGIN) / float(high - low) if high > low else 0.0
    points = [
        f"{place * step:.1f} {SPARK_HEIGHT - SPARK_MARGIN - float(value - low) * scale:.1f}"
        for place, value in enumerate(prices)
    ]
    return "M" + "L".join(points)
