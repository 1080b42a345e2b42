"""The lifecycle table: what is legal, what ends, and that nothing is forgotten."""

from __future__ import annotations

import itertools

import pytest

from trades.core.lifecycle import TRANSITIONS, TradeStatus, is_legal_step

NEW, MATCHED, CLEARED, SETTLED, CANCELLED = TradeStatus
LEGAL = {
    (NEW, MATCHED), (NEW, CANCELLED), (MATCHED, CLEARED), (MATCHED, SETTLED), (MATCHED, CANCELLED),
    (CLEARED, SETTLED), (CLEARED, CANCELLED),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), list(itertools.product(TradeStatus, repeat=2)))
def test_each_step(before: TradeStatus, after: TradeStatus) -> None:
    assert is_legal_step(before=before, after=after) is ((before, after) in LEGAL)


def test_every_state_has_a_row_and_every_state_is_reached() -> None:
    assert set(TRANSITIONS) == set(TradeStatus)
    assert {after for afters in TRANSITIONS.values() for after in afters} == set(TradeStatus) - {NEW}


def test_settled_and_cancelled_are_ends() -> None:
    assert [state for state in TradeStatus if not TRANSITIONS[state]] == [SETTLED, CANCELLED]


def test_a_trade_only_ever_goes_forward() -> None:
    order = {str(state): place for place, state in enumerate(TradeStatus)}
    assert all(order[before] < order[after] for before in TradeStatus for after in TRANSITIONS[before])
