"""The reference data files of the product, read and checked row by row before anything is written.

Settlement lags are business days: three for US equities (SEC Rule 15c6-1 as it stood from 1995 to
2017), two for bonds and funds (the usual lag of German, French and international bonds in 2008, and
what CSDR, Regulation (EU) No 909/2014, Article 5(2) made the European rule in 2014).
"""

import csv
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import holidays
import numpy as np
from numpy.typing import NDArray

from reference.core.calendar import FIRST_YEAR, LAST_YEAR, build_calendar, business_days_between
from reference.core.identifiers import check_bic, check_isin, check_lei
from reference.core.synthetic_prices import PriceHistory, walk_prices
from reference.refusals import ReferenceFileInvalid, Refusal

DATA = Path(__file__).resolve().parent / "data"

CALENDARS = (
    ("TARGET", "TARGET, the Eurosystem's payment days", "XECB"),
    ("US", "United States, the days of the New York Stock Exchange", "XNYS"),
)
CURRENCIES = (("EUR", "Euro", "TARGET"), ("USD", "US dollar", "US"))
CALENDAR_OF_CURRENCY = {code: calendar for code, _, calendar in CURRENCIES}

EQUITY_LAG_DAYS = 3
BOND_LAG_DAYS = 2
FUND_LAG_DAYS = 2

EQUITY_PRICE_DIGITS = 4
BOND_PRICE_DIGITS = 3
FUND_PRICE_DIGITS = 4

SYNTHETIC_FIRST_DATE = date(2008, 8, 1)
SYNTHETIC_LAST_DATE = date(2008, 12, 31)
SYNTHETIC_SEED = 20080801


@dataclass(frozen=True, slots=True)
class ParticipantRow:
    """One line of participants.csv."""

    code: str
    name: str
    role: str
    clearing_member: str | None
    lei: str
    bic: str


@dataclass(frozen=True, slots=True)
class SecurityRow:
    """One line of stocks.csv, bonds.csv or funds.csv."""

    isin: str
    symbol: str
    name: str
    issuer_name: str
    issuer_sector: str
    security_type: str
    quotation: str
    currency: str
    settlement_lag_days: int
    lot_size_units: int
    price_digits: int
    liquid: bool
    maturity_date: date | None


@dataclass(frozen=True, slots=True)
class SyntheticPrices:
    """The synthetic history of one security: days datetime64[D] (n,), prices scaled by price_digits."""

    symbol: str
    price_digits: int
    days: NDArray[np.datetime64]
    history: PriceHistory


def _lines(name: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield each line of a file with its place, for messages."""
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        for number, line in enumerate(csv.DictReader(file), start=2):
            yield f"{name}, line {number}", line


def read_holidays() -> Iterator[tuple[str, date, str]]:
    """Yield (calendar code, date, name) of every holiday that is a weekday, FIRST_YEAR to LAST_YEAR."""
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    for code, _, financial_code in CALENDARS:
        found = holidays.financial_holidays(financial_code, years=years)
        for day, name in sorted(found.items()):
            if day.isoweekday() <= 5:
                yield code, day, name


def read_participants() -> list[ParticipantRow]:
    """Read participants.csv. Raises ReferenceFileInvalid for a wrong LEI or BIC."""
    rows = []
    for place, line in _lines("participants.csv"):
        try:
            row = ParticipantRow(
                code=line["code"],
                name=line["name"],
                role=line["role"],
                clearing_member=line["clearing_member"] or None,
                lei=check_lei(value=line["lei"]),
                bic=check_bic(value=line["bic"]),
            )
        except Refusal as refusal:
            raise ReferenceFileInvalid(f"{place}: {refusal.message}") from refusal
        rows.append(row)
    return rows


def read_securities() -> list[SecurityRow]:
    """Read stocks.csv, bonds.csv and funds.csv. Raises ReferenceFileInvalid for a wrong ISIN."""
    kinds = (
        ("stocks.csv", "EQUITY", "UNIT", EQUITY_LAG_DAYS, EQUITY_PRICE_DIGITS),
        ("bonds.csv", "BOND", "PERCENT", BOND_LAG_DAYS, BOND_PRICE_DIGITS),
        ("funds.csv", "FUND", "UNIT", FUND_LAG_DAYS, FUND_PRICE_DIGITS),
    )
    rows = []
    for file, security_type, quotation, lag_days, price_digits in kinds:
        for place, line in _lines(file):
            maturity = line.get("maturity_date")
            try:
                row = SecurityRow(
                    isin=check_isin(value=line["isin"]),
                    symbol=line["symbol"],
                    name=line["name"],
                    issuer_name=line["issuer_name"],
                    issuer_sector=line.get("sector") or "CORPORATE",
                    security_type=security_type,
                    quotation=quotation,
                    currency=line["currency"],
                    settlement_lag_days=lag_days,
                    lot_size_units=int(line.get("lot_size_units") or 1),
                    price_digits=price_digits,
                    liquid=line.get("liquid", "true") == "true",
                    maturity_date=date.fromisoformat(maturity) if maturity else None,
                )
            except (Refusal, ValueError) as error:
                raise ReferenceFileInvalid(f"{place}: {error}") from error
            rows.append(row)
    return rows


def read_stock_prices() -> Iterator[tuple[str, ...]]:
    """Yield (symbol, date, open, high, low, close, volume, adjusted close) as text, as in the real file."""
    with gzip.open(DATA / "stocks.csv.gz", "rt", newline="", encoding="ascii") as file:
        lines = csv.reader(file)
        next(lines)
        for line in lines:
            yield tuple(line)


def read_exchange_rates() -> Iterator[tuple[str, date, Decimal]]:
    """Yield (currency, date from which on, units of it for one euro). Raises ReferenceFileInvalid."""
    for place, line in _lines("exchange_rates.csv"):
        try:
            rate = Decimal(line["units_per_eur"])
            day = date.fromisoformat(line["date"])
        except (ArithmeticError, ValueError) as error:
            raise ReferenceFileInvalid(f"{place}: {error}") from error
        if not (rate.is_finite() and rate > 0):
            raise ReferenceFileInvalid(f"{place}: a rate is above zero, not {rate}.")
        yield line["currency"], day, rate


def make_synthetic_prices() -> Iterator[SyntheticPrices]:
    """Yield the price history of every bond and fund, over the business days of its currency."""
    days_of = {currency: _synthetic_days(calendar) for currency, calendar in CALENDAR_OF_CURRENCY.items()}
    for file, price_digits in (("bonds.csv", BOND_PRICE_DIGITS), ("funds.csv", FUND_PRICE_DIGITS)):
        for _, line in _lines(file):
            days = days_of[line["currency"]]
            history = walk_prices(
                isin=line["isin"],
                days=len(days),
                first_price=float(line["first_price"]),
                volatility_bp=float(line["volatility_bp"]),
                volume_units=int(line["volume_units"]),
                lot_units=int(line["lot_size_units"]),
                price_digits=price_digits,
                seed=SYNTHETIC_SEED,
            )
            yield SyntheticPrices(symbol=line["symbol"], price_digits=price_digits, days=days, history=history)


def _synthetic_days(calendar: str) -> NDArray[np.datetime64]:
    """Return the business days of the synthetic histories in a calendar."""
    closed = [day for code, day, _ in read_holidays() if code == calendar]
    days = business_days_between(
        first=SYNTHETIC_FIRST_DATE, last=SYNTHETIC_LAST_DATE, calendar=build_calendar(holidays=closed)
    )
    return np.array(days, dtype="datetime64[D]")
