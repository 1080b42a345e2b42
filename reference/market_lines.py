"""Lines of market data as they come from files and requests, read strictly: each refusal names the rule and the field.

A line is a mapping of field names to text (a number in JSON is taken as it is written). What comes out is a row in
the order of its table's columns (market_tables.py).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from reference.core.calendar import BUSINESS_ZONE, FIRST_YEAR, LAST_YEAR, DateOutsideCalendar
from reference.core.directory import SecurityEntry
from reference.market_tables import DAILY_PRICES, EXCHANGE_RATES, QUOTES, MarketTable
from reference.models import BASE_CURRENCY
from reference.queries import directory
from reference.refusals import NaiveTime, Refusal, UnknownSecurity

Line = Mapping[str, Any]

_DECIMAL: Final = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
PRICE_DIGITS: Final = 6
PRICE_BOUND: Final = Decimal(10**12)
RATE_DIGITS: Final = 10
RATE_BOUND: Final = Decimal(10**10)
ADJUSTED_DIGITS: Final = 15
ADJUSTED_BOUND: Final = Decimal(10**9)
MOST_UNITS: Final = 10**15


class MarketLineMalformed(Refusal):
    """A line of market data has a field that is not known, or lacks one that it needs."""

    code = "market-line-malformed"


class MarketFigureInvalid(Refusal):
    """A price or rate is a decimal above zero and a size a whole number, in the digits that are kept."""

    code = "market-figure-invalid"


class QuoteCrossed(Refusal):
    """The bid of a quote is above its ask."""

    code = "quote-crossed"


class QuoteFromTheFuture(Refusal):
    """A quote's moment lies after the business time."""

    code = "quote-from-the-future"


class PriceRangeBroken(Refusal):
    """Of a day's prices the low is lowest and the high is highest."""

    code = "price-range-broken"


class BaseCurrencyRate(Refusal):
    """The base currency is worth itself and has no exchange rate."""

    code = "base-currency-rate"


class MarketDataDiffers(Refusal):
    """Market data with this key stand already, with other content; what stands is never rewritten."""

    code = "market-data-differs"
    status = 409


class MarketMomentInvalid(Refusal):
    """A date is written as 2008-09-15, a moment as 2008-09-15T10:30:00+02:00."""

    code = "market-moment-invalid"


@dataclass(frozen=True, slots=True)
class LineKind:
    """One kind of line: its table, its fields (True: needed), and how a line becomes a row.

    read: line, source, business time -> the row. Raises Refusal.
    """

    table: MarketTable
    fields: Mapping[str, bool]
    read: Callable[[Line, str, datetime], tuple[Any, ...]]


def read_line(*, kind: LineKind, line: Any, source: str, at: datetime) -> tuple[Any, ...]:
    """Return a line's row. Raises Refusal; at: business time, after which no quote may lie."""
    if not isinstance(line, Mapping):
        raise MarketLineMalformed("A line is an object of named fields.")
    unknown = sorted(str(name) for name in set(line) - set(kind.fields))
    if unknown:
        name = unknown[0][:40]
        raise MarketLineMalformed(f"There is no field {name!r}.", pointer=f"/{name}")
    for name, needed in kind.fields.items():
        if needed and line.get(name) in (None, ""):
            raise MarketLineMalformed(f"The field {name} is missing.", pointer=f"/{name}")
    return kind.read(line, source, at)


def _read_quote(line: Line, source: str, at: datetime) -> tuple[Any, ...]:
    security = _security(line)
    moment = _moment(line["at"])
    if moment > at:
        raise QuoteFromTheFuture(f"The quote is of {moment.isoformat()}, and it is {at.isoformat()}.", pointer="/at")
    bid, ask = (_price(line, name) for name in ("bid", "ask"))
    if bid > ask:
        raise QuoteCrossed(f"The bid {bid} is above the ask {ask}.", pointer="/bid")
    last = _price(line, "last")
    sizes = [_units(line, name) for name in ("bid_units", "ask_units", "last_units")]
    return (security.id, moment, bid, ask, last, *sizes, moment.date(), source)


def _read_price(line: Line, source: str, at: datetime) -> tuple[Any, ...]:
    security = _security(line)
    day = _date(line["date"])
    first, high, low, close = (_price(line, name) for name in ("open", "high", "low", "close"))
    if not low <= min(first, close) <= max(first, close) <= high:
        raise PriceRangeBroken(f"Open {first}, high {high}, low {low}, close {close}.", pointer="/low")
    adjusted = close
    if line.get("adjusted_close") not in (None, ""):
        adjusted = _decimal(line, "adjusted_close", digits=ADJUSTED_DIGITS, bound=ADJUSTED_BOUND)
    return (security.id, day, first, high, low, close, _units(line, "volume"), adjusted)


def _read_rate(line: Line, source: str, at: datetime) -> tuple[Any, ...]:
    currency = directory().currency(code=str(line["currency"]).strip().upper(), pointer="/currency")
    if currency.code == BASE_CURRENCY:
        raise BaseCurrencyRate(pointer="/currency")
    value = _decimal(line, "value", digits=RATE_DIGITS, bound=RATE_BOUND)
    return (currency.id, _date(line["date"]), value, source)


LINE_KINDS: Final[Mapping[str, LineKind]] = {
    "quotes": LineKind(
        table=QUOTES,
        fields={
            "security": True, "at": True, "bid": True, "ask": True, "last": True,
            "bid_units": False, "ask_units": False, "last_units": False,
        },
        read=_read_quote,
    ),
    "prices": LineKind(
        table=DAILY_PRICES,
        fields={
            "security": True, "date": True, "open": True, "high": True, "low": True, "close": True,
            "volume": True, "adjusted_close": False,
        },
        read=_read_price,
    ),
    "exchange-rates": LineKind(
        table=EXCHANGE_RATES, fields={"currency": True, "date": True, "value": True}, read=_read_rate
    ),
}  # fmt: skip


def _security(line: Line) -> SecurityEntry:
    """Return the security that an ISIN or a symbol names."""
    source = directory()
    text = str(line["security"]).strip().upper()
    found = source.securities_by_isin.get(text) or source.securities_by_symbol.get(text)
    if found is None:
        raise UnknownSecurity(f"No security has the ISIN or symbol {text[:40]!r}.", pointer="/security")
    return found


def _price(line: Line, name: str) -> Decimal:
    return _decimal(line, name, digits=PRICE_DIGITS, bound=PRICE_BOUND)


def _decimal(line: Line, name: str, *, digits: int, bound: Decimal) -> Decimal:
    """Return a decimal above zero with at most so many decimals. Raises MarketFigureInvalid."""
    text = _text(line[name])
    try:
        if not _DECIMAL.fullmatch(text) or len(text) > 40:
            raise InvalidOperation
        value = Decimal(text)
    except InvalidOperation:
        raise MarketFigureInvalid(f"{name} is {text[:40]!r}, no decimal number.", pointer=f"/{name}") from None
    exponent = value.normalize().as_tuple().exponent
    if not 0 < value < bound or (isinstance(exponent, int) and exponent < -digits):
        raise MarketFigureInvalid(
            f"{name} is {text[:40]}: it must lie above zero and below {bound}, with at most {digits} decimals.",
            pointer=f"/{name}",
        )
    return value


def _units(line: Line, name: str) -> int:
    """Return a whole number of units, 0 where there is none. Raises MarketFigureInvalid."""
    text = _text(line.get(name)) or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= MOST_UNITS):
        raise MarketFigureInvalid(
            f"{name} is {text[:40]!r}: it must be a whole number up to {MOST_UNITS}.", pointer=f"/{name}"
        )
    return int(text)


def _text(value: Any) -> str:
    """Return a cell as text; a truth or a structure is no figure."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        return "?"
    return str(value).strip()


def _date(value: Any) -> date:
    """Return a date. Raises MarketMomentInvalid, DateOutsideCalendar."""
    text = _text(value)
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        day = date.fromisoformat(text)
    except ValueError:
        raise MarketMomentInvalid(f"{text[:40]!r} is no date like 2008-09-15.", pointer="/date") from None
    return _inside(day, pointer="/date")


def _moment(value: Any) -> datetime:
    """Return a moment in the business zone. Raises MarketMomentInvalid, NaiveTime, DateOutsideCalendar."""
    text = _text(value)
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MarketMomentInvalid(f"{text[:40]!r} is no moment like 2008-09-15T10:30:00Z.", pointer="/at") from None
    if moment.tzinfo is None:
        raise NaiveTime(pointer="/at")
    _inside(moment.date(), pointer="/at")
    # PostgreSQL reads no offset beyond 16 hours.
    return moment.astimezone(BUSINESS_ZONE)


def _inside(day: date, *, pointer: str) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise DateOutsideCalendar(f"{day} lies outside {FIRST_YEAR} to {LAST_YEAR}.", pointer=pointer)
    return day
