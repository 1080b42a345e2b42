"""Mark to market: exact, and rounded down once a portfolio."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clearing.core.marking import market_values, worth_of_portfolios


def worth(rows: list[tuple[int, int, int, bool, int]], *, digits: int = 2) -> list[int]:
    """rows: (portfolio, quantity, price in millionths, percent, cash), sorted by portfolio."""
    portfolio = np.array([row[0] for row in rows])
    starts = np.flatnonzero(np.diff(portfolio, prepend=-1)).astype(np.int64)
    return worth_of_portfolios(
        starts=starts,
        quantity_units=np.array([row[1] for row in rows], dtype=np.int64),
        price_millionths=np.array([row[2] for row in rows], dtype=np.int64),
        percent=np.array([row[3] for row in rows]),
        cash_minor=np.array([row[4] for row in rows], dtype=np.int64),
        digits=np.full(len(starts), digits, dtype=np.int64),
    )


def test_bought_at_ten_and_worth_twelve() -> None:
    assert worth([(0, 100, 12_000_000, False, -100_000), (1, -100, 12_000_000, False, 100_000)]) == [20_000, -20_000]


def test_bonds_are_in_percent_of_nominal() -> None:
    # 1,000,000 nominal at 101.253 %, bought at par.
    assert worth([(0, 1_000_000, 101_253_000, True, -100_000_000)]) == [1_253_000]


def test_it_is_rounded_down_once_a_portfolio_against_both_sides() -> None:
    # 1 at 12.3333 for 10.00: 2.3333 to one, −2.3333 to the other.
    assert worth([(0, 1, 12_333_300, False, -1_000), (1, -1, 12_333_300, False, 1_000)]) == [233, -234]
    # Three thirds of a cent are a cent, not three times nothing.
    assert worth([(0, 1, 3_334, False, 0), (0, 1, 3_333, False, 0), (0, 1, 3_333, False, 0)]) == [1]


def test_no_cent_is_lost_to_floating_point_or_int64() -> None:
    # Nine trillion units at 999,999.999999 do not fit into 64 bits in millionths.
    quantity, price = 9_000_000_000_000, 999_999_999_999
    assert worth([(0, quantity, price, False, 0)]) == [quantity * price * 100 // 10**6]


def test_yen_have_no_minor_unit() -> None:
    assert worth([(0, 3, 333_500_000, False, -1_000)], digits=0) == [0]


def test_nothing_is_open() -> None:
    empty = np.zeros(0, dtype=np.int64)
    assert worth_of_portfolios(
        starts=empty, quantity_units=empty, price_millionths=empty, percent=empty.astype(bool), cash_minor=empty,
        digits=empty,
    ) == []  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(-(10**9), 10**9), st.integers(1, 10**10), st.booleans(),
            st.integers(-(10**12), 10**12),
        ),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_it_is_the_floor_of_the_exact_worth(rows: list[tuple[int, int, int, bool, int]]) -> None:
    rows.sort(key=lambda row: row[0])
    expected: dict[int, Fraction] = {}
    for portfolio, quantity, price, percent, cash in rows:
        value = Fraction(quantity * price, 10**6 * (100 if percent else 1)) * 100
        expected[portfolio] = expected.get(portfolio, Fraction(0)) + value + cash
    assert worth(rows) == [int(value // 1) for _, value in sorted(expected.items())]


def test_market_values_have_the_sign_of_the_side() -> None:
    values = market_values(
        quantity_units=np.array([10, -1_000], dtype=np.int64),
        price_millionths=np.array([12_500_000, 99_000_000], dtype=np.int64),
        percent=np.array([False, True]),
        digits=np.array([2, 2], dtype=np.int64),
    )
    assert values.tolist() == [12_500.0, -99_000.0]
