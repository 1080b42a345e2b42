"""The settlement decision on batches small enough to follow by hand."""

from typing import NamedTuple

import numpy as np
import pytest

from settlement.core.compiled import Ints
from settlement.core.decide import (
    UNRESTRICTED,
    AmountOutOfRange,
    Batch,
    Decision,
    InvalidBatch,
    build_dvp_batch,
    decide_settlement,
    reasons_of,
    warm_up,
)
from settlement.core.lifecycle import Reason

EUR = 1
BOND, SHARE = 2, 3


class Order(NamedTuple):
    """One delivery; party p keeps securities in account 10 p and cash in account 10 p + 1."""

    deliverer: int
    receiver: int
    quantity: int
    cash: int = 0
    security: int = BOND
    priority: int = 1
    value: int | None = None


Balances = dict[tuple[int, int], tuple[int, int]]


class Case(NamedTuple):
    batch: Batch
    decision: Decision
    account: Ints
    asset: Ints

    @property
    def settled(self) -> list[bool]:
        return list(self.decision.settles.tolist())

    @property
    def reasons(self) -> list[Reason | None]:
        return reasons_of(decision=self.decision, row_is_cash=self.asset == EUR)

    def after(self, account: int, asset: int) -> int:
        place = np.flatnonzero((self.account == account) & (self.asset == asset))[0]
        return int(self.decision.balance_after[place])


def decide(orders: list[Order], balances: Balances | None = None, effort: int = 1) -> Case:
    known = list((balances or {}).items())

    def column(values: list[int]) -> Ints:
        return np.array(values, np.int64)

    batch, account, asset = build_dvp_batch(
        deliverer_securities=column([10 * o.deliverer for o in orders]),
        receiver_securities=column([10 * o.receiver for o in orders]),
        deliverer_cash=column([10 * o.deliverer + 1 for o in orders]),
        receiver_cash=column([10 * o.receiver + 1 for o in orders]),
        security=column([o.security for o in orders]),
        quantity=column([o.quantity for o in orders]),
        currency=column([EUR] * len(orders)),
        cash=column([o.cash for o in orders]),
        priority=column([o.priority for o in orders]),
        value=column([abs(o.cash) if o.value is None else o.value for o in orders]),
        number=column(list(range(len(orders)))),
        known_account=column([pair[0] for pair, _ in known]),
        known_asset=column([pair[1] for pair, _ in known]),
        known_balance=column([balance for _, (balance, _) in known]),
        known_floor=column([floor for _, (_, floor) in known]),
    )
    return Case(batch, decide_settlement(batch=batch, effort=effort), account, asset)


def circle(size: int, quantity: int, cash: int, first: int = 1) -> list[Order]:
    """Each party delivers to the next, the last to the first: nobody needs stock or cash."""
    return [Order(first + i, first + (i + 1) % size, quantity, cash) for i in range(size)]


@pytest.mark.parametrize("size", [2, 3, 9, 100])
def test_a_circle_without_stock_or_cash_settles(size: int) -> None:
    case = decide(circle(size, 100, 5_000))
    assert all(case.settled)
    assert not case.decision.balance_after.any()
    assert case.reasons == [None] * size


@pytest.mark.parametrize("size", [3, 9])
def test_a_circle_that_misses_one_unit_does_not_settle(size: int) -> None:
    orders = circle(size, 100, 0)
    orders[0] = orders[0]._replace(quantity=99)
    assert not any(decide(orders).settled)


def test_a_circle_over_securities_and_cash_settles_at_once() -> None:
    # 1 sells the bond to 2, 2 sells the share to 1 for the same money: neither has cash.
    case = decide(
        [Order(1, 2, 10, 700), Order(2, 1, 4, 700, security=SHARE)],
        {(10, BOND): (10, 0), (20, SHARE): (4, 0)},
    )
    assert case.settled == [True, True]
    assert case.after(20, BOND) == 10
    assert case.after(10, SHARE) == 4


def test_a_chain_through_the_central_counterparty_settles() -> None:
    ccp, seller, middle, buyer = 9, 1, 2, 3
    orders = [
        Order(ccp, buyer, 50, 1_000),
        Order(middle, ccp, 50, 990),
        Order(ccp, middle, 50, 990),
        Order(seller, ccp, 50, 1_000),
    ]
    case = decide(orders, {(10, BOND): (50, 0), (31, EUR): (1_000, 0)})
    assert all(case.settled)
    assert case.after(30, BOND) == 50
    assert case.after(11, EUR) == 1_000
    assert case.after(90, BOND) == case.after(91, EUR) == 0


@pytest.mark.parametrize("size", [2, 3, 9, 30])
@pytest.mark.parametrize("big_first", [True, False])
@pytest.mark.parametrize("big_quantity", [100, 150, 10_000])
def test_a_circle_settles_beside_a_big_delivery_which_cannot(size: int, big_first: bool, big_quantity: int) -> None:
    # Party 1 also owes an outsider; cutting the smallest first would break the circle for nothing.
    small = circle(size, 100, 0)
    big = [Order(1, 99, big_quantity, 0, value=1_000_000)]
    orders = big + small if big_first else small + big
    case = decide(orders)
    assert case.settled == ([False] + [True] * size if big_first else [True] * size + [False])
    assert case.reasons[0 if big_first else -1] is Reason.LACK


def test_crossing_circles_with_outsiders_at_every_party() -> None:
    orders = circle(7, 100, 0) + circle(7, 100, 0)[::-1]
    orders += [Order(i, 50 + i, 100, 0, value=9_000) for i in range(1, 8)]
    orders += [Order(70 + i, i, 100, 0, value=9_000) for i in range(1, 8)]
    case = decide(orders)
    assert all(case.settled[:14])
    assert not any(case.settled[14:])


def test_lack_and_money_are_told_with_what_is_missing() -> None:
    case = decide(
        [Order(1, 2, 100, 0), Order(3, 4, 100, 500), Order(5, 6, 100, 500)],
        {(10, BOND): (60, 0), (30, BOND): (100, 0), (41, EUR): (499, 0), (61, EUR): (100, 0)},
    )
    assert case.settled == [False, False, False]
    assert case.reasons == [Reason.LACK, Reason.MONY, Reason.LACK]
    assert case.decision.shortfall.tolist() == [40, 1, 100]
    short = case.decision.short_row
    assert case.account[short].tolist() == [10, 41, 50]


def test_shortfall_counts_what_the_settled_ones_took() -> None:
    case = decide([Order(1, 2, 70, 0, value=9), Order(1, 3, 70, 0, value=8)], {(10, BOND): (100, 0)})
    assert case.settled == [True, False]
    assert case.decision.shortfall.tolist() == [0, 40]


def test_priority_stands_before_value() -> None:
    orders = [Order(1, 2, 100, 0, value=1_000_000, priority=2), Order(1, 3, 100, 0, value=1, priority=1)]
    assert decide(orders, {(10, BOND): (100, 0)}).settled == [False, True]


def test_a_lower_priority_delivers_what_a_higher_one_needs() -> None:
    orders = [Order(1, 2, 100, 0, priority=1), Order(3, 1, 100, 0, priority=4)]
    assert decide(orders, {(30, BOND): (100, 0)}).settled == [True, True]


def test_value_stands_before_number() -> None:
    orders = [Order(1, 2, 100, 0, value=1), Order(1, 3, 100, 0, value=2)]
    assert decide(orders, {(10, BOND): (100, 0)}).settled == [False, True]


def test_the_lower_number_wins_between_equals() -> None:
    orders = [Order(1, 2, 100, 0, value=5), Order(1, 3, 100, 0, value=5)]
    assert decide(orders, {(10, BOND): (100, 0)}).settled == [True, False]


def test_a_floor_below_and_above_zero_holds() -> None:
    orders = [Order(1, 2, 100, 0), Order(3, 4, 100, 0)]
    case = decide(orders, {(10, BOND): (0, -100), (30, BOND): (100, 1)})
    assert case.settled == [True, False]
    assert case.after(10, BOND) == -100
    assert case.decision.shortfall[1] == 1


def test_an_account_without_a_limit_pays_any_amount() -> None:
    case = decide([Order(1, 2, 10**15, 0)], {(10, BOND): (-(10**15), UNRESTRICTED)})
    assert case.settled == [True]
    assert case.after(10, BOND) == -2 * 10**15


def test_a_row_below_its_floor_takes_credits_only() -> None:
    orders = [Order(1, 2, 5, 0), Order(3, 1, 3, 0)]
    case = decide(orders, {(10, BOND): (-10, 0), (30, BOND): (3, 0)})
    assert case.settled == [False, True]
    assert case.after(10, BOND) == -7
    assert case.decision.shortfall[0] == 12


def test_payment_only_and_negative_cash() -> None:
    case = decide([Order(1, 2, 0, 300), Order(3, 4, 0, -200)], {(21, EUR): (300, 0), (31, EUR): (200, 0)})
    assert case.settled == [True, True]
    assert case.after(11, EUR) == 300
    assert case.after(41, EUR) == 200
    assert set(case.asset.tolist()) == {EUR}


def test_a_delivery_to_oneself_needs_nothing() -> None:
    assert decide([Order(1, 1, 100, 50)]).settled == [True]


def test_an_empty_batch() -> None:
    case = decide([])
    assert case.settled == []
    assert case.reasons == []


@pytest.mark.parametrize(
    ("order", "balance"),
    [
        (Order(1, 2, 2**62, 0), (0, 0)),
        (Order(1, 2, -1, 0), (0, 0)),
        (Order(1, 2, 1, 2**62), (0, 0)),
        (Order(1, 2, 1, -(2**63), value=0), (0, 0)),
        (Order(1, 2, 2**61, 0), (2**61, 0)),
        (Order(1, 2, 1, 0), (-(2**63), 0)),
        (Order(1, 2, 1, 0), (0, 2**63 - 1)),
        (Order(1, 2, 1, 0, value=-1), (0, 0)),
        (Order(1, 2, 1, 0, value=2**62), (0, 0)),
    ],
)
def test_amounts_out_of_range_are_refused(order: Order, balance: tuple[int, int]) -> None:
    with pytest.raises(AmountOutOfRange):
        decide([order], {(10, BOND): balance})


def test_sums_out_of_range_are_refused() -> None:
    with pytest.raises(AmountOutOfRange):
        decide([Order(1, 2, 2**61, 0), Order(3, 2, 2**61, 0)])
    with pytest.raises(AmountOutOfRange):
        decide([Order(1, 2, 1, 0, value=2**61), Order(3, 2, 1, 0, value=2**61)])


def test_the_largest_amount_is_exact() -> None:
    largest = 2**62 - 1
    case = decide([Order(1, 2, largest, 0, value=largest), Order(2, 3, 0, 0)], {(10, BOND): (0, -largest)})
    assert case.settled == [True, True]
    assert case.after(20, BOND) == largest


@pytest.mark.parametrize(
    "change",
    [
        {"row": np.array([0, 9], np.int64)},
        {"number": np.array([1, 1], np.int64)},
        {"offset": np.array([0, 2], np.int64)},
        {"offset": np.array([0, 3, 2], np.int64)},
        {"value": np.array([1, 2], np.int32)},
        {"floor": np.zeros(3, np.int64)},
        {"amount": np.zeros(3, np.int64)},
        {"least": np.array([1, 2], np.int64)},
        {"units": np.array([1, 2**31 + 1], np.int64)},
        {"step": np.array([1, 0], np.int64)},
    ],
)
def test_arrays_which_do_not_fit_are_refused(change: dict[str, Ints]) -> None:
    columns = {
        "offset": [0, 1, 2], "row": [0, 1], "amount": [1, 1], "priority": [1, 1], "value": [1, 1],
        "number": [1, 2], "balance": [0, 0], "floor": [0, 0], "units": [1, 1], "least": [1, 1], "step": [1, 1],
    }  # fmt: skip
    arrays = {name: np.array(values, np.int64) for name, values in columns.items()} | change
    with pytest.raises(InvalidBatch):
        decide_settlement(batch=Batch(**arrays))


def test_a_balance_listed_twice_is_refused() -> None:
    one = np.ones(1, np.int64)
    two = np.ones(2, np.int64)
    with pytest.raises(InvalidBatch):
        build_dvp_batch(
            deliverer_securities=one, receiver_securities=2 * one, deliverer_cash=one,
            receiver_cash=2 * one, security=one, quantity=one, currency=one, cash=one, priority=one,
            value=one, number=one, known_account=two, known_asset=two, known_balance=two, known_floor=two,
        )  # fmt: skip


def test_read_only_and_strided_columns_are_taken() -> None:
    table = np.array([[1, 1, 1], [1, 2, 2]], np.int64)
    table.flags.writeable = False
    rows = np.array([0, 0, 1, 0], np.int64)[::2]
    batch = Batch(
        offset=np.array([0, 1, 2], np.int64), row=rows, amount=table[:, 1], priority=table[:, 0],
        value=table[:, 2], number=table[:, 1], balance=table[0, :2], floor=table[0, :2], units=table[:, 0],
        least=table[:, 0], step=table[:, 0],
    )  # fmt: skip
    assert decide_settlement(batch=batch, seed=2**70).settles.all()


def test_warm_up_compiles_without_error() -> None:
    warm_up.cache_clear()
    warm_up()
