"""The historical scenarios that come with the product are what their names say, by the real prices."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# code -> first and last day of the window, days, and whether it is the worst or the best move in it
WINDOWS = {
    "RALLY_2000_APR": ("2000-03-01", "2000-12-31", 2, max),
    "CRASH_2000_SEP": ("2000-03-01", "2000-12-31", 1, min),
    "CRASH_2001_SEP": ("2001-09-01", "2001-10-31", 2, min),
    "CRASH_2002_JUL": ("2002-07-01", "2002-08-31", 2, min),
    "RALLY_2002_OCT": ("2002-10-01", "2002-10-31", 2, max),
    "CRASH_2002_OCT": ("2002-10-01", "2002-10-31", 1, min),
    "CRASH_2008_JAN": ("2008-01-01", "2008-01-31", 2, min),
    "RALLY_2008_APR": ("2008-04-01", "2008-04-30", 1, max),
    "CRASH_2008_SEP_1": ("2008-09-01", "2008-10-31", 1, min),
    "CRASH_2008_SEP_2": ("2008-09-01", "2008-10-31", 2, min),
    "RALLY_2008_OCT_1": ("2008-09-01", "2008-10-31", 1, max),
    "RALLY_2008_OCT_2": ("2008-09-01", "2008-10-31", 2, max),
    "CRASH_2010_MAY_1": ("2010-05-01", "2010-05-31", 1, min),
    "CRASH_2010_MAY_2": ("2010-05-01", "2010-05-31", 2, min),
    "CRASH_2011_AUG_1": ("2011-08-01", "2011-08-31", 1, min),
    "CRASH_2011_AUG_2": ("2011-08-01", "2011-08-31", 2, min),
}


@pytest.fixture(scope="module")
def prices() -> dict[str, dict[str, float]]:
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    with gzip.open(ROOT / "reference/data/stocks.csv.gz", "rt", newline="") as file:
        for line in csv.DictReader(file):
            found[line["Date"]][line["Ticker"]] = float(line["Adj Close"])
    return found


@pytest.fixture(scope="module")
def scenarios() -> dict[str, dict[str, str]]:
    with (ROOT / "clearing/stress_scenarios.csv").open(newline="") as file:
        return {line["code"]: line for line in csv.DictReader(file)}


def average_move(before: dict[str, float], after: dict[str, float]) -> float:
    both = before.keys() & after.keys()
    return sum(after[name] / before[name] - 1 for name in both) / len(both)


def test_every_historical_scenario_is_looked_at(scenarios: dict[str, dict[str, str]]) -> None:
    assert {code for code, line in scenarios.items() if line["kind"] == "HISTORICAL"} == WINDOWS.keys()


@pytest.mark.parametrize("code", WINDOWS)
def test_the_dates_are_those_of_the_largest_move_of_the_average_share(
    code: str, prices: dict[str, dict[str, float]], scenarios: dict[str, dict[str, str]]
) -> None:
    first, last, days, pick = WINDOWS[code]
    ordered = sorted(prices)
    moves = {
        (before, after): average_move(prices[before], prices[after])
        for before, after in zip(ordered, ordered[days:], strict=False)
        if first <= after <= last
    }
    chosen = scenarios[code]
    assert (chosen["from_date"], chosen["to_date"]) == pick(moves, key=lambda pair: moves[pair])
    assert date.fromisoformat(chosen["to_date"]) > date.fromisoformat(chosen["from_date"])
