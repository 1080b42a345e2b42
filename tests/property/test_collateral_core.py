"""Collateral for any holdings: never worth more than the market says, never free beyond what is required."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.core.collateral_value import (
    MICRO,
    allocate_debits,
    choose_replacements,
    free_cash,
    largest_free,
    over_limit,
    share_of,
    unit_value_micro,
    value_pools,
    value_units,
)

UNITS = st.integers(0, 10**9)
MICROS = st.integers(0, 10**10)
PPM = st.integers(0, 1_000_000)
CASH = st.integers(0, 10**13)


def ints(values: list[int]) -> np.typing.NDArray[np.int64]:
    return np.array(values, np.int64)


@given(
    price=st.decimals("0.000001", "99999", places=6),
    percent=st.decimals(0, 100, places=3),
    units=UNITS,
    digits=st.sampled_from([0, 2, 3]),
    quoted=st.sampled_from([Decimal(1), Decimal("0.01")]),
)
def test_a_value_is_the_market_value_less_the_haircut_rounded_down(
    price: Decimal, percent: Decimal, units: int, digits: int, quoted: Decimal
) -> None:
    micro = unit_value_micro(price=price, amount_per_price=quoted, digits=digits, haircut_percent=percent)
    (value,) = value_units(units=ints([units]), unit_micro=ints([micro])).tolist()
    exact = units * price * quoted * (100 - percent) / 100 * 10**digits
    market = (units * price * quoted * 10**digits).to_integral_value(rounding=ROUND_FLOOR)
    assert value <= exact
    assert value <= market
    # What rounding a unit's value to a millionth costs, and one minor unit for the whole.
    assert exact - value <= Decimal(units) / MICRO + 1


@given(st.lists(st.tuples(UNITS, MICROS), max_size=20))
def test_units_are_valued_exactly(held: list[tuple[int, int]]) -> None:
    values = value_units(units=ints([units for units, _ in held]), unit_micro=ints([micro for _, micro in held]))
    assert values.tolist() == [units * micro // MICRO for units, micro in held]


@pytest.mark.parametrize(("units", "micro"), [(2**62, 2 * MICRO), (-1, MICRO)])
def test_what_cannot_be_counted_is_refused(units: int, micro: int) -> None:
    with pytest.raises(OverflowError):
        value_units(units=ints([units]), unit_micro=ints([micro]))


@given(CASH, PPM)
def test_a_share_is_exact(amount: int, ppm: int) -> None:
    assert share_of(amount=ints([amount]), ppm=ppm).tolist() == [amount * ppm // 1_000_000]


HOLDINGS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 10**12)), max_size=15)


@given(st.lists(CASH, min_size=3, max_size=3), HOLDINGS, PPM)
def test_no_issuer_counts_beyond_the_limit_and_no_pool_touches_another(
    cash: list[int], held: list[tuple[int, int, int]], ppm: int
) -> None:
    def value_of(kept: list[tuple[int, int, int]]) -> list[int]:
        values: list[int] = value_pools(
            cash=ints(cash), pool=ints([row[0] for row in kept]), issuer=ints([row[1] for row in kept]),
            value=ints([row[2] for row in kept]), limit_ppm=ppm,
        ).value_minor.tolist()  # fmt: skip
        return values

    found = value_pools(
        cash=ints(cash), pool=ints([row[0] for row in held]), issuer=ints([row[1] for row in held]),
        value=ints([row[2] for row in held]), limit_ppm=ppm,
    )  # fmt: skip
    for pool in range(3):
        alone = value_of([row for row in held if row[0] == pool])[pool]
        assert alone == found.value_minor[pool]
        total = cash[pool] + sum(row[2] for row in held if row[0] == pool)
        assert cash[pool] <= alone <= total == found.before_limit_minor[pool]
        for issuer in {row[1] for row in held if row[0] == pool}:
            worth = sum(row[2] for row in held if row[:2] == (pool, issuer))
            (place,) = np.flatnonzero((found.pair_pool == pool) & (found.pair_issuer == issuer)).tolist()
            assert found.pair_counted_minor[place] == min(worth, total * ppm // 1_000_000)
            assert bool(over_limit(values=found)[place]) == (worth > total * ppm // 1_000_000)


@given(CASH, st.lists(st.integers(0, 10**12), max_size=4), st.integers(0, 2 * 10**13), PPM)
def test_a_withdrawal_of_what_is_free_never_leaves_a_shortfall_and_one_more_does(
    cash: int, values: list[int], required: int, ppm: int
) -> None:
    def worth(taken: int) -> int:
        held = len(values)
        return int(
            value_pools(
                cash=ints([cash - taken]), pool=ints([0] * held), issuer=ints(list(range(held))), value=ints(values),
                limit_ppm=ppm,
            ).value_minor[0]
        )  # fmt: skip

    free = free_cash(cash=cash, issuer_values=values, required=required, limit_ppm=ppm)
    assert 0 <= free <= cash
    if free:
        assert worth(free) >= required
    if free < cash and worth(0) >= required:
        assert worth(free + 1) < required


@given(st.integers(0, 10**6), st.integers(-5, 10**6))
def test_the_largest_that_is_covered_is_found(most: int, edge: int) -> None:
    assert largest_free(most=most, covers=lambda taken: taken <= edge) == max(0, min(most, edge))


OFFERED = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**9), st.integers(0, 2)), max_size=8)


@given(st.integers(1, 10**12), OFFERED, st.lists(st.integers(0, 10**12), min_size=3, max_size=3))
def test_replacements_are_held_have_room_and_are_as_much_as_is_missing(
    missing: int, offered: list[tuple[int, int, int]], room: list[int]
) -> None:
    units = choose_replacements(
        missing=missing, units=ints([row[0] for row in offered]), unit_micro=ints([row[1] for row in offered]),
        issuer=ints([row[2] for row in offered]), room=ints(room),
    ).tolist()  # fmt: skip
    brought = [count * row[1] // MICRO for count, row in zip(units, offered, strict=True)]
    assert all(0 <= count <= row[0] for count, row in zip(units, offered, strict=True))
    for issuer in range(3):
        of_issuer = [value for value, row in zip(brought, offered, strict=True) if row[2] == issuer]
        assert sum(of_issuer) <= room[issuer]
    if sum(brought) >= missing:
        # At most a part of one unit is too much.
        assert sum(brought) - missing <= max(row[1] for row in offered) / MICRO + 1
    else:
        # Not enough: all is taken that is worth something and has room.
        for count, row in zip(units, offered, strict=True):
            of_issuer = [value for value, other in zip(brought, offered, strict=True) if other[2] == row[2]]
            assert count == row[0] or row[1] == 0 or room[row[2]] - sum(of_issuer) < row[1] / MICRO + 1


CALLS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 10**9)), max_size=12)


@given(CALLS, st.lists(st.integers(0, 10**9), min_size=4, max_size=4))
def test_debits_go_in_order_and_never_beyond_the_account(calls: list[tuple[int, int]], available: list[int]) -> None:
    debits = allocate_debits(
        account=ints([account for account, _ in calls]), available=ints(available),
        amount=ints([amount for _, amount in calls]),
    ).tolist()  # fmt: skip
    left = list(available)
    for debit, (account, amount) in zip(debits, calls, strict=True):
        assert debit == min(left[account], amount)
        left[account] -= debit
