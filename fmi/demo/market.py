"""A day of an invented market on real prices: who trades what with whom, and how each side reports it. Pure.

Prices follow the day's path, as the quotes do, inside its real low and high; quantities are in proportion to its
real volume, the participants' activity follows a power law. Reports go wrong as they do in life: late, wrong in one
field, missing, a small difference in the cash amount, an optional field left blank. The wrong ones
are cancelled and reported again the next morning. Everything follows from the seed.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np

from reference.core.intraday import (
    HALF_SPREAD_PPM,
    PARTS_PER_MILLION,
    PATH_OPENS,
    STEP_SECONDS,
    DayRange,
    seed_of_day,
    walk_day,
)

ACTIVITY_EXPONENT = 1.1
SHARE_OF_VOLUME = 0.002
TRADES_PER_DAY = 1_000
FEWEST_TRADES = 4

LATE, WRONG_FIELD, MISSING, CASH_DIFFERENCE, BLANK_OPTIONAL = 0.03, 0.02, 0.01, 0.02, 0.05
LOCKED_IN, NOT_CLEARED, FOR_A_CLIENT = 0.10, 0.06, 0.15

FIRST_MONDAY = np.datetime64("2000-01-03")
MINOR_UNITS = 100
LARGEST_DIFFERENCE_MINOR = 150
# Trades that both sides agree on so far from the market, either way, that whoever watches it must find them.
OFF_MARKET, OFF_MARKET_PERCENT = 0.003, (6.0, 12.0)

OPENING = timedelta(hours=PATH_OPENS.hour, minutes=PATH_OPENS.minute)
FIRST_TRADE, LAST_TRADE = timedelta(hours=9, minutes=5), timedelta(hours=17, minutes=10)
NEXT_MORNING, NEXT_NOON = timedelta(hours=9), timedelta(hours=12)


class MarketSecurity(NamedTuple):
    """A security with its real day: prices in units of its last price digit, volume in units."""

    isin: str
    currency: str
    open: int
    high: int
    low: int
    close: int
    price_digits: int
    volume: int
    lot_size_units: int
    percent: bool

    @property
    def value_per_day(self) -> float:
        """Return the value that changed hands on the real day, in whole units of the currency."""
        price = float((self.low + self.high) / 2 / 10**self.price_digits)
        return self.volume * price / (100 if self.percent else 1)


class Trader(NamedTuple):
    """A participant that trades, with the names of its clients' accounts."""

    code: str
    clients: tuple[str, ...]


class MarketEvent(NamedTuple):
    """Something that happens: a REPORT by somebody, or a CANCEL of an earlier one."""

    day_offset: int
    at: timedelta
    kind: str
    report: dict[str, Any]


def activity_weights(*, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the share of each of `count` participants in the trading, a power law that sums to one."""
    weights = np.arange(1, count + 1, dtype=np.float64) ** -ACTIVITY_EXPONENT
    return np.asarray(weights / weights.sum())


def expected_trades(*, securities: Sequence[MarketSecurity]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return how many trades a day to expect in each security: by the square root of its real turnover."""
    turnover = np.array([max(security.value_per_day, 1.0) for security in securities]) ** 0.5
    return np.asarray(np.maximum(FEWEST_TRADES, TRADES_PER_DAY * turnover / turnover.sum()))


def make_day(
    *, seed: int, business_date: date, securities: Sequence[MarketSecurity], traders: Sequence[Trader]
) -> list[MarketEvent]:
    """Return the day's events, ordered by time; those of the next morning have day_offset 1.

    Weekdays go in pairs: on the second day the same parties trade the other way round, in sizes of that
    day. Holdings therefore swing about where they began, and the market does not run dry over the months.
    """
    random = np.random.default_rng([seed, business_date.toordinal()])
    weights = activity_weights(count=len(traders))
    expected = expected_trades(securities=securities)
    pair_of_days, reversed_day = divmod(int(np.busday_count(FIRST_MONDAY, business_date)), 2)
    events: list[MarketEvent] = []
    number = 0
    for security, mean in zip(securities, expected.tolist(), strict=True):
        count = max(FEWEST_TRADES, int(random.poisson(mean)))
        both_days = np.random.default_rng([seed, pair_of_days, *security.isin.encode()])
        parties = np.array([both_days.choice(len(traders), 2, replace=False, p=weights) for _ in range(count)])
        sizes = np.random.default_rng([seed, pair_of_days, 1, *security.isin.encode()]).lognormal(0.0, 1.0, count)
        quantities = sizes / sizes.sum() * security.volume * SHARE_OF_VOLUME / security.lot_size_units
        lots = np.maximum(1, np.rint(quantities)).astype(np.int64)
        seconds = _draw_seconds(random=random, count=count)
        prices = _prices(random=random, security=security, seconds=seconds, seed=seed, business_date=business_date)
        if reversed_day:
            parties = parties[:, ::-1]
        for lot, price, second, (buyer, seller) in zip(
            lots.tolist(), prices.tolist(), seconds.tolist(), parties.tolist(), strict=True
        ):
            number += 1
            trade = _trade(
                number=number,
                business_date=business_date,
                security=security,
                quantity=lot * security.lot_size_units,
                price=price,
                buyer=traders[buyer].code,
                seller=traders[seller].code,
                cleared=bool(random.random() >= NOT_CLEARED),
            )
            events += _report_trade(
                random=random, trade=trade, at=timedelta(seconds=second), buyer=traders[buyer],
                seller=traders[seller], security=security,
            )  # fmt: skip
    return sorted(events, key=lambda event: (event.day_offset, event.at, event.report["trade_id"], event.kind))


def _draw_seconds(*, random: np.random.Generator, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return when each trade is made, in seconds since midnight."""
    return random.integers(int(FIRST_TRADE.total_seconds()), int(LAST_TRADE.total_seconds()), count)


def _prices(
    *,
    random: np.random.Generator,
    security: MarketSecurity,
    seconds: np.ndarray[Any, np.dtype[np.int64]],
    seed: int,
    business_date: date,
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return what is paid at each second of the day: on the path of the quotes, give or take half a spread.

    Inside the day's low and high, but for the few that are off the market.
    """
    day = DayRange(security.open, security.high, security.low, security.close, security.volume)
    path = walk_day(day=day, security=security.isin, seed=seed_of_day(seed=seed, business_date=business_date))
    middle = path[(seconds - int(OPENING.total_seconds())) // STEP_SECONDS].astype(np.float64)
    noise = random.normal(0.0, HALF_SPREAD_PPM / PARTS_PER_MILLION, seconds.size) * middle
    fair = np.clip(np.rint(middle + noise), security.low, security.high)
    away = random.uniform(*OFF_MARKET_PERCENT, seconds.size) * random.choice((-1, 1), seconds.size) / 100
    wrong = np.maximum(np.rint(middle * (1 + away)), 1)
    return np.asarray(np.where(random.random(seconds.size) < OFF_MARKET, wrong, fair), dtype=np.int64)


def _trade(
    *,
    number: int,
    business_date: date,
    security: MarketSecurity,
    quantity: int,
    price: int,
    buyer: str,
    seller: str,
    cleared: bool,
) -> dict[str, Any]:
    """Return a trade as both sides would report it if nothing went wrong."""
    return {
        "trade_id": f"{business_date:%y%m%d}-{number:05d}",
        "buyer": buyer,
        "seller": seller,
        "security": security.isin,
        "quantity": quantity,
        "price": _decimal(price, security.price_digits),
        "currency": security.currency,
        "trade_date": business_date.isoformat(),
        "cleared": cleared,
        "transaction_type": "TRAD",
    }


def _decimal(units: int, digits: int) -> str:
    """Write an integer number of last digits as a decimal string."""
    if digits == 0:
        return str(units)
    whole, rest = divmod(units, 10**digits)
    return f"{whole}.{rest:0{digits}d}"


def _report_trade(
    *,
    random: np.random.Generator,
    trade: dict[str, Any],
    at: timedelta,
    buyer: Trader,
    seller: Trader,
    security: MarketSecurity,
) -> list[MarketEvent]:
    """Return the reports of one trade by its two sides, or by the venue for both."""
    if random.random() < LOCKED_IN:
        return [MarketEvent(0, at, "REPORT", trade)]
    events: list[MarketEvent] = []
    for side, trader in (("B", buyer), ("S", seller)):
        report = {**trade, "trade_id": f"{trade['trade_id']}-{side}", "reporter": trader.code}
        if trader.clients and random.random() < FOR_A_CLIENT:
            report["account"] = trader.clients[int(random.integers(len(trader.clients)))]
        reported_at = at + timedelta(seconds=int(random.exponential(240)))
        fate = random.random()
        if fate < MISSING:
            continue
        fate -= MISSING
        if fate < LATE:
            events.append(MarketEvent(1, _next_morning(random), "REPORT", report))
            continue
        fate -= LATE
        if fate < WRONG_FIELD:
            wrong = _spoil(random=random, report=report, security=security)
            corrected_at = _next_morning(random)
            events.append(MarketEvent(0, reported_at, "REPORT", wrong))
            events.append(MarketEvent(1, corrected_at, "CANCEL", wrong))
            events.append(MarketEvent(1, corrected_at, "REPORT", {**report, "trade_id": report["trade_id"] + "-R"}))
            continue
        fate -= WRONG_FIELD
        if fate < CASH_DIFFERENCE:
            report = {**report, "amount": _off_by_cents(random=random, report=report, security=security)}
        elif fate - CASH_DIFFERENCE < BLANK_OPTIONAL:
            report = {**report, "transaction_type": ""}
        events.append(MarketEvent(0, reported_at, "REPORT", report))
    return events


def _next_morning(random: np.random.Generator) -> timedelta:
    """Return a time on the next morning."""
    return NEXT_MORNING + timedelta(seconds=int(random.random() * (NEXT_NOON - NEXT_MORNING).total_seconds()))


def _spoil(*, random: np.random.Generator, report: dict[str, Any], security: MarketSecurity) -> dict[str, Any]:
    """Return the report with one field wrong."""
    which = int(random.integers(3))
    if which == 0:
        return {
            **report,
            "quantity": report["quantity"] + security.lot_size_units * int(random.integers(1, 10)),
        }
    if which == 1:
        price_units = int(report["price"].replace(".", ""))
        off_by = max(1, price_units * int(random.integers(1, 10)) // 100)
        return {**report, "price": _decimal(price_units + off_by, security.price_digits)}
    return {**report, "cleared": not report["cleared"]}


def _off_by_cents(*, random: np.random.Generator, report: dict[str, Any], security: MarketSecurity) -> str:
    """Return the cash amount of a report, a few cents off."""
    price_units = int(report["price"].replace(".", ""))
    divisor = 10**security.price_digits * (100 if security.percent else 1)
    amount_minor = round(report["quantity"] * price_units * MINOR_UNITS / divisor)
    return _decimal(amount_minor + int(random.integers(1, LARGEST_DIFFERENCE_MINOR)), 2)
