"""Worked figures of derivatives accounts: seed 003 and DOMAIN.md, to the cent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clearing.core.derivatives.book import Book, assess, assess_in_book
from clearing.core.derivatives.deleveraging import rank_other_side
from clearing.core.derivatives.funding import funding_payments, funding_rate, settlement_profits
from clearing.core.derivatives.liquidation import plan_liquidations
from clearing.core.derivatives.prices import bankruptcy_price, liquidation_price
from clearing.core.derivatives.terms import (
    Position,
    Terms,
    change_position,
    margin_of,
    notional_of,
    price_of_cost,
    trade_value,
    value_of,
)
from clearing.core.derivatives.working import work_on

FUND, MAKER, ALICE, BOB, CAROL = 1, 2, 3, 4, 5
USD = 7
# BTC-PERP of the seed: 0.001 steps, prices to the cent, so that a cent is 1,000 steps × ticks.
BTC = Terms(1, "BTC-PERP", USD, 1, 1_000, 2_000, 1_000, 150, 10_000_000, market_maker_id=MAKER)
ONE = 1_000
PRICE = 50_000_00


def book(balances: dict[int, int], positions: dict[int, Position], mark: int, terms: Terms = BTC) -> Book:
    return Book(
        terms={terms.contract_id: terms},
        marks={terms.contract_id: mark},
        balances={FUND: 0, MAKER: 10**12, **balances},
        positions={(account_id, terms.contract_id): position for account_id, position in positions.items()},
        insurance_id=FUND,
    )


def long(steps: int = ONE, ticks: int = PRICE) -> Position:
    return change_position(position=Position(0, 0), steps=steps, value_minor=steps * ticks // 1_000)[0]


def short(steps: int = ONE, ticks: int = PRICE) -> Position:
    return change_position(position=Position(0, 0), steps=-steps, value_minor=steps * ticks // 1_000)[0]


def test_initial_margin_of_one_at_50_000_is_10_000() -> None:
    size = notional_of(terms=BTC, steps=ONE, ticks=PRICE)
    assert margin_of(notional_minor=size, basis_points=BTC.initial_bp) == 10_000_00
    assert margin_of(notional_minor=size, basis_points=BTC.maintenance_bp) == 5_000_00


def test_the_seeds_trade_of_a_tenth_costs_5_000_and_earns_100_at_51_000() -> None:
    position = long(steps=100)
    assert position == Position(100, 5_000_00)
    found = assess(balance_minor=10_000_00, positions=[(BTC, position, 51_000_00)])
    assert (found.profit_minor, found.equity_minor) == (100_00, 10_100_00)
    assert price_of_cost(terms=BTC, position=position) == PRICE


@pytest.mark.parametrize(
    ("position", "liquidated_at", "bankrupt_at"),
    [(long(), 44_444_44, 40_000_00), (short(), 54_545_45, 60_000_00)],
)
def test_liquidation_and_bankruptcy_price_at_20_percent_posted(
    position: Position, liquidated_at: int, bankrupt_at: int
) -> None:
    assert liquidation_price(terms=BTC, position=position, balance_minor=10_000_00) == liquidated_at
    assert bankruptcy_price(terms=BTC, position=position, balance_minor=10_000_00) == bankrupt_at


@pytest.mark.parametrize(
    ("position", "mark", "liquidated"),
    [(long(), 44_444_45, False), (long(), 44_444_44, True), (short(), 54_545_45, False), (short(), 54_545_46, True)],
)
def test_liquidated_from_the_first_tick_strictly_below_maintenance(
    position: Position, mark: int, liquidated: bool
) -> None:
    found = assess(balance_minor=10_000_00, positions=[(BTC, position, mark)])
    assert found.is_below_maintenance is liquidated


def test_equity_equal_to_maintenance_is_not_liquidated() -> None:
    # 100 at 1,000.00 each: maintenance 10,000.00; a balance of that and no profit.
    stock = replace(BTC, divisor=1)
    position = Position(100, 100 * 1_000_00)
    found = assess(balance_minor=10_000_00, positions=[(stock, position, 1_000_00)])
    assert found.equity_minor == found.maintenance_minor == 10_000_00
    assert not found.is_below_maintenance
    below = assess(balance_minor=10_000_00 - 1, positions=[(stock, position, 1_000_00)])
    assert below.is_below_maintenance


def test_a_position_without_loss_to_fear_has_no_liquidation_price() -> None:
    assert liquidation_price(terms=BTC, position=long(), balance_minor=60_000_00) is None
    assert liquidation_price(terms=BTC, position=Position(0, 0), balance_minor=1) is None


def test_a_broken_cent_is_rounded_against_who_asks_and_in_equity_against_the_account() -> None:
    assert trade_value(terms=BTC, steps=1, ticks=1_001, buyer_asks=True) == 2
    assert trade_value(terms=BTC, steps=1, ticks=1_001, buyer_asks=False) == 1
    assert value_of(terms=BTC, steps=1, ticks=1_999) == 1
    assert value_of(terms=BTC, steps=-1, ticks=1_001) == -2
    assert margin_of(notional_minor=1, basis_points=1) == 1


@pytest.mark.parametrize(
    ("before", "steps", "value", "after", "profit"),
    [
        (Position(0, 0), 3, 100, Position(3, 100), 0),
        (Position(3, 100), 2, 50, Position(5, 150), 0),
        # A third of 100 is 33.33: the part closed takes 34 of the cost, its profit is 50 − 34.
        (Position(3, 100), -1, 50, Position(2, 66), 16),
        (Position(3, 100), -3, 120, Position(0, 0), 20),
        (Position(-3, -100), 1, 50, Position(-2, -67), -17),
        # Through zero: three close at 120 of 200 for 20, two open short at 80.
        (Position(3, 100), -5, 200, Position(-2, -80), 20),
        (Position(-3, -100), 5, 200, Position(2, 80), -20),
    ],
)
def test_change_of_a_position(before: Position, steps: int, value: int, after: Position, profit: int) -> None:
    assert change_position(position=before, steps=steps, value_minor=value) == (after, profit)


def test_liquidation_at_market_charges_the_fee_on_what_is_filled() -> None:
    start = book({ALICE: 10_000_00, BOB: 10**9}, {ALICE: long(), BOB: short()}, 44_444_44)
    (plan,) = plan_liquidations(book=start)
    assert (plan.account_id, plan.outcome, plan.equity_minor) == (ALICE, "FILLED", 4_444_44)
    # 1.5 % of 44,444.44 is 666.67, the cent begun.
    assert (plan.filled_minor, plan.fee_minor) == (44_444_44, 666_67)
    assert plan.equity_after_minor == 4_444_44 - 666_67
    assert plan.positions[ALICE, 1] == Position(0, 0)


def test_a_partial_fill_closes_and_charges_only_the_depth() -> None:
    shallow = replace(BTC, depth_steps=250)
    start = book({ALICE: 10_000_00, BOB: 10**9}, {ALICE: long(), BOB: short()}, 42_000_00, shallow)
    (plan,) = plan_liquidations(book=start)
    # A quarter of 42,000.00 filled, 1.5 % of it charged; 2,000.00 − 157.50 stand against 3,150.00.
    assert (plan.outcome, plan.filled_minor, plan.fee_minor) == ("PARTIAL", 10_500_00, 157_50)
    assert plan.equity_after_minor == 1_842_50
    assert plan.positions[ALICE, 1] == Position(750, 37_500_00)


def test_a_partial_fill_that_restores_the_margin_is_enough() -> None:
    shallow = replace(BTC, depth_steps=250, fee_bp=0)
    start = book({ALICE: 10_000_00, BOB: 10**9}, {ALICE: long(), BOB: short()}, 44_000_00, shallow)
    (plan,) = plan_liquidations(book=start)
    assert (plan.outcome, plan.equity_after_minor) == ("FILLED", 4_000_00)
    assert plan.positions[ALICE, 1].steps == 750


def test_the_fee_takes_no_more_than_the_equity() -> None:
    start = book({ALICE: 10_000_00, BOB: 10**9}, {ALICE: long(), BOB: short()}, 40_000_01)
    (plan,) = plan_liquidations(book=start)
    assert (plan.equity_minor, plan.fee_minor, plan.equity_after_minor) == (1, 1, 0)


def test_the_insurance_fund_covers_what_a_gap_took() -> None:
    start = book({FUND: 3_000_00, ALICE: 10_000_00, BOB: 10**9}, {ALICE: long(), BOB: short()}, 38_000_00)
    (plan,) = plan_liquidations(book=start)
    assert (plan.outcome, plan.equity_minor, plan.covered_minor) == ("COVERED", -2_000_00, 2_000_00)
    assert (plan.fee_minor, plan.deleveraged_minor, plan.equity_after_minor) == (0, 0, 0)


def test_a_fund_of_half_the_loss_lets_the_market_take_half_and_deleverages_the_rest() -> None:
    start = book({FUND: 1_000_00, ALICE: 10_000_00, BOB: 10_000_00}, {ALICE: long(), BOB: short()}, 38_000_00)
    (plan,) = plan_liquidations(book=start)
    assert (plan.outcome, plan.covered_minor, plan.deleveraged_minor) == ("DELEVERAGED", 1_000_00, 1_000_00)
    market, forced = plan.fills
    assert (market.cause, market.steps, market.ticks) == ("LIQUIDATION", 500, 38_000_00)
    # The bankruptcy price: 50,000 − 10,000.
    assert (forced.cause, forced.steps, forced.ticks, forced.buyer_id) == ("DELEVERAGE", 500, 40_000_00, BOB)
    assert (plan.equity_after_minor, plan.spread_minor) == (0, 0)


def test_the_most_profitable_and_most_levered_go_first() -> None:
    positions = {ALICE: long(4 * ONE), BOB: short(2 * ONE, 50_000_00), CAROL: short(ONE, 52_000_00), 6: short(ONE)}
    balances = {ALICE: 40_000_00, BOB: 20_000_00, CAROL: 40_000_00, 6: 40_000_00}
    working = work_on(book=book(balances, positions, 38_000_00))
    # Profit 24 % at 76,000 / 44,000; 26.9 % at 38,000 / 54,000; 24 % at 38,000 / 52,000.
    ranked = rank_other_side(working=working, contract_id=1, is_long=True)
    assert [account_id for account_id, _ in ranked] == [BOB, CAROL, 6]
    assert ranked[0][1] == pytest.approx(0.24 * 76_000 / 44_000)


def test_without_a_market_a_solvent_account_waits_and_a_bankrupt_one_is_deleveraged() -> None:
    alone = replace(BTC, market_maker_id=None)
    held = {ALICE: long(), BOB: short()}
    assert plan_liquidations(book=book({ALICE: 10_000_00, BOB: 10**7}, held, 44_000_00, alone)) == []
    (plan,) = plan_liquidations(book=book({ALICE: 10_000_00, BOB: 10**7}, held, 39_000_00, alone))
    assert (plan.outcome, plan.deleveraged_minor, plan.covered_minor) == ("DELEVERAGED", 1_000_00, 0)
    assert [(row.account_id, row.place, row.steps) for row in plan.deleveraged] == [(BOB, 1, ONE)]


def test_what_the_other_side_cannot_carry_is_spread_over_all_equity() -> None:
    alone = replace(BTC, market_maker_id=None)
    # BOB's short has earned 12,000 and is worth 500 all the same; MAKER holds nothing and pays.
    start = book({ALICE: 10_000_00, BOB: -11_500_00}, {ALICE: long(), BOB: short()}, 38_000_00, alone)
    plans = plan_liquidations(book=start)
    plan = next(row for row in plans if row.account_id == ALICE)
    assert plan.equity_minor == -2_000_00
    assert plan.deleveraged_minor <= 500_00
    assert plan.deleveraged_minor + plan.spread_minor == 2_000_00
    assert plan.equity_after_minor == 0


def test_equity_in_a_book_is_the_same_one_by_one_and_all_at_once() -> None:
    start = book({ALICE: 10_000_00, BOB: 10**9}, {ALICE: long(), BOB: short()}, 44_444_44)
    from clearing.core.derivatives.book import assess_all

    assert assess_all(book=start) == {
        account_id: assess_in_book(book=start, account_id=account_id) for account_id in start.balances
    }


@pytest.mark.parametrize(
    ("mark", "rate"), [(101_00, 3_333), (99_00, -3_333), (100_00, 0), (150_00, 7_500), (50_00, -7_500)]
)
def test_funding_rate_is_a_third_of_the_premium_within_its_cap(mark: int, rate: int) -> None:
    assert funding_rate(mark_ticks=mark, index_ticks=100_00, hours=8, cap_ppm=7_500) == rate


def test_longs_pay_shorts_and_the_fund_takes_the_broken_cents() -> None:
    positions = {ALICE: Position(3, 0), BOB: Position(-1, 0), CAROL: Position(-2, 0)}
    stock = replace(BTC, divisor=1)
    # 0.01 % of 100.50: 3 × 1.005 cents paid, 1.005 and 2.01 received.
    paid = funding_payments(terms=stock, positions=positions, mark_ticks=100_50, rate_ppm=100, insurance_id=FUND)
    assert paid == {ALICE: -4, BOB: 1, CAROL: 2, FUND: 1}


def test_expiry_realises_every_profit_at_the_settlement_price() -> None:
    positions = {ALICE: long(), BOB: short(600), CAROL: short(400)}
    profits = settlement_profits(terms=BTC, positions=positions, settlement_ticks=51_000_00, insurance_id=FUND)
    assert profits == {ALICE: 1_000_00, BOB: -600_00, CAROL: -400_00}
