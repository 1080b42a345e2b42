"""Derivatives over generated books: money and open interest are conserved, no debt is left, nobody is closed early."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from clearing.core.derivatives.book import Book, assess_all, assess_in_book
from clearing.core.derivatives.funding import funding_payments, settlement_profits
from clearing.core.derivatives.liquidation import LiquidationPlan, plan_liquidations
from clearing.core.derivatives.terms import NOTHING, Position, Terms, change_position, trade_value

FUND, MAKER, ACCOUNTS = 1, 2, (2, 3, 4, 5, 6)
USD = 7

accounts = st.sampled_from(ACCOUNTS)
trades = st.lists(
    st.tuples(accounts, accounts, st.integers(0, 1), st.integers(1, 5_000), st.integers(500, 20_000)), max_size=30
)


def terms_of(divisor: int, depth: int, maker: int | None) -> dict[int, Terms]:
    return {
        key: Terms(key, f"C{key}", USD, 1, divisor, 2_000, 1_000, 150, depth, market_maker_id=maker) for key in (0, 1)
    }


@st.composite
def books(draw: st.DrawFn) -> Book:
    """Books with positions from any trades at any price: no margin was ever checked, so debts of every size."""
    terms = terms_of(draw(st.sampled_from([1, 10, 1_000])), draw(st.sampled_from([0, 100, 10**6])),
                     draw(st.sampled_from([None, MAKER])))  # fmt: skip
    balances = {FUND: draw(st.integers(0, 10**6)), **{key: draw(st.integers(0, 10**7)) for key in ACCOUNTS}}
    positions: dict[tuple[int, int], Position] = {}
    for buyer, seller, contract, steps, ticks in draw(trades):
        if buyer == seller:
            continue
        value = trade_value(terms=terms[contract], steps=steps, ticks=ticks, buyer_asks=True)
        for owner, signed in ((buyer, steps), (seller, -steps)):
            position, profit = change_position(
                position=positions.get((owner, contract), NOTHING), steps=signed, value_minor=value
            )
            positions[owner, contract] = position
            balances[owner] += profit
    marks = {key: draw(st.integers(500, 20_000)) for key in terms}
    return Book(terms=terms, marks=marks, balances=balances, positions=positions, insurance_id=FUND)


def money(book: Book) -> int:
    """Return what is conserved: balances less what positions cost."""
    return sum(book.balances.values()) - sum(position.cost_minor for position in book.positions.values())


def open_interest(book: Book) -> dict[int, int]:
    sums: dict[int, int] = dict.fromkeys(book.terms, 0)
    for (_, contract_id), position in book.positions.items():
        sums[contract_id] += position.steps
    return sums


def carry_out(book: Book, plans: list[LiquidationPlan]) -> Book:
    """Do what plans say, by their written record alone."""
    balances, positions = dict(book.balances), dict(book.positions)
    for plan in plans:
        for (account_id, _), amount in plan.movements.items():
            balances[account_id] += amount
        positions |= plan.positions
    return Book(terms=book.terms, marks=book.marks, balances=balances, positions=positions, insurance_id=FUND)


@settings(max_examples=300, deadline=None)
@given(books())
def test_liquidation_conserves_money_and_open_interest(book: Book) -> None:
    after = carry_out(book, plan_liquidations(book=book))
    assert money(after) == money(book)
    assert open_interest(after) == open_interest(book) == dict.fromkeys(book.terms, 0)


@settings(max_examples=300, deadline=None)
@given(books())
def test_no_debt_is_left_where_there_is_money_to_pay_it(book: Book) -> None:
    found = assess_all(book=carry_out(book, plan_liquidations(book=book)))
    # Rounding against every account leaves at most a cent a position of the money unseen.
    if sum(row.equity_minor for row in found.values()) >= len(ACCOUNTS) * len(book.terms):
        assert min(row.equity_minor for row in found.values()) >= 0


@settings(max_examples=300, deadline=None)
@given(books())
def test_only_who_is_strictly_below_is_liquidated_and_the_fee_leaves_no_debt(book: Book) -> None:
    for plan in plan_liquidations(book=book):
        assert plan.equity_minor < plan.maintenance_minor
        assert 0 <= plan.fee_minor <= max(0, plan.equity_minor)
        assert (plan.covered_minor, plan.deleveraged_minor, plan.spread_minor) == (0, 0, 0) or plan.equity_minor < 0
        for kind in ("FEE", "COVER", "SPREAD"):
            assert sum(amount for (_, why), amount in plan.movements.items() if why == kind) == 0
        if plan.outcome in ("COVERED", "DELEVERAGED"):
            assert all(plan.positions[key].steps == 0 for key in plan.positions if key[0] == plan.account_id)


@settings(max_examples=200, deadline=None)
@given(books())
def test_assessing_all_at_once_is_assessing_each(book: Book) -> None:
    assert assess_all(book=book) == {key: assess_in_book(book=book, account_id=key) for key in book.balances}


@settings(max_examples=200, deadline=None)
@given(books())
def test_nothing_to_do_is_nothing_done(book: Book) -> None:
    after = carry_out(book, plan_liquidations(book=book))
    again = plan_liquidations(book=after)
    bankrupt = {plan.account_id for plan in again if plan.equity_minor < 0}
    assert not bankrupt or sum(row.equity_minor for row in assess_all(book=after).values()) < 10


@settings(max_examples=200, deadline=None)
@given(books(), st.integers(-100_000, 100_000))
def test_funding_and_expiry_sum_to_zero(book: Book, rate: int) -> None:
    for contract_id, terms in book.terms.items():
        held = {owner: position for (owner, key), position in book.positions.items() if key == contract_id}
        mark = book.marks[contract_id]
        paid = funding_payments(terms=terms, positions=held, mark_ticks=mark, rate_ppm=rate, insurance_id=FUND)
        assert sum(paid.values()) == 0
        assert paid.get(FUND, 0) >= 0
        profits = settlement_profits(terms=terms, positions=held, settlement_ticks=mark, insurance_id=FUND)
        assert sum(profits.values()) == -sum(position.cost_minor for position in held.values())
        assert profits.get(FUND, 0) >= 0


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 500)), min_size=1, max_size=12))
def test_a_round_trip_earns_what_it_sold_for_less_what_it_paid(steps: list[tuple[int, int]]) -> None:
    position, profit, paid = NOTHING, 0, 0
    for count, price in steps:
        position, realised = change_position(position=position, steps=count, value_minor=abs(count) * price)
        profit, paid = profit + realised, paid + count * price
    assert profit - position.cost_minor == -paid
    if position.steps:
        last, realised = change_position(position=position, steps=-position.steps, value_minor=abs(position.steps) * 9)
        assert last == NOTHING
        assert profit + realised == position.steps * 9 - paid
