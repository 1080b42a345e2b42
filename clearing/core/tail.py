"""Value at risk and expected shortfall of losses, with the quantile convention pinned.

Losses sorted descending, m = ceil((1 - confidence) * n): VaR = L(m), ES = mean(L(1) .. L(m)). ES with this
estimator is coherent, subadditive among others (Acerbi and Tasche 2002); VaR is not.
"""

import math
from typing import Final, Literal

import numpy as np

from clearing.core.arrays import Floats
from clearing.core.refusals import ConfidenceOutOfRange, HistoryTooShort, NotFinite, ShapesDiffer

Measure = Literal["es", "var"]
MEASURES: Final[tuple[Measure, ...]] = ("es", "var")

_BLOCK_NUMBERS: Final = 2_000_000
"""How many profits and losses are held at once: 16 MB."""

_FLOAT_ERROR: Final = 1e-9


def count_tail(*, observations: int, confidence: float) -> int:
    """Return m = ceil((1 - confidence) * n), at least 1: how many losses make the tail.

    (1 - 0.99) * 1000 is 10.000000000000009 in floating point and means 10.
    Raises ConfidenceOutOfRange, HistoryTooShort.
    """
    if not 0.0 < confidence < 1.0:
        raise ConfidenceOutOfRange(f"A confidence of {confidence}; it lies strictly between 0 and 1: 99 % is 0.99.")
    if observations < 1:
        raise HistoryTooShort("There is no loss to measure.")
    exact = (1.0 - confidence) * observations
    return min(max(math.ceil(exact - _FLOAT_ERROR * max(1.0, exact)), 1), observations)


def worst_losses(*, losses: Floats, confidence: float) -> Floats:
    """Return L(1) .. L(m), descending. Raises ConfidenceOutOfRange, HistoryTooShort, NotFinite."""
    tail = count_tail(observations=len(losses), confidence=confidence)
    if not np.isfinite(losses).all():
        raise NotFinite(f"Loss {int(np.argmin(np.isfinite(losses))) + 1} is no finite number.")
    worst: Floats = np.sort(np.partition(losses, len(losses) - tail)[len(losses) - tail :])[::-1]
    return worst


def value_at_risk(*, losses: Floats, confidence: float) -> float:
    """Return L(m) of losses (n,), below zero where even that is a gain.

    Raises ConfidenceOutOfRange, HistoryTooShort, NotFinite.
    """
    return float(worst_losses(losses=losses, confidence=confidence)[-1])


def expected_shortfall(*, losses: Floats, confidence: float) -> float:
    """Return the mean of L(1) .. L(m) of losses (n,), below zero where that is a gain.

    Raises ConfidenceOutOfRange, HistoryTooShort, NotFinite.
    """
    return float(worst_losses(losses=losses, confidence=confidence).mean())


def tail_of_accounts(*, values: Floats, scenarios: Floats, confidence: float, measure: Measure) -> Floats:
    """Return each account's margin: the measure of its losses over the scenarios, zero where that is a gain.

    values: (accounts, k) market values, the sign is the side; scenarios: (n, k) returns. Returns (accounts,).
    One matrix product and one partial sort a block of accounts. Raises ConfidenceOutOfRange, HistoryTooShort,
    NotFinite, ShapesDiffer.
    """
    var, shortfall = measure_accounts(values=values, scenarios=scenarios, confidence=confidence)
    return np.maximum(shortfall if measure == "es" else var, 0.0)


def measure_accounts(*, values: Floats, scenarios: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Return VaR and ES of each account, (accounts,) each, below zero where they are gains.

    Arguments and refusals as for tail_of_accounts.
    """
    if values.ndim != 2 or scenarios.ndim != 2 or values.shape[1] != scenarios.shape[1]:
        raise ShapesDiffer(f"Values {values.shape} and scenarios {scenarios.shape} differ in instruments.")
    accounts, observations = len(values), len(scenarios)
    tail = count_tail(observations=observations, confidence=confidence)
    var, shortfall = np.empty(accounts), np.empty(accounts)
    block = max(_BLOCK_NUMBERS // observations, 1)
    for start in range(0, accounts, block):
        # The largest losses are the smallest profits: nothing need be negated.
        profit = values[start : start + block] @ scenarios.T
        if not np.isfinite(profit).all():
            _refuse_not_finite(values, scenarios)
        var[start : start + block], shortfall[start : start + block] = measure_rows(profits=profit, tail=tail)
    return var, shortfall


def measure_rows(*, profits: Floats, tail: int) -> tuple[Floats, Floats]:
    """Return VaR and ES of each row of profits (rows, n), whose `tail` smallest are its tail; reorders the rows."""
    profits.partition(tail - 1, axis=1)
    return -profits[:, tail - 1], -profits[:, :tail].mean(axis=1)


def _refuse_not_finite(values: Floats, scenarios: Floats) -> None:
    """Find the number that spoilt the product: NaN and infinity always reach it."""
    for what, array in (("value of account", values), ("scenario", scenarios)):
        wrong = np.argwhere(~np.isfinite(array))
        if len(wrong):
            row, column = (int(place) for place in wrong[0])
            raise NotFinite(f"The {what} {row + 1}, instrument {column + 1}, is {array[row, column]}.")
    raise NotFinite("The values are so large that profit and loss leaves the range of numbers.")
