"""Deterministic price histories for securities of which no real one may be carried.

A seeded random walk; it is not market data, and PROVENANCE.md says so.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BASIS_POINT = 1e-4


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """Daily prices of one security: int64 (n,), scaled by ten to the power of the price digits."""

    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    volume: NDArray[np.int64]


def walk_prices(
    *, isin: str, days: int, first_price: float, volatility_bp: float, volume_units: int, lot_units: int,
    price_digits: int, seed: int,
) -> PriceHistory:  # fmt: skip
    """Walk at random in daily log returns, with a daily range and log-normal volumes.

    isin and seed fix the random numbers; volatility_bp is the standard deviation of one day's
    return; volume_units is the median daily volume, rounded down to lots. Prices stay above one tick.
    """
    random = np.random.default_rng([seed, zlib.crc32(isin.encode("ascii"))])
    volatility = volatility_bp * BASIS_POINT
    returns = random.normal(0.0, volatility, days)
    overnight = random.normal(0.0, volatility / 4, days)
    reach = np.abs(random.normal(0.0, volatility / 2, (2, days)))

    close = first_price * np.exp(np.cumsum(returns))
    before = np.concatenate(([first_price], close[:-1]))
    opening = before * np.exp(overnight)
    high = np.maximum(opening, close) * (1.0 + reach[0])
    low = np.minimum(opening, close) * (1.0 - reach[1])
    lots = np.exp(random.normal(0.0, 0.5, days)) * volume_units / lot_units

    scale = 10.0**price_digits

    def ticks(prices: NDArray[np.float64]) -> NDArray[np.int64]:
        """Round to whole ticks; rounding is monotone, so low stays lowest and high highest."""
        return np.maximum(np.rint(prices * scale), 1.0).astype(np.int64)

    return PriceHistory(
        open=ticks(opening), high=ticks(high), low=ticks(low), close=ticks(close),
        volume=np.maximum(lots.astype(np.int64), 1) * lot_units,
    )  # fmt: skip
