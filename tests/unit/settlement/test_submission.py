"""A submission becomes a batch, and a decision over the batch an answer per instruction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from settlement.core.compiled import Ints
from settlement.core.submission import (
    CYCL,
    DVP,
    FOP,
    LACK,
    LINK,
    MONY,
    NOTHING,
    PAY,
    SETTLED,
    Objective,
    Settled,
    Submission,
    SubmittedBatch,
    build_submitted_batch,
    list_movements,
    name_reasons,
    settle_submission,
)
from settlement.files.outcome import check_outcome, sum_exactly
from settlement.files.refusals import OutcomeBroken

BOND, EUR = 0, 1


def ints(*values: int) -> Ints:
    return np.array(values, np.int64)


def make(rows: list[dict[str, int]], balances: list[tuple[int, int, int, int]]) -> Submission:
    """Build a submission in one bond and EUR; unnamed columns are a delivery of 10 for 100."""
    default = {
        "kind": DVP, "deliverer": 1, "receiver": 2, "isin": BOND, "currency": EUR, "quantity": 10, "cash": 100,
        "value": 100, "priority": 1, "partial": 0, "min_quantity": 1, "multiple": 1, "linked_with": NOTHING,
    }  # fmt: skip
    columns: dict[str, Any] = {name: ints(*((default | row)[name] for row in rows)) for name in default}
    columns["partial"] = columns["partial"] == 1
    held = np.array(balances, np.int64).reshape(-1, 4).T
    return Submission(
        **columns, account=held[0], asset=held[1], balance=held[2], floor=held[3],
        asset_is_cash=np.array([False, True]),
    )  # fmt: skip


PAYMENT = {"kind": PAY, "isin": NOTHING, "quantity": 0}
FREE = {"kind": FOP, "currency": NOTHING, "cash": 0}


def build(rows: list[dict[str, int]], objective: Objective = "value") -> SubmittedBatch:
    return build_submitted_batch(submission=make(rows, []), objective=objective)


def movements(submitted: SubmittedBatch, column: int) -> set[tuple[int, int, int]]:
    batch = submitted.batch
    piece = slice(batch.offset[column], batch.offset[column + 1])
    return {
        (int(submitted.row_account[row]), int(submitted.row_asset[row]), int(amount))
        for row, amount in zip(batch.row[piece], batch.amount[piece], strict=True)
    }


def test_each_kind_moves_what_it_should() -> None:
    submitted = build([{}, FREE, PAYMENT])
    assert movements(submitted, 0) == {(1, BOND, -10), (2, BOND, 10), (2, EUR, -100), (1, EUR, 100)}
    assert movements(submitted, 1) == {(1, BOND, -10), (2, BOND, 10)}
    assert movements(submitted, 2) == {(1, EUR, -100), (2, EUR, 100)}
    assert submitted.row_is_cash.tolist() == [asset == EUR for asset in submitted.row_asset]


@pytest.mark.parametrize(
    ("objective", "value", "priority"),
    [("value", [7, 8], [1, 1]), ("count", [1, 1], [1, 1]), ("priority", [7, 8], [3, 2])],
)
def test_the_objective_says_what_counts(objective: Objective, value: list[int], priority: list[int]) -> None:
    submitted = build([{"value": 7, "priority": 3}, {"value": 8, "priority": 2}], objective)
    assert submitted.batch.value.tolist() == value
    assert submitted.batch.priority.tolist() == priority


def test_linked_instructions_are_one_column_over_any_number_of_links() -> None:
    rows = [{"linked_with": 3, "partial": 1}, {}, {"linked_with": 0}, {}, {"linked_with": 2}]
    submitted = build(rows)
    assert submitted.column_of.tolist() == [0, 1, 0, 0, 0]
    assert submitted.batch.units.tolist() == [1, 1]
    assert submitted.batch.value.tolist() == [400, 100]


def test_a_part_pays_its_share_rounded_down() -> None:
    submission = make([{"quantity": 9, "cash": 100, "value": 50, "partial": 1, "min_quantity": 2}], [])
    submitted = build_submitted_batch(submission=submission, objective="value")
    settled = settle_submission(submission=submission, submitted=submitted, settled_units=ints(5))
    assert (settled.quantity[0], settled.cash[0], settled.value[0], settled.whole[0]) == (5, 55, 27, False)


def test_multiples_that_divide_the_whole_are_the_units() -> None:
    submission = make([{"quantity": 90, "cash": 100, "partial": 1, "min_quantity": 11, "multiple": 10}], [])
    submitted = build_submitted_batch(submission=submission, objective="value")
    assert (submitted.batch.units[0], submitted.batch.least[0], submitted.batch.step[0]) == (9, 2, 1)
    settled = settle_submission(submission=submission, submitted=submitted, settled_units=ints(2))
    assert settled.quantity.tolist() == [20]


def test_reasons() -> None:
    rows = [{}, PAYMENT, {"linked_with": 3} | FREE | {"deliverer": 3}, FREE, FREE | {"deliverer": 3}, PAYMENT]
    submission = make(rows, [(1, EUR, 100, 50), (2, EUR, 0, 0), (3, BOND, 10, 0)])
    submitted = build_submitted_batch(submission=submission, objective="value")
    units = ints(0, 0, 0, 1, 0)
    settled = settle_submission(submission=submission, submitted=submitted, settled_units=units)
    after = submitted.batch.balance.copy()
    after[(submitted.row_account == 3) & (submitted.row_asset == BOND)] = 0
    reason = name_reasons(submission=submission, submitted=submitted, settled=settled, balance_after=after)
    # 0 lacks bonds, and its buyer money; 1 and 5 money; 2 bonds, now that 4 took them; 3 bonds.
    assert reason.tolist() == [LACK, MONY, LACK, LACK, SETTLED, MONY]


def test_a_linked_instruction_that_alone_could_settle_waits_for_its_link() -> None:
    rows = [FREE | {"linked_with": 1}, FREE | {"deliverer": 3}, FREE | {"quantity": 3}]
    submission = make(rows, [(1, BOND, 20, 0)])
    submitted = build_submitted_batch(submission=submission, objective="value")
    settled = settle_submission(submission=submission, submitted=submitted, settled_units=ints(0, 0))
    reason = name_reasons(
        submission=submission, submitted=submitted, settled=settled, balance_after=submitted.batch.balance
    )
    assert reason.tolist() == [LINK, LACK, CYCL]


def settled_of(submission: Submission, quantity: list[int], cash: list[int]) -> Settled:
    whole = (ints(*quantity) == submission.quantity) & (ints(*cash) == submission.cash)
    return Settled(ints(*quantity), ints(*cash), ints(*cash), whole)


PARTIAL = {"partial": 1, "min_quantity": 4, "multiple": 2}
BROKEN: dict[str, tuple[list[dict[str, int]], list[tuple[int, int, int, int]], list[int], list[int]]] = {
    "overdraft in securities": ([{}], [(2, EUR, 100, 0)], [10], [100]),
    "overdraft in cash": ([{}], [(1, BOND, 10, 0), (2, EUR, 99, 0)], [10], [100]),
    "a floor above zero": ([{}], [(1, BOND, 10, 1), (2, EUR, 100, 0)], [10], [100]),
    "a part of what is all or nothing": ([{}], [(1, BOND, 10, 0), (2, EUR, 100, 0)], [5], [50]),
    "a part below the minimum": ([PARTIAL], [(1, BOND, 10, 0), (2, EUR, 100, 0)], [2], [20]),
    "a part that is no multiple": ([PARTIAL], [(1, BOND, 10, 0), (2, EUR, 100, 0)], [5], [50]),
    "cash that is not pro rata": ([PARTIAL], [(1, BOND, 10, 0), (2, EUR, 100, 0)], [4], [42]),
    "more than the whole": ([FREE], [(1, BOND, 20, 0)], [20], [0]),
    "one leg only": ([{}], [(1, BOND, 10, 0), (2, EUR, 100, 0)], [10], [0]),
    "one of two linked": ([FREE | {"linked_with": 1}, FREE], [(1, BOND, 10, 0)], [10, 0], [0, 0]),
    "a debit below the floor": ([FREE], [(1, BOND, 9, 20)], [10], [0]),
    "cash in a free delivery": ([FREE], [(1, BOND, 10, 0)], [10], [5]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_outcome_that_breaks_a_rule_is_never_written(case: str) -> None:
    rows, balances, quantity, cash = BROKEN[case]
    submission = make(rows, balances)
    with pytest.raises(OutcomeBroken):
        check_outcome(submission=submission, settled=settled_of(submission, quantity, cash))


def test_a_good_outcome_counts_the_accounts_that_began_below_their_floor() -> None:
    submission = make([PARTIAL, FREE], [(1, BOND, 14, 0), (2, EUR, 41, 0), (2, BOND, -20, 0), (7, EUR, 0, 3)])
    settled = settled_of(submission, [4, 10], [41, 0])
    assert check_outcome(submission=submission, settled=settled) == 2


def test_movements_pair_debits_with_credits() -> None:
    submission = make([{}, PAYMENT], [])
    moves = list_movements(submission=submission, quantity=submission.quantity, cash=submission.cash)
    half = len(moves.amount) // 2
    assert (moves.amount[:half] <= 0).all()
    assert (moves.amount[:half] == -moves.amount[half:]).all()
    assert (moves.asset[:half] == moves.asset[half:]).all()


def test_sums_beyond_int64_are_exact() -> None:
    assert sum_exactly(amounts=ints(2**62, 2**62, 2**62, -5)) == 3 * 2**62 - 5
    assert sum_exactly(amounts=ints(-(2**62), -(2**62), -(2**62), -1)) == -3 * 2**62 - 1
