"""Backtest of margins: how often the loss was larger, and whether such days come one after another.

Kupiec (1995), Techniques for Verifying the Accuracy of Risk Measurement Models: proportion of failures.
Christoffersen (1998), Evaluating Interval Forecasts: independence, and both jointly.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from clearing.core.arrays import Flags, Floats
from clearing.core.refusals import ConfidenceOutOfRange, HistoryTooShort, NotFinite, ParameterOutOfRange, ShapesDiffer

SIGNIFICANCE: Final = 0.05


class Verdict(StrEnum):
    """What Kupiec's two-sided test says at 5 %; too few breaches fail it as well as too many."""

    ACCEPTED = "accepted"
    OVER_MARGINED = "over-margined"
    UNDER_MARGINED = "under-margined"


@dataclass(frozen=True, slots=True)
class KupiecTest:
    """Proportion of failures: likelihood ratio, p-value (chi-square, 1 degree of freedom) and verdict."""

    observations: int
    breaches: int
    expected: float
    likelihood_ratio: float
    p_value: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ChristoffersenTest:
    """Independence: likelihood ratio, p-value (1 degree of freedom), and the four transition counts.

    calm_calm: no breach after none; calm_breach: a breach after none; breach_calm, breach_breach: after one.
    """

    calm_calm: int
    calm_breach: int
    breach_calm: int
    breach_breach: int
    likelihood_ratio: float
    p_value: float


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """Margins against the losses that followed.

    joint_likelihood_ratio is LR_pof + LR_ind, its p-value of 2 degrees of freedom. peak and trough are of the
    margin; peak_to_trough their quotient, None where the trough is zero. worst_breach: the largest loss
    beyond margin, zero without a breach.
    """

    kupiec: KupiecTest
    christoffersen: ChristoffersenTest
    joint_likelihood_ratio: float
    joint_p_value: float
    peak: float
    trough: float
    peak_to_trough: float | None
    worst_breach: float
    coverage: float


def kupiec(*, observations: int, breaches: int, confidence: float) -> KupiecTest:
    """Test whether breaches are as frequent as 1 - confidence says.

    LR = -2 ln[(1-p)^(T-x) p^x] + 2 ln[(1-x/T)^(T-x) (x/T)^x]. With no breach in 250 days at 99 % it is 5.03 and
    fails: over-margined. Raises ConfidenceOutOfRange, HistoryTooShort, ParameterOutOfRange.
    """
    if not 0.0 < confidence < 1.0:
        raise ConfidenceOutOfRange(f"A confidence of {confidence}; it lies strictly between 0 and 1: 99 % is 0.99.")
    if observations < 1:
        raise HistoryTooShort("There is no day to test.")
    if not 0 <= breaches <= observations:
        raise ParameterOutOfRange(f"{breaches} breaches in {observations} days.")
    rate = 1.0 - confidence
    calm = observations - breaches
    ratio = 2.0 * (_likelihood(calm, breaches) - calm * math.log1p(-rate) - breaches * math.log(rate))
    ratio = max(ratio, 0.0)
    p_value = chi_square_survival(value=ratio, degrees=1)
    verdict = Verdict.ACCEPTED
    if p_value < SIGNIFICANCE:
        verdict = Verdict.OVER_MARGINED if breaches < rate * observations else Verdict.UNDER_MARGINED
    return KupiecTest(
        observations=observations,
        breaches=breaches,
        expected=rate * observations,
        likelihood_ratio=ratio,
        p_value=p_value,
        verdict=verdict,
    )


def christoffersen(*, breaches: Flags) -> ChristoffersenTest:
    """Test whether a breach is as likely after a breach as after a calm day.

    breaches: (days,) in order of time. A transition that never came counts 0 ln 0 = 0; without any breach
    the ratio is 0. Raises HistoryTooShort.
    """
    if len(breaches) < 2:
        raise HistoryTooShort("Independence takes two days at least.")
    came = np.asarray(breaches, np.bool_).astype(np.int64)
    counts = np.bincount(2 * came[:-1] + came[1:], minlength=4).tolist()
    return christoffersen_of_counts(
        calm_calm=counts[0], calm_breach=counts[1], breach_calm=counts[2], breach_breach=counts[3]
    )


def christoffersen_of_counts(
    *, calm_calm: int, calm_breach: int, breach_calm: int, breach_breach: int
) -> ChristoffersenTest:
    """Test independence by the four transition counts: LR = 2 (ln L(two rates) - ln L(one rate))."""
    apart = _likelihood(calm_calm, calm_breach) + _likelihood(breach_calm, breach_breach)
    ratio = max(2.0 * (apart - _likelihood(calm_calm + breach_calm, calm_breach + breach_breach)), 0.0)
    p_value = chi_square_survival(value=ratio, degrees=1)
    return ChristoffersenTest(calm_calm, calm_breach, breach_calm, breach_breach, ratio, p_value)


def backtest_margins(*, margins: Floats, losses: Floats, confidence: float) -> BacktestResult:
    """Compare each margin with the loss that followed it; a breach is a loss strictly above the margin.

    Both (days,) in order of time. Raises ConfidenceOutOfRange, HistoryTooShort, NotFinite, ShapesDiffer.
    """
    if margins.shape != losses.shape or margins.ndim != 1:
        raise ShapesDiffer(f"Margins {margins.shape} and losses {losses.shape} differ in days.")
    if not (np.isfinite(margins).all() and np.isfinite(losses).all()):
        raise NotFinite("A margin or a loss is no finite number.")
    breached = losses > margins
    frequency = kupiec(observations=len(margins), breaches=int(breached.sum()), confidence=confidence)
    independence = christoffersen(breaches=breached)
    joint = frequency.likelihood_ratio + independence.likelihood_ratio
    peak, trough = float(margins.max()), float(margins.min())
    return BacktestResult(
        kupiec=frequency,
        christoffersen=independence,
        joint_likelihood_ratio=joint,
        joint_p_value=chi_square_survival(value=joint, degrees=2),
        peak=peak,
        trough=trough,
        peak_to_trough=peak / trough if trough > 0.0 else None,
        worst_breach=float(np.max(losses - margins, initial=0.0, where=breached)),
        coverage=1.0 - frequency.breaches / len(margins),
    )


def chi_square_survival(*, value: float, degrees: int) -> float:
    """Return the probability that a chi-square of 1 or 2 degrees of freedom exceeds a value.

    One degree: erfc(sqrt(x / 2)); two: exp(-x / 2), both exact. Raises ParameterOutOfRange.
    """
    if degrees == 1:
        return math.erfc(math.sqrt(value / 2.0))
    if degrees == 2:
        return math.exp(-value / 2.0)
    raise ParameterOutOfRange(f"{degrees} degrees of freedom; 1 and 2 are known here.")


def _likelihood(calm: int, breaches: int) -> float:
    """Return the log-likelihood of counts at their own rate, with 0 ln 0 = 0."""
    days = calm + breaches
    return sum(count * math.log(count / days) for count in (calm, breaches) if count)
