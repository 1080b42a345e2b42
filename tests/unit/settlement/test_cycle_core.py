"""The pure parts of a cycle around the decision: least parts, what they move, links, shortages, who waits for whom."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.core.batch import MOST_UNITS, UNRESTRICTED, build_dvp_batch
from settlement.core.explain import (
    NOTHING,
    Attempts,
    Claims,
    Levels,
    Rests,
    Shortage,
    choose_awaited,
    find_shortage,
    rank_shortages,
)
from settlement.core.linked import NOT_HERE, Links, block_linked, group_linked
from settlement.core.parts import count_units, least_parts, move_part


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def least(quantity: int, cash: int, minimum: int, lot: int, minimum_cash: int, *, allowed: bool = True) -> int:
    found = least_parts(
        quantity=ints(quantity), cash=ints(cash), allowed=np.array([allowed]), minimum_units=ints(minimum),
        lot_size=ints(lot), minimum_cash=ints(minimum_cash),
    )  # fmt: skip
    return int(found[0])


@given(
    quantity=st.integers(1, 400),
    cash=st.integers(-10_000, 10_000),
    minimum=st.integers(0, 400),
    lot=st.integers(1, 60),
    minimum_cash=st.integers(0, 9_000),
)
def test_the_least_part_is_the_first_that_is_large_enough(
    quantity: int, cash: int, minimum: int, lot: int, minimum_cash: int
) -> None:
    asked = minimum_cash if cash else 0
    enough = [part for part in range(lot, quantity, lot) if part >= minimum and abs(cash) * part // quantity >= asked]
    assert least(quantity, cash, minimum, lot, minimum_cash) == (enough[0] if enough else quantity)
    assert least(quantity, cash, minimum, lot, minimum_cash, allowed=False) == quantity


def test_the_largest_instructions_have_parts_or_none_without_leaving_int64() -> None:
    assert least(MOST_UNITS, 10**15, 0, 1, 2**31 - 1) == 4612
    assert 10**15 * 4612 // MOST_UNITS >= 2**31 - 1 > 10**15 * 4611 // MOST_UNITS
    assert least(MOST_UNITS + 1, 10**15, 0, 1, 1) == MOST_UNITS + 1
    assert least(1000 * (MOST_UNITS + 1), 10**15, 0, 1000, 1) == 1000 * (MOST_UNITS + 1)


@given(st.integers(-(10**15), 10**15), st.integers(1, MOST_UNITS), st.floats(0, 1))
def test_a_part_moves_its_share_rounded_towards_zero(whole: int, units: int, share: float) -> None:
    part = round(units * share)
    expected = abs(whole) * part // units * (1 if whole > 0 else -1)
    assert move_part(whole=ints(whole), units=ints(units), part=ints(part))[0] == expected


@given(st.integers(1, 10**6), st.integers(1, 1000))
def test_units_are_counted_as_the_batch_counts_them(quantity: int, lot: int) -> None:
    one = ints(1)
    batch, _, _ = build_dvp_batch(
        deliverer_securities=one, receiver_securities=2 * one, deliverer_cash=one, receiver_cash=2 * one,
        security=one, quantity=ints(quantity), currency=2 * one, cash=0 * one, priority=one, value=one, number=one,
        known_account=one, known_asset=one, known_balance=one, known_floor=0 * one,
        least_quantity=ints(min(lot, quantity)), multiple=ints(lot),
    )  # fmt: skip
    units, step = count_units(quantity=ints(quantity), lot_size=ints(lot))
    if batch.units[0] > 1:
        assert (batch.units[0], batch.step[0]) == (units[0], step[0])
    assert quantity % (quantity // int(units[0])) == 0


@given(st.data())
def test_what_is_linked_to_what_cannot_settle_waits(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 8))
    place = st.integers(NOT_HERE, count - 1)
    pairs = data.draw(st.lists(st.tuples(place, place), max_size=6))
    orders = data.draw(st.lists(st.tuples(place, place), max_size=6))
    blocked = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    links = Links(*(ints(*(row[side] for row in rows)) for rows in (pairs, orders) for side in (0, 1)))
    waits, by_link = block_linked(links=links, blocked=blocked)
    expected = set(np.flatnonzero(blocked).tolist()) | {NOT_HERE}
    for _ in range(count + 1):
        for one, other in pairs:
            if one in expected or other in expected:
                expected |= {one, other}
        expected |= {later for earlier, later in orders if earlier in expected}
    assert set(np.flatnonzero(waits | blocked).tolist()) | {NOT_HERE} == expected
    assert not (waits & blocked).any()
    waiter = [*links.first, *links.second, *links.later]
    assert all(waiter[link] == place for place, link in enumerate(by_link) if waits[place])
    assert (by_link[~waits] == NOT_HERE).all()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_groups_are_what_hangs_together(edges: list[tuple[int, int]]) -> None:
    found = group_linked(count=10, first=ints(*(a for a, _ in edges)), second=ints(*(b for _, b in edges)))
    groups = {place: {place} for place in range(10)}
    for one, other in edges:
        joined = groups[one] | groups[other]
        for place in joined:
            groups[place] = joined
    assert found.tolist() == [min(groups[place]) for place in range(10)]


def test_securities_are_told_before_cash_and_what_has_no_limit_lacks_nothing() -> None:
    levels = Levels(before=ints(10, 100, 0, -5), after=ints(4, 100, -9, -2), floor=ints(0, 50, UNRESTRICTED, 0))
    rests = Rests(
        securities=ints(4, 5, 5, 0, 9, 1), cash=ints(50, 51, 50, 51, 51, 0),
        deliverer_row=ints(0, 0, 0, NOTHING, 2, 3), payer_row=ints(1, 1, 1, 1, 1, NOTHING),
    )  # fmt: skip
    row, shortfall = find_shortage(rests=rests, levels=levels)
    assert row.tolist() == [NOTHING, 0, 0, 1, 1, 3]
    # The last row stood 5 below its floor: it takes no debit, and lacks those 5 at least.
    assert shortfall.tolist() == [0, 1, 1, 1, 1, 5]


def test_the_largest_credit_is_waited_for_the_first_of_equals() -> None:
    claims = Claims(account=ints(7, 7, 7, 8, 7), asset=ints(3, 3, 3, 3, 4), amount=ints(5, 9, 9, 99, 0),
                    instruction=ints(10, 12, 11, 13, 14))  # fmt: skip
    found = choose_awaited(account=ints(7, 8, 7, 0, 9), asset=ints(3, 3, 4, 0, 3), claims=claims)
    assert found.tolist() == [11, 13, NOTHING, NOTHING, NOTHING]
    nobody = choose_awaited(account=ints(), asset=ints(), claims=Claims(ints(), ints(), ints(), ints()))
    assert nobody.tolist() == []


def test_a_shortage_holds_up_what_waits_behind_it() -> None:
    """0 and 1 lack 7/3 (there are 4 of it) and wait for 2, which lacks 8/3; 3 lacks 8/3 too and waits for nobody."""
    attempts = Attempts(
        account=ints(7, 7, 8, 8), asset=ints(3, 3, 3, 3), debit=ints(10, 5, 20, 30), shortfall=ints(6, 1, 20, 30),
        value=ints(100, 200, 1_000, 10), waits_for=ints(2, 2, NOTHING, NOTHING),
    )  # fmt: skip
    assert rank_shortages(attempts=attempts, most=5) == [
        Shortage(account=8, asset=3, missing=50, first=2, behind=4, value=1_310),
        Shortage(account=7, asset=3, missing=11, first=2, behind=2, value=300),
    ]
    assert len(rank_shortages(attempts=attempts, most=1)) == 1


@pytest.mark.parametrize("length", [2, 3, 9])
def test_a_circle_holds_up_all_of_itself_and_is_followed_once(length: int) -> None:
    place = np.arange(length)
    attempts = Attempts(
        account=place + 1, asset=0 * place + 3, debit=0 * place + 5, shortfall=0 * place + 5, value=0 * place + 10,
        waits_for=(place + 1) % length,
    )  # fmt: skip
    found = rank_shortages(attempts=attempts, most=20)
    assert [row.value for row in found] == [10 * length] * length
    assert {row.account for row in found} == set(range(1, length + 1))


def test_what_waits_for_a_linked_one_alone_names_no_shortage() -> None:
    attempts = Attempts(ints(0), ints(0), ints(5), ints(0), ints(10), ints(NOTHING))
    assert rank_shortages(attempts=attempts, most=5) == []
