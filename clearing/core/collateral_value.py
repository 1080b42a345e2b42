"""What a member's collateral is worth: after haircuts, and no more of one issuer than the limit allows.

Values of securities are rounded down at every step, against the member. A *pool* is one member's collateral in one
segment (currency). Concentration limits: Article 42 of Delegated Regulation (EU) No 153/2013; haircuts: Article 41.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

import numpy as np

from clearing.core.arrays import Flags, Ints

MICRO = 1_000_000
# Shares of the collateral are counted in millionths.
WHOLE_PPM = 1_000_000
LARGEST = 2**62


@dataclass(frozen=True)
class PoolValues:
    """What pools are worth, in minor units.

    before_limit_minor, value_minor: int64[p], cash and securities after haircuts, without and with the issuer limit.
    pair_pool, pair_issuer: int64[k], each pool and issuer that occurs together; pair_value_minor, pair_limit_minor,
    pair_counted_minor: int64[k], what the issuer's securities are worth there, what may count and what counts.
    """

    before_limit_minor: Ints
    value_minor: Ints
    pair_pool: Ints
    pair_issuer: Ints
    pair_value_minor: Ints
    pair_limit_minor: Ints
    pair_counted_minor: Ints


def unit_value_micro(*, price: Decimal, amount_per_price: Decimal, digits: int, haircut_percent: Decimal) -> int:
    """Return what one unit is worth after the haircut in millionths of a minor unit, rounded down.

    amount_per_price: 1, or 0.01 where the price is in percent of nominal. digits: those of the currency.
    """
    value = price * amount_per_price * (100 - haircut_percent) / 100
    return int((value.scaleb(digits) * MICRO).to_integral_value(rounding=ROUND_FLOOR))


def value_units(*, units: Ints, unit_micro: Ints) -> Ints:
    """Return what units are worth in minor units, int64[h], rounded down. Raises OverflowError beyond 2**62."""
    minor, rest = np.divmod(unit_micro, MICRO)
    if (units.astype(np.float64) * np.maximum(unit_micro, 1) > LARGEST * float(MICRO)).any() or (units < 0).any():
        raise OverflowError("collateral beyond what can be counted")
    # The rest is below a million, and so is the excess of units over whole millions: neither product overflows.
    millions, units_rest = np.divmod(units, MICRO)
    return np.asarray(units * minor + millions * rest + units_rest * rest // MICRO, np.int64)


def value_pools(*, cash: Ints, pool: Ints, issuer: Ints, value: Ints, limit_ppm: int) -> PoolValues:
    """Return what pools are worth with the issuer limit.

    cash: int64[p] by pool. pool, issuer, value: int64[h], one element a holding, its value after the haircut.
    limit_ppm: the most that one issuer's securities may make up of a pool's worth before the limit, in millionths.
    """
    width = int(issuer.max(initial=0)) + 1
    keys, place = np.unique(pool * width + issuer, return_inverse=True)
    pair_value = np.zeros(len(keys), np.int64)
    np.add.at(pair_value, place.reshape(-1), value)
    pair_pool, pair_issuer = keys // width, keys % width
    before = cash.astype(np.int64).copy()
    np.add.at(before, pair_pool, pair_value)
    limit = share_of(amount=before, ppm=limit_ppm)[pair_pool]
    counted = np.minimum(pair_value, limit)
    after = cash.astype(np.int64).copy()
    np.add.at(after, pair_pool, counted)
    return PoolValues(before, after, pair_pool, pair_issuer, pair_value, limit, counted)


def share_of(*, amount: Ints, ppm: int) -> Ints:
    """Return millionths of amounts, rounded down, without leaving int64."""
    millions, rest = np.divmod(amount, WHOLE_PPM)
    return np.asarray(millions * ppm + rest * ppm // WHOLE_PPM, np.int64)


def over_limit(*, values: PoolValues) -> Flags:
    """Return which pairs of a pool and an issuer are worth more than may count, bool[k]."""
    return np.asarray(values.pair_value_minor > values.pair_limit_minor)


def free_cash(*, cash: int, issuer_values: Sequence[int], required: int, limit_ppm: int) -> int:
    """Return the most cash that may leave one pool so that the rest still covers what is required, minor units.

    issuer_values: what each issuer's securities are worth in it. Less cash also means less room under their limit.
    """
    securities = sum(issuer_values)

    def covers(taken: int) -> bool:
        limit = (cash - taken + securities) * limit_ppm // WHOLE_PPM
        return cash - taken + sum(min(value, limit) for value in issuer_values) >= required

    return largest_free(most=cash, covers=covers)


def largest_free(*, most: int, covers: Callable[[int], bool]) -> int:
    """Return the largest amount up to `most` that may be taken out while the rest covers what is required.

    covers: whether the rest covers it when so much is taken out; once it does not, it does for nothing more.
    """
    if not covers(0):
        return 0
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if covers(middle) else (low, middle - 1)
    return low


def choose_replacements(*, missing: int, units: Ints, unit_micro: Ints, issuer: Ints, room: Ints) -> Ints:
    """Return how many units of each holding offered to put in so that they are worth what is missing, int64[h].

    Greedy: the holding that is worth most first, so that few are moved; of each as much as is held, is missing and
    has room under its issuer's limit. room: int64[i] by issuer, minor units. What stays missing is the caller's to see.
    """
    chosen = np.zeros(len(units), np.int64)
    left = room.astype(np.int64).copy()
    worth = value_units(units=units, unit_micro=unit_micro)
    for place in np.argsort(-worth, kind="stable").tolist():
        micro = int(unit_micro[place])
        if missing <= 0 or micro <= 0:
            continue
        fitting = int(left[issuer[place]]) * MICRO // micro
        taken = max(0, min(int(units[place]), -(-missing * MICRO // micro), fitting))
        brought = taken * micro // MICRO
        chosen[place] = taken
        left[issuer[place]] -= brought
        missing -= brought
    return chosen


def allocate_debits(*, account: Ints, available: Ints, amount: Ints) -> Ints:
    """Return what is debited for each call, int64[c], in the order of the calls: in full, then in part, then nothing.

    account: int64[c], the place of each call's account in `available`, int64[a] minor units.
    """
    order = np.argsort(account, kind="stable")
    ordered_account, ordered_amount = account[order], amount[order]
    reached = np.cumsum(ordered_amount)
    first = np.searchsorted(ordered_account, ordered_account, side="left")
    before = reached - ordered_amount
    paid = np.clip(available[ordered_account] - (before - before[first]), 0, ordered_amount)
    debits = np.zeros(len(amount), np.int64)
    debits[order] = paid
    return debits
