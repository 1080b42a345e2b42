"""Positions by hand: average cost and FIFO, shorts, crossing zero, fees; and what always adds up."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trades.core.book.terms import LARGEST_INT64, OrderSide
from trades.core.positions import (
    CostMethod,
    Fill,
    FillInvalid,
    Lot,
    Position,
    PositionAboveInt64,
    apply_fills,
    value_unrealised,
)

BUY, SELL = OrderSide.BUY, OrderSide.SELL
AVERAGE, FIFO = CostMethod


def bought(units: int, amount: int, fee: int = 0) -> Fill:
    return Fill(BUY, units, amount, fee)


def sold(units: int, amount: int, fee: int = 0) -> Fill:
    return Fill(SELL, units, amount, fee)


def after(method: CostMethod, *fills: Fill) -> tuple[Position, tuple[int, ...]]:
    return apply_fills(position=Position(method), fills=fills)


def test_the_two_methods_release_another_cost() -> None:
    """100 at 10.00 and 100 at 12.00, then 150 sold at 13.00 for 1,950.00."""
    fills = (bought(100, 100_000), bought(100, 120_000), sold(150, 195_000))
    position, realised = after(AVERAGE, *fills)
    assert (realised, position.lots) == ((0, 0, 30_000), (Lot(50, 55_000),))
    position, realised = after(FIFO, *fills)
    assert (realised, position.lots) == ((0, 0, 35_000), (Lot(50, 60_000),))
    # At 12.50 the fifty are worth 625.00.
    assert value_unrealised(position=position, price_minor=Decimal(1250)) == 2_500


def test_a_short_earns_when_it_is_bought_back_for_less() -> None:
    position, realised = after(AVERAGE, sold(100, 100_000), bought(40, 36_000))
    assert (realised, position.lots) == ((0, 4_000), (Lot(-60, -60_000),))
    assert value_unrealised(position=position, price_minor=Decimal(1100)) == -6_000


@pytest.mark.parametrize("method", CostMethod)
def test_a_sale_of_more_than_is_held_goes_short_with_the_rest(method: CostMethod) -> None:
    """Held 100 for 1,000.00; 250 sold at 11.00: 100 realise 100.00, 150 are short at 1,650.00."""
    position, realised = after(method, bought(100, 100_000), sold(250, 275_000))
    assert (realised[-1], position.lots) == (10_000, (Lot(-150, -165_000),))
    position, realised = apply_fills(position=position, fills=[bought(200, 200_000)])
    assert (realised, position.lots) == ((15_000,), (Lot(50, 50_000),))
    assert position.realised_minor == 25_000


def test_first_in_first_out_goes_through_several_lots() -> None:
    position, realised = after(FIFO, bought(10, 100), bought(10, 200), bought(10, 300), sold(25, 1_000))
    # Lots of 10, 10 and half of the third: 100 + 200 + 150.
    assert (realised[-1], position.lots) == (550, (Lot(5, 150),))


def test_cents_that_cannot_be_divided_stay_with_the_lot() -> None:
    """Three units for 1.00: 33, then half of 67 is 34 (33.5 away from zero), then the last 33."""
    position, realised = after(AVERAGE, bought(3, 100), sold(1, 0), sold(1, 0), sold(1, 0))
    assert realised == (0, -33, -34, -33)
    assert position.lots == ()


def test_fees_stand_apart() -> None:
    position, _ = after(AVERAGE, bought(10, 1_000, 7), sold(10, 1_500, 8))
    assert (position.realised_minor, position.fees_minor, position.net_minor) == (500, 15, 485)


def test_what_does_not_fit_or_is_no_fill_is_refused() -> None:
    largest = Position(AVERAGE, (Lot(LARGEST_INT64, 1),))
    with pytest.raises(PositionAboveInt64):
        apply_fills(position=largest, fills=[bought(1, 0)])
    with pytest.raises(PositionAboveInt64):
        value_unrealised(position=largest, price_minor=Decimal(2))
    for fill in (bought(0, 5), bought(-1, 5), bought(1, -5)):
        with pytest.raises(FillInvalid):
            after(AVERAGE, fill)


fills_lists = st.lists(
    st.builds(Fill, st.sampled_from(OrderSide), st.integers(1, 10**6), st.integers(0, 10**12), st.integers(-5, 50)),
    max_size=25,
)


@given(fills=fills_lists, method=st.sampled_from(CostMethod), cut=st.integers(0, 25), price=st.integers(0, 10**6))
def test_nothing_is_lost(fills: list[Fill], method: CostMethod, cut: int, price: int) -> None:
    """Realised less the cost of what is open is what came in less what went out; so the methods agree on the total."""
    position, realised = after(method, *fills)
    sign = {BUY: 1, SELL: -1}
    received = sum(-sign[fill.side] * fill.amount_minor for fill in fills)
    assert position.quantity_units == sum(sign[fill.side] * fill.quantity_units for fill in fills)
    assert position.realised_minor - position.cost_minor == received
    assert sum(realised) == position.realised_minor
    worth = position.quantity_units * price
    total = position.realised_minor + value_unrealised(position=position, price_minor=Decimal(price))
    assert total == received + worth
    signs = {lot.quantity_units > 0 for lot in position.lots}
    assert len(signs) <= 1
    assert method == FIFO or len(position.lots) <= 1
    half, _ = after(method, *fills[:cut])
    assert apply_fills(position=half, fills=fills[cut:])[0] == position, "in two goes as in one"


@given(fills=fills_lists, method=st.sampled_from(CostMethod))
def test_a_short_mirrors_a_long(fills: list[Fill], method: CostMethod) -> None:
    mirrored = [Fill(SELL if f.side == BUY else BUY, f.quantity_units, f.amount_minor, f.fee_minor) for f in fills]
    one, _ = after(method, *fills)
    other, _ = after(method, *mirrored)
    assert other.realised_minor == -one.realised_minor
    assert other.lots == tuple(Lot(-lot.quantity_units, -lot.cost_minor) for lot in one.lots)
