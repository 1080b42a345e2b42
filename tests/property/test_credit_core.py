"""Credit in the decision, over random batches: no account draws more than its line and its collateral allow."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.core.batch import Batch, build_dvp_batch
from settlement.core.compiled import Ints
from settlement.core.credit import Lines, add_collateral
from settlement.core.decide import decide_settlement

PARTIES, SECURITIES, CURRENCY = 3, 2, 100


@st.composite
def markets(draw: st.DrawFn) -> tuple[Batch, Ints, Ints, Ints, Ints]:
    """Return a batch, its rows' accounts and assets, unit values int64[SECURITIES] and free credit int64[PARTIES].

    Party p has securities account p and cash account 10 + p; securities are 200 and 201.
    """
    count = draw(st.integers(1, 7))

    def column(low: int, high: int, size: int = count) -> Ints:
        return np.array(draw(st.lists(st.integers(low, high), min_size=size, max_size=size)), np.int64)

    deliverer = column(0, PARTIES - 1)
    receiver = (deliverer + column(1, PARTIES - 1)) % PARTIES
    quantity, cash = column(1, 12), column(-30, 120)
    least = np.where(column(0, 1) == 1, column(1, 3), quantity)
    known_account = np.concatenate([np.repeat(np.arange(PARTIES), SECURITIES), 10 + np.arange(PARTIES)])
    known_asset = np.concatenate([np.tile(200 + np.arange(SECURITIES), PARTIES), np.full(PARTIES, CURRENCY)])
    balance = np.concatenate([column(0, 12, PARTIES * SECURITIES), column(0, 60, PARTIES)])
    batch, row_account, row_asset = build_dvp_batch(
        deliverer_securities=deliverer, receiver_securities=receiver, deliverer_cash=10 + deliverer,
        receiver_cash=10 + receiver, security=200 + column(0, SECURITIES - 1), quantity=quantity,
        currency=np.full(count, CURRENCY, np.int64), cash=cash, priority=column(1, 2), value=np.abs(cash),
        number=np.arange(count), known_account=known_account.astype(np.int64),
        known_asset=known_asset.astype(np.int64), known_balance=balance, known_floor=np.zeros(len(balance), np.int64),
        least_quantity=np.minimum(least, quantity), multiple=np.ones(count, np.int64),
    )  # fmt: skip
    return batch, row_account, row_asset, column(0, 9, SECURITIES), column(0, 80, PARTIES)


def lines_of(batch: Batch, row_account: Ints, row_asset: Ints, value: Ints, free: Ints) -> Lines:
    """Give each party a line, where the batch moves its cash. Securities that no instruction moves are left out."""
    cash_row = np.flatnonzero(row_asset == CURRENCY)
    party = row_account[cash_row] - 10
    line_of, worth = np.full(len(batch.balance), -1, np.int64), np.zeros(len(batch.balance), np.int64)
    held = np.zeros(len(party), np.int64)
    for line, owner in enumerate(party.tolist()):
        own = np.flatnonzero((row_account == owner) & (row_asset >= 200))
        own = own[value[row_asset[own] - 200] > 0]
        line_of[own], worth[own] = line, value[row_asset[own] - 200]
        held[line] = int((batch.balance[own] * worth[own]).sum())
        line_of[cash_row[line]], worth[cash_row[line]] = line, 1
    return Lines(cash_row, free[party], held, line_of, worth)


@settings(max_examples=300, deadline=None)
@given(markets())
def test_what_is_drawn_is_within_the_line_and_covered_by_what_is_held_then(
    market: tuple[Batch, Ints, Ints, Ints, Ints],
) -> None:
    batch, row_account, row_asset, value, free = market
    lines = lines_of(batch, row_account, row_asset, value, free)
    extended, added = add_collateral(batch=batch, lines=lines)
    assert added.tolist() == list(range(len(lines.cash_row)))
    decision = decide_settlement(batch=extended)
    after = decision.balance_after
    for line, row in enumerate(lines.cash_row.tolist()):
        drawn = max(0, -int(after[row]))
        assert drawn <= lines.free[line]
        own = (lines.line_of == line) & (np.arange(len(lines.line_of)) != row)
        assert drawn <= int((after[: len(lines.line_of)][own] * lines.worth[own]).sum())
    securities = row_asset >= 200
    assert np.all(after[: len(row_asset)][securities] >= 0)


@settings(max_examples=150, deadline=None)
@given(markets())
def test_without_parts_credit_never_costs_settled_value(market: tuple[Batch, Ints, Ints, Ints, Ints]) -> None:
    """Every set that settles without credit settles with it: its collateral row says no more than its cash row."""
    batch, row_account, row_asset, value, free = market
    ones = np.ones_like(batch.units)
    whole = Batch(
        offset=batch.offset, row=batch.row, amount=batch.amount, priority=ones, value=batch.value,
        number=batch.number, balance=batch.balance, floor=batch.floor, units=ones, least=ones, step=ones,
    )  # fmt: skip
    without = decide_settlement(batch=whole)
    extended, _ = add_collateral(batch=whole, lines=lines_of(whole, row_account, row_asset, value, free))
    chosen = np.repeat(without.settles, np.diff(extended.offset))
    after = extended.balance.copy()
    np.add.at(after, extended.row[chosen], extended.amount[chosen])
    assert np.all(after >= extended.floor)
