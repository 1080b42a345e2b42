"""The live scripts and the pure core say the same of every trade; the order of independent ones does not matter."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearing.core.derivatives.book import assess
from clearing.core.derivatives.terms import NOTHING, Position, Terms, change_position, trade_value
from clearing.live.store import load_state, run_trades, take_snapshot
from tests.factories.derivatives import clear_store

ACCOUNTS = (1, 2, 3)
CONTRACTS = {
    "FINE-PERP": Terms(1, "FINE-PERP", 7, 1, 1_000, 2_000, 1_000, 150, 0, limit_steps=90_000_000),
    "WHOLE-PERP": Terms(2, "WHOLE-PERP", 7, 3, 1, 1_500, 777, 150, 0, limit_steps=1_000_000),
}
MARKS = {"FINE-PERP": 50_000_01, "WHOLE-PERP": 99_99}

trade = st.tuples(
    st.sampled_from(sorted(CONTRACTS)), st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS),
    st.one_of(st.integers(1, 400), st.integers(1, 90_000_000)), st.integers(-90, 90), st.booleans(),
).filter(lambda row: row[1] != row[2])  # fmt: skip


@pytest.fixture(autouse=True)
def clean() -> None:
    clear_store()


def load(balances: dict[int, int]) -> None:
    """Load accounts with money and no positions."""
    rules = [
        [
            symbol,
            [
                str(word)
                for pair in {
                    "multiplier": terms.multiplier, "divisor": terms.divisor, "initial": terms.initial_bp,
                    "maintenance": terms.maintenance_bp, "limit": terms.limit_steps, "largest": 10**8,
                    "price_band": 1_000, "stale_after": 60, "status": "ACTIVE", "currency": 7,
                }.items()
                for word in pair
            ],
        ]
        for symbol, terms in CONTRACTS.items()
    ]  # fmt: skip
    load_state(
        {
            "contracts": rules, "sequence": "0", "positions": [],
            "accounts": [[str(key), "7:PARTICIPANT", str(value)] for key, value in balances.items()],
            "marks": [[symbol, str(mark), "0"] for symbol, mark in MARKS.items()],
        }
    )  # fmt: skip


def send(row: tuple[str, int, int, int, int, bool]) -> list[str]:
    symbol, buyer, seller, steps, off, buyer_asks = row
    ticks = MARKS[symbol] + MARKS[symbol] * off // 1_000
    nonce = str(uuid4())
    return run_trades([[nonce, symbol, buyer, seller, steps, ticks, int(buyer_asks), 0, 30, nonce, json.dumps({})]])[0]


class Model:
    """The same in Python."""

    def __init__(self, balances: dict[int, int]) -> None:
        self.balances = dict(balances)
        self.positions: dict[tuple[int, str], Position] = {}

    def assess(self, account: int, balance: int, symbol: str, position: Position) -> tuple[int, int, int]:
        held = {name: row for (owner, name), row in self.positions.items() if owner == account} | {symbol: position}
        found = assess(
            balance_minor=balance, positions=[(CONTRACTS[name], row, MARKS[name]) for name, row in held.items()]
        )
        return found.equity_minor, found.initial_minor, found.maintenance_minor

    def trade(self, row: tuple[str, int, int, int, int, bool]) -> str:
        symbol, buyer, seller, steps, off, buyer_asks = row
        terms, ticks = CONTRACTS[symbol], MARKS[symbol] + MARKS[symbol] * off // 1_000
        value = trade_value(terms=terms, steps=steps, ticks=ticks, buyer_asks=buyer_asks)
        after = {}
        for account, signed in ((buyer, steps), (seller, -steps)):
            before = self.positions.get((account, symbol), NOTHING)
            equity, _, maintenance = self.assess(account, self.balances[account], symbol, before)
            if equity < maintenance:
                return "IN_LIQUIDATION"
            left, profit = change_position(position=before, steps=signed, value_minor=value)
            if abs(left.steps) > terms.limit_steps:
                return "POSITION_LIMIT"
            equity, initial, maintenance = self.assess(account, self.balances[account] + profit, symbol, left)
            smaller = abs(left.steps) < abs(before.steps) and left.steps * before.steps >= 0
            if equity < (maintenance if smaller else initial):
                return "INSUFFICIENT_MARGIN"
            after[account] = (left, profit)
        for account, (left, profit) in after.items():
            self.positions[account, symbol] = left
            self.balances[account] += profit
        return "DONE"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(trade, max_size=25), st.lists(st.integers(0, 9 * 10**14), min_size=3, max_size=3))
def test_the_script_decides_and_books_as_the_core_does(
    rows: list[tuple[str, int, int, int, int, bool]], money: list[int]
) -> None:
    balances = dict(zip(ACCOUNTS, money, strict=True))
    load(balances)
    model = Model(balances)
    for row in rows:
        if row[3] <= CONTRACTS[row[0]].limit_steps:
            assert send(row)[0] == model.trade(row)
    snapshot = take_snapshot()
    assert snapshot is not None
    assert snapshot.balances == model.balances
    held = {key: (row.steps, row.cost_minor) for key, row in model.positions.items() if row.steps}
    assert snapshot.positions == held
    assert sum(snapshot.balances.values()) - sum(cost for _, cost in snapshot.positions.values()) == sum(money)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(trade, min_size=2, max_size=10), st.randoms(use_true_random=False))
def test_opening_trades_end_the_same_in_every_order(
    rows: list[tuple[str, int, int, int, int, bool]], random: object
) -> None:
    # Account 1 buys and 2 sells, with more money than any of it needs: nothing is refused, nothing realised.
    rows = [(row[0], 1, 2, row[3] % 1_000 + 1, row[4], row[5]) for row in rows]
    ends = []
    for _ in range(2):
        load(dict.fromkeys(ACCOUNTS, 9 * 10**14))
        assert {send(row)[0] for row in rows} == {"DONE"}
        ends.append(take_snapshot())
        random.shuffle(rows)  # type: ignore[attr-defined]
    assert ends[0] == ends[1]
