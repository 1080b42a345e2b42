"""The settlement decision against brute force, and the promises it makes on any batch."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.core import strategy
from settlement.core.compiled import Flags, Ints
from settlement.core.decide import UNRESTRICTED, Batch, Decision, build_dvp_batch, decide_settlement
from settlement.core.submission import DVP, NOTHING, Submission, build_submitted_batch, settle_submission
from settlement.files.outcome import check_outcome

CURRENCY = 9
AMOUNT = st.integers(0, 6)
ORDER = st.tuples(
    st.integers(1, 5),  # deliverer
    st.integers(1, 5),  # receiver
    st.integers(1, 2),  # security
    AMOUNT,  # quantity
    st.integers(-4, 9),  # cash
    st.integers(1, 3),  # priority
    st.integers(0, 20),  # value
)
BALANCE = st.tuples(st.integers(-3, 9), st.one_of(st.just(0), st.integers(-6, 4), st.just(UNRESTRICTED)))
BALANCES = st.dictionaries(st.tuples(st.integers(1, 5), st.sampled_from([1, 2, CURRENCY])), BALANCE)


def build(
    orders: list[tuple[int, ...]], balances: dict[tuple[int, int], tuple[int, int]], numbers: list[int]
) -> tuple[Batch, Ints]:
    columns = np.array(orders, np.int64).reshape(-1, 7).T.copy()
    deliverer, receiver, security, quantity, cash, priority, value = columns
    pairs = np.array(list(balances), np.int64).reshape(-1, 2)
    known = np.array(list(balances.values()), np.int64).reshape(-1, 2)
    batch, _, asset = build_dvp_batch(
        deliverer_securities=deliverer, receiver_securities=receiver, deliverer_cash=deliverer,
        receiver_cash=receiver, security=security, quantity=quantity,
        currency=np.full(len(orders), CURRENCY, np.int64), cash=cash, priority=priority, value=value,
        number=np.array(numbers, np.int64), known_account=pairs[:, 0], known_asset=pairs[:, 1],
        known_balance=known[:, 0], known_floor=known[:, 1],
    )  # fmt: skip
    return batch, asset


@st.composite
def batches(draw: st.DrawFn, most: int = 8) -> tuple[Batch, Ints]:
    orders = draw(st.lists(ORDER, max_size=most))
    numbers = draw(st.permutations(range(len(orders))))
    return build(orders, draw(BALANCES), list(numbers))


def effects_of(batch: Batch) -> Ints:
    """Net effect of each instruction on each row, int64[n, m]."""
    effects = np.zeros((len(batch.value), len(batch.balance)), np.int64)
    for i, (start, stop) in enumerate(pairwise(batch.offset.tolist())):
        for k in range(start, stop):
            effects[i, batch.row[k]] += batch.amount[k]
    return effects


def feasible(batch: Batch, sets: Flags) -> Flags:
    """Say of each set, bool[s, n], whether it may settle.

    Restricted rows end at their floor or above it; those which stood below it take no debit.
    """
    effects = effects_of(batch)
    restricted = batch.floor != UNRESTRICTED
    below = restricted & (batch.balance < batch.floor)
    watched = restricted & ~below
    after = batch.balance[watched] + sets.astype(np.int64) @ effects[:, watched]
    enough = (after >= batch.floor[watched]).all(axis=1)
    debits_below = (effects[:, below] < 0).any(axis=1)
    return np.asarray(enough & ~(sets & debits_below).any(axis=1))


def tally(batch: Batch, settles: Flags) -> list[int]:
    """Settled value and number, from the first priority on: what the decision maximises, in order."""
    totals: list[int] = []
    for priority in sorted(set(batch.priority.tolist())):
        chosen = settles & (batch.priority == priority)
        totals += [int(batch.value[chosen].sum()), int(chosen.sum())]
    return totals


def best_tally(batch: Batch) -> list[int]:
    count = len(batch.value)
    sets = (np.arange(2**count)[:, None] >> np.arange(count)) & 1 == 1
    sets = sets[feasible(batch, sets)]
    totals: list[Ints] = []
    for priority in sorted(set(batch.priority.tolist())):
        chosen = sets & (batch.priority == priority)
        totals += [chosen @ batch.value, chosen.sum(axis=1)]
    best: list[int] = max(np.stack(totals, axis=1).tolist()) if totals else []
    return best


def fifo(batch: Batch) -> Flags:
    """First in, first out in plain Python: by priority, then number, each if it is covered at its turn."""
    effects, balance = effects_of(batch), batch.balance.copy()
    below = (batch.floor != UNRESTRICTED) & (batch.balance < batch.floor)
    settles = np.zeros(len(batch.value), np.bool_)
    for i in np.lexsort((batch.number, batch.priority)):
        debited = effects[i] < 0
        if not (debited & (below | (balance + effects[i] < batch.floor))).any():
            settles[i] = True
            balance += effects[i]
    return settles


def check_promises(batch: Batch, asset: Ints, decision: Decision) -> None:
    effects = effects_of(batch)
    settles = decision.settles
    assert feasible(batch, settles[None, :])[0]
    assert (decision.balance_after == batch.balance + settles.astype(np.int64) @ effects).all()
    for each in set(asset.tolist()):
        assert (decision.balance_after - batch.balance)[asset == each].sum() == 0
    assert tally(batch, settles) >= tally(batch, fifo(batch))
    assert (decision.short_row[settles] == -1).all()
    assert (decision.shortfall[settles] == 0).all()
    for i in np.flatnonzero(~settles):
        row = decision.short_row[i]
        before, floor = int(batch.balance[row]), int(batch.floor[row])
        missing = floor - int(decision.balance_after[row]) - int(effects[i, row])
        assert effects[i, row] < 0
        assert decision.shortfall[i] == max(missing, floor - before if before < floor else missing) > 0


@settings(deadline=None, max_examples=300)
@given(batches())
def test_a_small_batch_is_decided_as_well_as_by_brute_force(case: tuple[Batch, Ints]) -> None:
    batch, asset = case
    decision = decide_settlement(batch=batch)
    check_promises(batch, asset, decision)
    assert tally(batch, decision.settles) == best_tally(batch)


@settings(deadline=None, max_examples=150)
@given(batches(most=60), st.integers(0, 2), st.integers(1, 2**40))
def test_the_promises_hold_for_larger_batches(case: tuple[Batch, Ints], effort: int, seed: int) -> None:
    batch, asset = case
    first = decide_settlement(batch=batch, effort=effort, seed=seed)
    check_promises(batch, asset, first)
    again = decide_settlement(batch=batch, effort=effort, seed=seed)
    assert (first.settles == again.settles).all()
    assert (first.short_row == again.short_row).all()
    assert (first.shortfall == again.shortfall).all()


def back_off(batch: Batch) -> Flags:
    """All in; the least debitor of a short row goes, until none is short; then, best first, what still fits."""
    effects = effects_of(batch)
    below = (batch.floor != UNRESTRICTED) & (batch.balance < batch.floor)
    watched = (batch.floor != UNRESTRICTED) & ~below
    allowed_in: Flags = np.asarray(~(effects[:, below] < 0).any(axis=1), dtype=np.bool_)
    settles = allowed_in.copy()
    best_first = np.lexsort((batch.number, -batch.value, batch.priority))
    while True:
        after = batch.balance + settles.astype(np.int64) @ effects
        short = np.flatnonzero(watched & (after < batch.floor))
        if not len(short):
            break
        debitors = [i for i in best_first if settles[i] and effects[i, short[0]] < 0]
        settles[debitors[-1]] = False
    for _ in range(len(settles)):
        for i in best_first[~settles[best_first]]:
            tried = settles.copy()
            tried[i] = True
            if feasible(batch, tried[None, :])[0]:
                settles = tried
    return settles


@settings(deadline=None, max_examples=100)
@given(batches(most=30))
def test_never_less_than_back_off(case: tuple[Batch, Ints]) -> None:
    batch, _ = case
    kept = back_off(batch)
    assert feasible(batch, kept[None, :])[0]
    assert tally(batch, decide_settlement(batch=batch).settles) >= tally(batch, kept)


LINKED_ORDER = st.tuples(
    st.integers(1, 4),  # deliverer
    st.integers(1, 3),  # receiver, in steps from the deliverer
    st.integers(1, 9),  # quantity
    st.integers(1, 90),  # cash
    st.booleans(),  # partial
    st.one_of(st.none(), st.integers(0, 19)),  # linked with
)


@st.composite
def linked_submissions(draw: st.DrawFn) -> Submission:
    orders = draw(st.lists(LINKED_ORDER, min_size=2, max_size=20))
    count = len(orders)
    held = draw(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 120)), min_size=4, max_size=4))
    ones = np.ones(count, np.int64)
    deliverer = np.array([order[0] for order in orders], np.int64)
    link = [
        NOTHING if order[5] is None or order[5] % count == i else order[5] % count for i, order in enumerate(orders)
    ]
    cash = np.array([order[3] for order in orders], np.int64)
    return Submission(
        kind=DVP * ones, deliverer=deliverer, receiver=(deliverer - 1 + [order[1] for order in orders]) % 4 + 1,
        isin=0 * ones, currency=ones, quantity=np.array([order[2] for order in orders], np.int64), cash=cash,
        value=cash, priority=ones, partial=np.array([order[4] for order in orders]), min_quantity=ones, multiple=ones,
        linked_with=np.array(link, np.int64), account=np.repeat(np.arange(1, 5), 2), asset=np.tile([0, 1], 4),
        balance=np.array(held, np.int64).ravel(), floor=np.zeros(8, np.int64), asset_is_cash=np.array([False, True]),
    )  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(linked_submissions())
def test_linked_instructions_settle_whole_together_or_not_at_all(submission: Submission) -> None:
    submitted = build_submitted_batch(submission=submission, objective="value")
    decision = decide_settlement(batch=submitted.batch)
    settled = settle_submission(submission=submission, submitted=submitted, settled_units=decision.settled_units)
    for i, other in enumerate(submission.linked_with.tolist()):
        if other != NOTHING:
            assert settled.whole[i] == settled.whole[other]
            assert settled.whole[i] or settled.quantity[i] == settled.quantity[other] == 0
    assert check_outcome(submission=submission, settled=settled) == 0


PARTS = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))  # units, least, step


@st.composite
def batches_with_parts(draw: st.DrawFn, most: int) -> Batch:
    batch, _ = draw(batches(most=most))
    drawn = draw(st.lists(PARTS, min_size=len(batch.value), max_size=len(batch.value)))
    units, least, step = np.array(drawn, np.int64).reshape(-1, 3).T.copy()
    return replace(batch, units=units, least=np.minimum(least, units), step=step)


def allowed(batch: Batch, i: int) -> list[int]:
    units, least, step = int(batch.units[i]), int(batch.least[i]), int(batch.step[i])
    return [0, *(x for x in range(least, units) if x % step == 0), units]


def moved(batch: Batch, effects: Ints, x: tuple[int, ...]) -> Ints:
    share = np.array(x, np.int64)[:, None]
    units = batch.units[:, None]
    return np.asarray(np.sign(effects) * (np.abs(effects) * share // units))


def covers(batch: Batch, effects: Ints, x: tuple[int, ...]) -> bool:
    restricted = batch.floor != UNRESTRICTED
    below = restricted & (batch.balance < batch.floor)
    if any(x[i] and (effects[i, below] < 0).any() for i in range(len(x))):
        return False
    watched = restricted & ~below
    after = batch.balance + moved(batch, effects, x).sum(axis=0)
    return bool((after[watched] >= batch.floor[watched]).all())


def tally_parts(batch: Batch, x: tuple[int, ...]) -> list[int]:
    share = np.array(x, np.int64)
    value, whole = batch.value * share // batch.units, share == batch.units
    totals: list[int] = []
    for priority in sorted(set(batch.priority.tolist())):
        chosen = batch.priority == priority
        totals += [int(value[chosen].sum()), int(whole[chosen].sum())]
    return totals


@settings(deadline=None, max_examples=200)
@given(batches_with_parts(most=5))
def test_parts_are_decided_as_well_as_by_brute_force(batch: Batch) -> None:
    decision = decide_settlement(batch=batch)
    effects = effects_of(batch)
    x = tuple(decision.settled_units.tolist())
    assert covers(batch, effects, x)
    assert all(x[i] in allowed(batch, i) for i in range(len(x)))
    assert (decision.balance_after == batch.balance + moved(batch, effects, x).sum(axis=0)).all()
    choices = product(*(allowed(batch, i) for i in range(len(x))))
    assert tally_parts(batch, x) == max(tally_parts(batch, other) for other in choices if covers(batch, effects, other))
    assert decision.settled_value <= decision.worth <= decision.bound


@settings(deadline=None, max_examples=60)
@given(batches_with_parts(most=50), st.integers(0, 1), st.integers(1, 2**40))
def test_parts_keep_floors_and_the_seed(batch: Batch, effort: int, seed: int) -> None:
    decision = decide_settlement(batch=batch, effort=effort, seed=seed)
    effects = effects_of(batch)
    x = tuple(decision.settled_units.tolist())
    assert covers(batch, effects, x)
    assert all(x[i] in allowed(batch, i) for i in range(len(x)))
    assert sum(tally_parts(batch, x)[::2]) == decision.settled_value <= decision.worth <= decision.bound
    assert tally_parts(batch, x) >= tally(batch, fifo(batch))
    again = decide_settlement(batch=batch, effort=effort, seed=seed)
    assert (again.settled_units == decision.settled_units).all()


def random_case(random: np.random.Generator, count: int) -> tuple[Batch, Ints]:
    orders = [
        (
            *random.choice(5, 2, replace=False).tolist(),
            int(random.integers(1, 3)),
            int(random.integers(1, 9)),
            int(random.integers(0, 9)),
            1,
            int(random.integers(1, 100)),
        )
        for _ in range(count)
    ]
    balances = {(party, asset): (int(random.integers(0, 6)), 0) for party in range(5) for asset in (1, 2, CURRENCY)}
    return build(orders, balances, list(range(count)))


def test_the_search_alone_comes_close_to_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the proof for tiny cores; the bars stand a little under what was measured: all were the best."""
    random = np.random.default_rng(20_080_908)
    monkeypatch.setattr(strategy, "is_tiny", lambda *, problem: False)
    shares, fifo_shares, optimal = [], [], 0
    for _ in range(500):
        batch, asset = random_case(random, 11)
        decision = decide_settlement(batch=batch)
        check_promises(batch, asset, decision)
        best = best_tally(batch)[0]
        if best:
            shares.append(int(batch.value[decision.settles].sum()) / best)
            fifo_shares.append(int(batch.value[fifo(batch)].sum()) / best)
            optimal += shares[-1] == 1.0
    assert len(shares) > 400
    assert np.mean(shares) > 0.9999
    assert optimal > 0.995 * len(shares)
    assert np.mean(fifo_shares) < np.mean(shares) - 0.2
