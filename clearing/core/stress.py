"""Stress losses beyond margin: Cover-2, the default fund's size and its parts.

Losses are those beyond a group's margin, affiliates added up before; a gain is no loss and covers no other's.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from clearing.core.arrays import Ints
from clearing.core.refusals import FundTooSmall, NotFinite, ParameterOutOfRange, ShapesDiffer
from reference.core.apportionment import apportion

FUND_BUFFER: Final = 0.0


@dataclass(frozen=True, slots=True)
class CoverTwo:
    """The worst scenario for the two groups that lose most in it.

    amount             the sum of the two; scenario and groups are row and columns, the larger loss first;
                       a group without a loss is not named
    largest            the most that one group loses beyond margin in any scenario
    default_fund_least max over scenarios of max(largest, second + third largest): EMIR Article 42(3)
    """

    amount: float
    scenario: int
    groups: tuple[int, ...]
    largest: float
    default_fund_least: float


def cover_two(*, losses: ArrayLike) -> CoverTwo:
    """Add up the two largest losses in each scenario and return the worst scenario (EMIR Article 43(2)).

    losses: (scenarios, groups), integers or floats. Of equal scenarios the first, of equal groups the first.
    Raises NotFinite, ShapesDiffer.
    """
    table = np.asarray(losses)
    if table.ndim != 2 or 0 in table.shape:
        raise ShapesDiffer(f"Losses of shape {table.shape}: there must be a scenario and a group.")
    if not np.isfinite(table).all():
        row, column = (int(place) for place in np.argwhere(~np.isfinite(table))[0])
        raise NotFinite(f"The loss of scenario {row + 1}, group {column + 1}, is {table[row, column]}.")
    beyond = np.maximum(table, 0)
    order = np.argsort(-beyond, axis=1, kind="stable")[:, :3]
    top = np.take_along_axis(beyond, order, axis=1)
    two = top[:, :2].sum(axis=1)
    worst = int(np.argmax(two))
    return CoverTwo(
        amount=two[worst].item(),
        scenario=worst,
        groups=tuple(int(group) for group in order[worst, :2] if beyond[worst, group] > 0),
        largest=top[:, 0].max().item(),
        default_fund_least=np.maximum(top[:, 0], top[:, 1:].sum(axis=1)).max().item(),
    )


def size_fund(
    *, cover_two_minor: int, default_fund_least_minor: int, own_resources_minor: int = 0, least_minor: int = 0,
    buffer: float = FUND_BUFFER,
) -> int:  # fmt: skip
    """Return the size of the default fund in minor units.

    With the CCP's own resources it must cover the two largest (EMIR Article 43(2)), and without them
    max(largest, second + third largest) (Article 42(3)); a buffer comes on top (0.1: 10 %, rounded up).
    Never under least_minor. Raises ParameterOutOfRange.
    """
    if min(cover_two_minor, default_fund_least_minor, own_resources_minor, least_minor) < 0 or not 0.0 <= buffer <= 10:
        raise ParameterOutOfRange("Amounts are zero or more, and a buffer lies between 0 and 10.")
    parts_per_million = round(buffer * 1_000_000)
    needed = max(cover_two_minor - own_resources_minor, default_fund_least_minor)
    return max(-(-needed * (1_000_000 + parts_per_million) // 1_000_000), least_minor)


def allocate_pro_rata(*, total_minor: int, weights: Ints, least_minor: int = 0) -> Ints:
    """Share an amount in proportion to weights, each getting the minimum at least; the parts add up exactly.

    weights: int64 (n,), zero or more; all zero means equal parts. Whoever's share is under the minimum gets the
    minimum, and the others share what is left in proportion again. Units that division leaves over go to the
    largest remainders, of equal ones to the first. Raises FundTooSmall, ParameterOutOfRange, ShapesDiffer.
    """
    shares = [int(weight) for weight in weights]
    if not shares:
        raise ShapesDiffer("There is nobody to share with.")
    if total_minor < 0 or least_minor < 0 or min(shares) < 0:
        raise ParameterOutOfRange("Amount, minimum and weights are zero or more.")
    if total_minor < least_minor * len(shares):
        raise FundTooSmall(f"{total_minor:,} is less than {len(shares):,} times the minimum of {least_minor:,}.")
    if not any(shares):
        shares = [1] * len(shares)
    # Largest weight first: once one of them is under the minimum, so are all that follow.
    order = sorted(range(len(shares)), key=lambda place: -shares[place])
    left, weight, members = total_minor, sum(shares), len(shares)
    for place in reversed(order):
        if shares[place] * left >= least_minor * weight and weight:
            break
        left, weight, members = left - least_minor, weight - shares[place], members - 1
    part: Ints = np.full(len(shares), least_minor, np.int64)
    above = sorted(order[:members])
    if weight:
        part[above] = apportion(total=left, weights=[shares[place] for place in above])
    return part
