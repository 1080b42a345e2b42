"""The three models over batches small enough to follow by hand, and what holds under each on any batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.core.batch import UNRESTRICTED
from settlement.core.delivery_versus_payment import MODELS, ModelOutcome, book_units, move_units, settle_under_model
from settlement.core.submission import DVP, NOTHING, Submission, SubmittedBatch, build_submitted_batch

BOND, SHARE, EUR = range(3)
Row = tuple[int, int, int, int, int]
"""deliverer, receiver, security, quantity, cash"""


def build(rows: list[Row], balances: dict[tuple[int, int], tuple[int, int]], partial: bool = False) -> SubmittedBatch:
    table = np.array(rows, np.int64).reshape(-1, 5).T
    held = np.array([(*pair, *amounts) for pair, amounts in balances.items()], np.int64).reshape(-1, 4).T
    count = len(rows)
    submission = Submission(
        kind=np.full(count, DVP, np.int64), deliverer=table[0].copy(), receiver=table[1].copy(), isin=table[2].copy(),
        currency=np.full(count, EUR, np.int64), quantity=table[3].copy(), cash=table[4].copy(),
        value=table[3] + table[4], priority=np.ones(count, np.int64), partial=np.full(count, partial),
        min_quantity=np.ones(count, np.int64), multiple=np.ones(count, np.int64),
        linked_with=np.full(count, NOTHING, np.int64),
        account=held[0].copy(), asset=held[1].copy(), balance=held[2].copy(), floor=held[3].copy(),
        asset_is_cash=np.array([False, False, True]),
    )  # fmt: skip
    return build_submitted_batch(submission=submission, objective="value")


def settle(model: int, submitted: SubmittedBatch) -> ModelOutcome:
    return settle_under_model(
        model=model, batch=submitted.batch, row_is_cash=submitted.row_is_cash, row_participant=submitted.row_account,
        seconds=0.2,
    )  # fmt: skip


def settled(model: int, rows: list[Row], balances: dict[tuple[int, int], tuple[int, int]]) -> list[int]:
    return [int(units > 0) for units in settle(model, build(rows, balances)).settled_units]


@pytest.mark.parametrize("size", [2, 3, 9])
def test_a_circle_without_stock_settles_unless_securities_go_one_by_one(size: int) -> None:
    circle = [(i, (i + 1) % size, BOND, 10, 70) for i in range(size)]
    assert settled(1, circle, {}) == [1] * size
    assert settled(2, circle, {}) == [0] * size
    assert settled(3, circle, {}) == [1] * size


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", [2, 3, 9])
def test_a_chain_settles_in_whatever_order_it_arrives(model: int, size: int) -> None:
    chain = [(i, i + 1, BOND, 10, 0) for i in range(size)]
    assert settled(model, chain[::-1], {(0, BOND): (10, 0)}) == [1] * size


@pytest.mark.parametrize("model", MODELS)
def test_cash_is_netted_in_every_model(model: int) -> None:
    swap = [(1, 2, BOND, 10, 100), (2, 1, SHARE, 4, 100)]
    assert settled(model, swap, {(1, BOND): (10, 0), (2, SHARE): (4, 0)}) == [1, 1]


def test_a_circle_with_stock_at_one_party_settles_one_by_one() -> None:
    circle = [(2, 3, BOND, 10, 0), (3, 1, BOND, 10, 0), (1, 2, BOND, 10, 0)]
    assert settled(2, circle, {(1, BOND): (10, 0)}) == [1, 1, 1]


def test_the_order_is_looked_for() -> None:
    # In order of arrival the first takes the stock, and the pair that gives it back finds no turn.
    rows = [(1, 2, BOND, 10, 0), (1, 3, BOND, 6, 0), (3, 1, BOND, 6, 0)]
    assert settled(2, rows, {(1, BOND): (10, 0)}) == [1, 1, 1]


def test_what_finds_no_turn_makes_room_for_something_else() -> None:
    # The circle would bring 3 the money for its purchase from 4; without it 5 can buy.
    rows = [(1, 2, BOND, 10, 0), (2, 1, BOND, 10, 0), (4, 5, SHARE, 1, 50)]
    outcome = settle(2, build(rows, {(4, SHARE): (1, 0), (5, EUR): (50, 0)}))
    assert (outcome.settled_units > 0).tolist() == [False, False, True]
    assert outcome.unwound.tolist() == [True, True, False]


def test_the_last_of_a_short_participant_is_unwound_first_and_others_with_it() -> None:
    # 1 can deliver once. Unwinding its second delivery leaves 3 short, so 3's goes too.
    rows = [(1, 2, BOND, 10, 0), (1, 3, BOND, 10, 0), (3, 4, BOND, 10, 0), (5, 6, SHARE, 1, 0)]
    outcome = settle(3, build(rows, {(1, BOND): (10, 0), (5, SHARE): (1, 0)}))
    assert (outcome.settled_units > 0).tolist() == [True, False, False, True]
    assert outcome.unwound.tolist() == [False, True, True, False]
    assert outcome.short_participants == 1
    # With all of participant 1 out, 3 is short of what it passes on; only 5's delivery is left.
    assert (outcome.excluded_number, outcome.excluded_value) == (1, 1)


def test_liquidity_gross_and_net() -> None:
    # 2 pays 100 before it gets 90; with credit of 100 both settle, and net it needs 10.
    rows = [(1, 2, BOND, 1, 100), (2, 3, BOND, 1, 90)]
    outcome = settle(1, build(rows, {(1, BOND): (1, 0), (2, EUR): (0, -100), (3, EUR): (90, 0)}))
    assert (outcome.number, outcome.value) == (2, 192)
    assert outcome.liquidity_gross == 100 + 90
    assert outcome.liquidity_net == 10 + 90
    assert outcome.credit_used == 10
    assert outcome.bound == 192


def test_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="no model 4"):
        settle(4, build([(1, 2, BOND, 1, 1)], {}))


ROW = st.tuples(
    st.integers(1, 4), st.integers(1, 4), st.sampled_from([BOND, SHARE]), st.integers(1, 6), st.integers(0, 6)
)
BALANCE = st.tuples(st.integers(-3, 9), st.integers(-4, 3))
BALANCES = st.dictionaries(st.tuples(st.integers(1, 4), st.sampled_from([BOND, SHARE, EUR])), BALANCE)


def can_be_ordered(submitted: SubmittedBatch, amount: np.ndarray, chosen: list[int]) -> bool:
    """Try every order, the deliveries already made being what matters, for one without a short securities row."""
    batch = submitted.batch
    gross = {int(row) for row in np.flatnonzero(~submitted.row_is_cash)}
    legs = {
        i: [
            (int(batch.row[k]), int(amount[k]))
            for k in range(int(batch.offset[i]), int(batch.offset[i + 1]))
            if int(batch.row[k]) in gross
        ]
        for i in chosen
    }
    seen: set[frozenset[int]] = set()
    waiting = [frozenset[int]()]
    while waiting:
        done = waiting.pop()
        if len(done) == len(chosen):
            return True
        if done in seen:
            continue
        seen.add(done)
        level = (batch.balance - batch.floor).tolist()
        for i in done:
            for row, moved in legs[i]:
                level[row] += moved
        for i in set(chosen) - done:
            if all(level[row] + moved >= 0 for row, moved in legs[i] if moved < 0):
                waiting.append(done | {i})
    return False


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW.filter(lambda row: row[0] != row[1]), min_size=1, max_size=8), BALANCES, st.booleans())
def test_floors_hold_under_every_model_and_model_2_has_an_order(
    rows: list[Row], balances: dict[tuple[int, int], tuple[int, int]], partial: bool
) -> None:
    submitted = build(rows, balances, partial)
    batch = submitted.batch
    assert not (batch.floor == UNRESTRICTED).any()
    for model in MODELS:
        outcome = settle(model, submitted)
        after = book_units(batch=batch, settled_units=outcome.settled_units)
        assert (after >= np.minimum(batch.balance, batch.floor)).all()
        units = outcome.settled_units
        assert ((units == 0) | (units == batch.units) | ((units >= batch.least) & (units % batch.step == 0))).all()
        below = bool((batch.balance < batch.floor).any())
        assert (outcome.bound is None) == (model == 3 or (model == 2 and below))
        assert outcome.bound is None or outcome.worth <= outcome.bound
        assert outcome.liquidity_net <= outcome.liquidity_gross
        if model == 3:
            assert (outcome.unwound == (units == 0)).all()
        if model == 2:
            amount = move_units(batch=batch, settled_units=units)
            assert can_be_ordered(submitted, amount, np.flatnonzero(units).tolist())
