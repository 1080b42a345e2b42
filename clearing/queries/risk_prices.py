"""What the margin model reads of prices: histories with proxies, volumes, and the prices to mark at."""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from clearing.core.arrays import Dates, Floats, Ints
from clearing.core.marking import MILLION
from clearing.core.prices import PriceHistory, align_history
from clearing.core.proxies import fill_by_proxies
from clearing.core.refusals import PositionUnpriced, PriceGap
from clearing.core.risk_model import RiskModel, build_risk_model
from clearing.models import MarginParameters, PriceProxy
from clearing.queries.margin_parameters import settings_of
from reference.bulk import fetch_arrays
from reference.queries import directory

KEPT_SECONDS = 60.0
KEPT_MODELS = 16
_kept: dict[tuple[tuple[int, ...], date, int], tuple[float, RiskModel]] = {}
_lock = threading.Lock()

HISTORY_SQL = """
    SELECT security_id, date, adjusted_close::float8 AS price, volume
    FROM reference_dailyprice WHERE security_id = ANY(%(securities)s::bigint[]) AND date <= %(day)s
"""

MARKS_SQL = f"""
    SELECT wanted.id, (last.price * {MILLION})::bigint AS millionths, last.date
    FROM unnest(%(securities)s::bigint[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN p.date = %(opened_on)s THEN p.open ELSE p.close END AS price, p.date
        FROM reference_dailyprice p
        WHERE p.security_id = wanted.id AND p.date <= %(day)s ORDER BY p.date DESC LIMIT 1
    ) last
"""


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Prices to mark at: security ids (k,) ascending, prices in millionths, and the dates they are of."""

    securities: Ints
    price_millionths: Ints
    dates: Dates

    def prices_of(self, securities: Ints) -> Ints:
        """Return the prices of positions in these securities, in millionths."""
        prices: Ints = self.price_millionths[np.searchsorted(self.securities, securities)]
        return prices


def read_marks(*, securities: Sequence[int], day: date, stale_after_days: int, at_open: bool = False) -> Marks:
    """Return the last closing prices on or before a day; with `at_open` its opening prices, where it has them.

    Raises PositionUnpriced, and PriceGap for a price older than `stale_after_days` calendar days.
    """
    wanted = np.unique(np.asarray(securities, dtype=np.int64))
    parameters = {"securities": wanted.tolist(), "day": day, "opened_on": day if at_open else None}
    with connection.cursor() as cursor:
        rows = fetch_arrays(cursor, MARKS_SQL, parameters)
    order = np.argsort(rows["id"])
    marks = Marks(rows["id"][order], rows["millionths"][order], rows["date"][order])
    missing = np.setdiff1d(wanted, marks.securities)
    if len(missing):
        names = ", ".join(_name(security) for security in missing[:3].tolist())
        raise PositionUnpriced(f"{names} had no price on {day}, nor before.", securities=missing.tolist())
    stale = marks.dates < np.datetime64(day - timedelta(days=stale_after_days))
    if stale.any():
        place = int(np.argmax(stale))
        raise PriceGap(
            f"The last price of {_name(int(marks.securities[place]))} is of {marks.dates[place]}, more than"
            f" {stale_after_days} days before {day}.",
            instrument=_name(int(marks.securities[place])),
        )
    return marks


def read_risk_model(*, securities: Sequence[int], day: date, parameters: MarginParameters) -> RiskModel:
    """Return the margin model of some securities from their prices up to a day, in the order of the securities given.

    Raises HistoryTooShort and what read_price_history raises.
    """
    history, average_volume = read_price_history(securities=securities, day=day, volume_days=parameters.volume_days)
    return build_risk_model(history=history, average_volume=average_volume, settings=settings_of(parameters=parameters))


def read_price_history(*, securities: Sequence[int], day: date, volume_days: int) -> tuple[PriceHistory, Floats]:
    """Return the adjusted closes of some securities up to a day, aligned, and their average volumes, (k,) each.

    What comes before a security's first price is its proxy's. Two queries; one read of the history, proxies' included.
    Raises PositionUnpriced, PriceGap, PriceNotPositive, SplitSuspected, ProxyInvalid.
    """
    proxies = _proxies_of(securities)
    columns = list(dict.fromkeys([*securities, *(proxy for proxy, _ in proxies.values())]))
    history, volumes = _read_history(columns=columns, day=day)
    names = dict(zip(columns, history.instruments, strict=True))
    chosen = tuple(names[security] for security in securities)
    # Its checks are of true prices: a scaled proxy may well move as a split would.
    align_history(history=history, instruments=history.instruments, gaps="skip")
    filled = fill_by_proxies(
        history=history,
        proxies={names[security]: names[proxy] for security, (proxy, _) in proxies.items()},
        scales={names[security]: scale for security, (_, scale) in proxies.items()},
    )
    count = len(securities)
    own = PriceHistory(chosen, filled.dates, filled.prices[:, :count])
    traded = np.isfinite(own.prices).any(axis=1)
    history = align_history(
        history=PriceHistory(chosen, own.dates[traded], own.prices[traded]), instruments=chosen, check_splits=False
    )
    return history, _average_volume(volumes[:, :count], days=volume_days)


def cached_risk_model(*, securities: Sequence[int], day: date, parameters: MarginParameters) -> RiskModel:
    """Return the model as read_risk_model does, at most KEPT_SECONDS behind the prices in the database."""
    key = (tuple(securities), day, parameters.pk)
    found = _kept.get(key)
    if found is not None and time.monotonic() - found[0] < KEPT_SECONDS:
        return found[1]
    model = read_risk_model(securities=securities, day=day, parameters=parameters)
    with _lock:
        while len(_kept) >= KEPT_MODELS:
            del _kept[next(iter(_kept))]
        _kept[key] = (time.monotonic(), model)
    return model


def _read_history(*, columns: Sequence[int], day: date) -> tuple[PriceHistory, Floats]:
    """Return the adjusted closes of all dates, and the volumes beside them; NaN where there is no price."""
    with connection.cursor() as cursor:
        rows = fetch_arrays(cursor, HISTORY_SQL, {"securities": list(columns), "day": day})
    dates, row = np.unique(rows["date"], return_inverse=True)
    ids = np.asarray(columns, dtype=np.int64)
    order = np.argsort(ids)
    column = order[np.searchsorted(ids, rows["security_id"], sorter=order)]
    prices = np.full((len(dates), len(columns)), np.nan)
    prices[row, column] = rows["price"]
    volumes = np.full(prices.shape, np.nan)
    volumes[row, column] = rows["volume"]
    return PriceHistory(tuple(_name(security) for security in columns), dates, prices), volumes


def _average_volume(volumes: Floats, *, days: int) -> Floats:
    """Return the average of each security's last days with a price, (k,)."""
    known = np.isfinite(volumes)
    # Counted from the end, so that each column takes its own last days.
    recent = known & (np.cumsum(known[::-1], axis=0)[::-1] <= days)
    counted: NDArray[np.int64] = recent.sum(axis=0)
    total = np.where(recent, volumes, 0.0).sum(axis=0)
    average: Floats = np.divide(total, counted, out=np.zeros(len(total)), where=counted > 0)
    return average


def _proxies_of(securities: Iterable[int]) -> Mapping[int, tuple[int, float]]:
    """Return security -> (proxy, scale) of these securities, of their proxies, and so on."""
    table = {
        security: (proxy, float(scale) / 100)
        for security, proxy, scale in PriceProxy.objects.values_list("security_id", "proxy_id", "scale_percent")
    }
    found: dict[int, tuple[int, float]] = {}
    waiting = list(securities)
    while waiting:
        security = waiting.pop()
        if security in table and security not in found:
            found[security] = table[security]
            waiting.append(table[security][0])
    return found


def _name(security: int) -> str:
    return directory().securities[security].symbol
