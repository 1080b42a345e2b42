"""The risk engine's compute, beside a bare matrix product of the same size: `python -m bench.clearing`.

It runs in a process of its own, without the database, so that its memory is its own.
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from clearing.core.rolling import roll_margins
from clearing.core.stress import cover_two
from clearing.core.tail import measure_accounts, tail_of_accounts

ACCOUNTS: Final = 500
INSTRUMENTS: Final = 2_000
SCENARIOS: Final = 1_000
ROUNDS: Final = 15
COVER_SCENARIOS: Final = 50
COVER_GROUPS: Final = 60
BACKTEST_DAYS: Final = 3_000
BACKTEST_INSTRUMENTS: Final = 5
CONFIDENCE: Final = 0.99
_MEBIBYTE: Final = 1_024
"""Kibibytes."""


def measure_margin() -> dict[str, Any]:
    """Time VaR and ES of all accounts and the bare product, in turn; the ratio is the median of the rounds'."""
    values, scenarios = _make_market()
    product, margin = [], []
    before = _peak_mb()
    for _ in range(ROUNDS):
        product.append(_seconds(lambda: values @ scenarios.T))
        margin.append(_seconds(lambda: measure_accounts(values=values, scenarios=scenarios, confidence=CONFIDENCE)))
    ratios = [one / other for one, other in zip(margin, product, strict=True)]
    one = values[:1]
    trade = np.zeros((1, INSTRUMENTS))
    trade[0, 7] = 1e6

    def what_if() -> object:
        both = np.concatenate((one, one + trade))
        return tail_of_accounts(values=both, scenarios=scenarios, confidence=CONFIDENCE, measure="es")

    return {
        "accounts": ACCOUNTS,
        "instruments": INSTRUMENTS,
        "scenarios": SCENARIOS,
        "margin_ms": round(1_000 * statistics.median(margin), 2),
        "product_ms": round(1_000 * statistics.median(product), 2),
        "ratio": round(statistics.median(ratios), 2),
        "memory_mb": _peak_mb(),
        "memory_before_mb": before,
        "what_if_ms": round(1_000 * statistics.median(_seconds(what_if) for _ in range(5 * ROUNDS)), 3),
    }


def measure_cover_two() -> dict[str, Any]:
    """Time Cover-2 over many groups and scenarios."""
    losses = np.random.default_rng(3).normal(size=(COVER_SCENARIOS, COVER_GROUPS)) * 1e9
    took = statistics.median(_seconds(lambda: cover_two(losses=losses)) for _ in range(5 * ROUNDS))
    return {"scenarios": COVER_SCENARIOS, "groups": COVER_GROUPS, "ms": round(1_000 * took, 3)}


def measure_backtest() -> dict[str, Any]:
    """Time the rolling margins of one portfolio, historical and filtered."""
    moves = np.random.default_rng(5).normal(size=(BACKTEST_DAYS, BACKTEST_INSTRUMENTS)) * 0.01
    prices = 100.0 * np.exp(np.cumsum(moves, axis=0))
    values = np.linspace(-1e6, 2e6, BACKTEST_INSTRUMENTS)
    seconds = {}
    for method in ("hs", "fhs"):
        seconds[method] = _seconds(
            lambda method=method: roll_margins(  # type: ignore[misc]
                prices=prices, values=values, method=method, measure="es", confidence=CONFIDENCE,
                lookback=SCENARIOS, horizon_days=2,
            )
        )  # fmt: skip
    return {
        "days": BACKTEST_DAYS,
        "instruments": BACKTEST_INSTRUMENTS,
        "lookback": SCENARIOS,
        "seconds": {method: round(took, 3) for method, took in seconds.items()},
    }


def _make_market() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    random = np.random.default_rng(1)
    values = random.normal(size=(ACCOUNTS, INSTRUMENTS)) * 1e6
    scenarios = random.standard_t(4, size=(SCENARIOS, INSTRUMENTS)) * 0.01
    return values, scenarios


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _peak_mb() -> int:
    """Return this program's own peak: getrusage's would be that of the process which started it, if larger."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _MEBIBYTE
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) // _MEBIBYTE


def main() -> int:
    """Measure everything and print one JSON object."""
    figures = {"margin": measure_margin(), "cover_2": measure_cover_two(), "backtest": measure_backtest()}
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
