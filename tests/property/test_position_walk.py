"""Many positions at once come to what one position comes to, fill by fill."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trades.core.book.terms import OrderSide
from trades.core.position_walk import Held, walk_moves, with_method
from trades.core.positions import CostMethod, Fill, Position, apply_fills

FILLS = st.lists(
    st.builds(
        Fill, side=st.sampled_from(OrderSide), quantity_units=st.integers(1, 10**6),
        amount_minor=st.integers(0, 10**10), fee_minor=st.integers(-100, 100),
    ),
    max_size=40,
)  # fmt: skip


def walk(held: Held, fills: list[Fill]) -> Held:
    signs = [1 if fill.side == OrderSide.BUY else -1 for fill in fills]
    return walk_moves(
        held=held, units=[sign * fill.quantity_units for sign, fill in zip(signs, fills, strict=True)],
        minor=[sign * fill.amount_minor for sign, fill in zip(signs, fills, strict=True)],
        fees_minor=sum(fill.fee_minor for fill in fills),
    )  # fmt: skip


@given(st.sampled_from(CostMethod), FILLS, st.integers(0, 40))
def test_the_walk_is_the_rule(method: CostMethod, fills: list[Fill], cut: int) -> None:
    """Whatever the method, and wherever a close falls between the fills."""
    expected, _ = apply_fills(position=Position(method), fills=fills)
    found = walk(walk(Held(method), fills[:cut]), fills[cut:])
    assert found.open_lots == expected.lots
    assert (found.quantity_units, found.cost_minor) == (expected.quantity_units, expected.cost_minor)
    assert (found.realised_minor, found.fees_minor) == (expected.realised_minor, expected.fees_minor)


@given(st.sampled_from(CostMethod), FILLS, FILLS)
def test_changing_the_method_loses_nothing(method: CostMethod, before: list[Fill], after: list[Fill]) -> None:
    other = CostMethod.FIFO if method == CostMethod.AVERAGE else CostMethod.AVERAGE
    held = walk(Held(method), before)
    changed = with_method(held=held, method=other)
    assert (changed.quantity_units, changed.cost_minor) == (held.quantity_units, held.cost_minor)
    end = walk(changed, after)
    paid = sum((1 if fill.side == OrderSide.BUY else -1) * fill.amount_minor for fill in [*before, *after])
    assert end.realised_minor - end.cost_minor == -paid
