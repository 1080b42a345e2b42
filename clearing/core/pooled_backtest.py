"""Backtests of many portfolios read together: the days of each in order, their breaches and transitions added up."""

from dataclasses import dataclass

import numpy as np

from clearing.core.arrays import Flags, Ints
from clearing.core.backtest import (
    SIGNIFICANCE,
    ChristoffersenTest,
    KupiecTest,
    Verdict,
    chi_square_survival,
    christoffersen_of_counts,
    kupiec,
)


@dataclass(frozen=True, slots=True)
class PooledBacktest:
    """Days, breaches, both tests and their sum; coverage is the share of days without a breach.

    shortfall_minor: what all breaches were beyond margin together; worst_minor the largest of them. The margin's
    peak and trough are those of one portfolio's day.
    """

    kupiec: KupiecTest
    christoffersen: ChristoffersenTest
    joint_likelihood_ratio: float
    joint_p_value: float
    coverage: float
    shortfall_minor: int
    worst_minor: int
    peak_minor: int
    trough_minor: int

    @property
    def days(self) -> int:
        """Return how many portfolio days were tested."""
        return self.kupiec.observations

    @property
    def breaches(self) -> int:
        """Return on how many of them the loss was beyond the margin."""
        return self.kupiec.breaches

    @property
    def average_shortfall_minor(self) -> int:
        """Return the mean of what breaches were beyond margin; zero without one."""
        return self.shortfall_minor // self.breaches if self.breaches else 0


def pool_backtest(*, portfolio: Ints, margin_minor: Ints, pnl_minor: Ints, confidence: float) -> PooledBacktest:
    """Test the days of one or many portfolios together.

    All (days,), sorted by portfolio and within it by time. A transition is from one day of a portfolio to its next;
    none leads from one portfolio to another. Raises ConfidenceOutOfRange, HistoryTooShort.
    """
    breached: Flags = -pnl_minor > margin_minor
    beyond = np.where(breached, -pnl_minor - margin_minor, 0)
    frequency = kupiec(observations=len(breached), breaches=int(breached.sum()), confidence=confidence)
    same = portfolio[1:] == portfolio[:-1]
    came = breached.astype(np.int64)
    counts = np.bincount((2 * came[:-1] + came[1:])[same], minlength=4).tolist()
    independence = christoffersen_of_counts(
        calm_calm=counts[0], calm_breach=counts[1], breach_calm=counts[2], breach_breach=counts[3]
    )
    joint = frequency.likelihood_ratio + independence.likelihood_ratio
    return PooledBacktest(
        kupiec=frequency,
        christoffersen=independence,
        joint_likelihood_ratio=joint,
        joint_p_value=chi_square_survival(value=joint, degrees=2),
        coverage=1.0 - frequency.breaches / frequency.observations,
        shortfall_minor=int(beyond.sum()),
        worst_minor=int(beyond.max(initial=0)),
        peak_minor=int(margin_minor.max(initial=0)),
        trough_minor=int(margin_minor.min()),
    )


def is_too_short(*, result: PooledBacktest) -> bool:
    """Say whether fewer than one breach was to be expected and nothing stands out: the test can tell nothing yet."""
    return result.kupiec.verdict is Verdict.ACCEPTED and result.kupiec.expected < 1


def explain(*, result: PooledBacktest, horizon_days: int) -> str:
    """Say in plain words what a backtest means, and how much it can mean."""
    test = result.kupiec
    breaches = f"{test.breaches:,} breach{'' if test.breaches == 1 else 'es'}"
    days = f"{test.observations:,} day{'' if test.observations == 1 else 's'}"
    expected = f"{breaches} in {days}, {test.expected:.{2 if test.expected < 1 else 1}f} expected"
    covered = f"margin covered {100 * result.coverage:.1f} % of them"
    if test.verdict is Verdict.OVER_MARGINED:
        words = f"Over-margined: {expected}. Fewer breaches than chance explains; margin is more than was aimed at."
    elif test.verdict is Verdict.UNDER_MARGINED:
        words = f"Under-margined: {expected}. More breaches than chance explains; the model asks for too little."
    elif is_too_short(result=result):
        words = f"Too few days to judge: {expected}; {covered}."
    else:
        words = f"As aimed at: {expected}; {covered}."
    if result.christoffersen.breach_breach and result.christoffersen.p_value < SIGNIFICANCE:
        if horizon_days > 1:
            words += f" Breaches come in runs, as results over {horizon_days} days that overlap do."
        else:
            words += " Breaches come one after another: margin rises too late when markets turn."
    return words
