"""Who is liquidated, and how: filled at market, the insurance fund, auto-deleveraging.

An account is liquidated if and only if its equity is strictly below its maintenance margin (seed 003; DOMAIN,
"Derivatives margin accounts"). The order of the means is dYdX's: the market takes what it can at the mark price;
once equity is below zero the insurance fund pays the difference; what neither takes is closed at the bankruptcy
price against the other side, the most profitable and most levered first.
"""

from __future__ import annotations

from dataclasses import dataclass

from clearing.core.derivatives.book import Assessment, Book, assess, assess_all
from clearing.core.derivatives.deleveraging import Deleveraged, deleverage, spread_loss
from clearing.core.derivatives.terms import (
    BASIS_POINTS,
    Position,
    ceil_div,
    change_position,
    margin_of,
    notional_of,
    trade_value,
)
from clearing.core.derivatives.working import Fill, Working, work_on


@dataclass(frozen=True, slots=True)
class LiquidationPlan:
    """What one liquidation does. positions: (account, contract) -> position after it; movements: (account, kind)."""

    account_id: int
    equity_minor: int
    maintenance_minor: int
    filled_minor: int
    fee_minor: int
    covered_minor: int
    deleveraged_minor: int
    spread_minor: int
    equity_after_minor: int
    outcome: str
    fills: tuple[Fill, ...]
    deleveraged: tuple[Deleveraged, ...]
    movements: dict[tuple[int, str], int]
    positions: dict[tuple[int, int], Position]


def plan_liquidations(*, book: Book) -> list[LiquidationPlan]:
    """Plan the liquidation of every account below maintenance, the worst first, and of those that this pulls down.

    The plans are to be carried out in their order. What the market cannot take of a solvent account stays for the
    next time.
    """
    working, tried, plans = work_on(book=book), set[tuple[int, bool]](), list[LiquidationPlan]()
    while True:
        below = {
            account_id: found
            for account_id, found in assess_all(book=working.result()).items()
            if found.is_below_maintenance and account_id != book.insurance_id
            if (account_id, found.equity_minor < 0) not in tried
        }
        if not below:
            return plans
        account_id = min(below, key=lambda key: (below[key].equity_minor - below[key].maintenance_minor, key))
        plan = _liquidate(working=working, account_id=account_id, found=below[account_id])
        tried.add((account_id, below[account_id].equity_minor < 0))
        if plan is not None:
            plans.append(plan)
        working.start_over()


def _liquidate(*, working: Working, account_id: int, found: Assessment) -> LiquidationPlan | None:
    """Liquidate one account as far as it goes; None where nothing could be done."""
    bankrupt = found.equity_minor < 0
    deleveraged: list[Deleveraged] = []
    if bankrupt:
        deleveraged = _close_bankrupt(working=working, account_id=account_id, found=found)
    else:
        _close_at_market(working=working, account_id=account_id)
    owed = -min(0, working.balances[account_id]) if not working.positions_of(account_id=account_id) else 0
    if owed:
        _cover(working=working, account_id=account_id, amount_minor=owed)
        spread_loss(working=working, account_id=account_id)
    if not working.fills and not working.movements:
        return None
    after = working.assess(account_id=account_id)
    movements = {key: amount for key, amount in working.movements.items() if amount}
    covered = movements.get((account_id, "COVER"), 0)
    spread = movements.get((account_id, "SPREAD"), 0)
    outcome = "PARTIAL" if after.is_below_maintenance else "FILLED"
    if bankrupt:
        outcome = "DELEVERAGED" if deleveraged or spread else "COVERED"
    return LiquidationPlan(
        account_id=account_id,
        equity_minor=found.equity_minor,
        maintenance_minor=found.maintenance_minor,
        filled_minor=sum(fill.value_minor for fill in working.fills if fill.cause == "LIQUIDATION"),
        fee_minor=-movements.get((account_id, "FEE"), 0),
        covered_minor=covered,
        deleveraged_minor=sum(row.loss_minor for row in deleveraged),
        spread_minor=spread,
        equity_after_minor=after.equity_minor,
        outcome=outcome,
        fills=tuple(working.fills),
        deleveraged=tuple(deleveraged),
        movements=movements,
        positions={key: working.position(account_id=key[0], contract_id=key[1]) for key in working.touched},
    )


def _by_size(*, working: Working, account_id: int) -> list[tuple[int, Position, int]]:
    """Return an account's positions as (contract, position, maintenance margin), the largest margin first."""
    found = []
    for contract_id, position in working.positions_of(account_id=account_id).items():
        terms = working.book.terms[contract_id]
        size = notional_of(terms=terms, steps=position.steps, ticks=working.book.marks[contract_id])
        found.append((contract_id, position, margin_of(notional_minor=size, basis_points=terms.maintenance_bp)))
    return sorted(found, key=lambda row: (-row[2], row[0]))


def _close_at_market(*, working: Working, account_id: int) -> None:
    """Let the market take position after position until the account stands at its maintenance margin again."""
    for contract_id, position, _ in _by_size(working=working, account_id=account_id):
        if not working.assess(account_id=account_id).is_below_maintenance:
            return
        terms, mark = working.book.terms[contract_id], working.book.marks[contract_id]
        steps = market_capacity(working=working, account_id=account_id, contract_id=contract_id)
        steps = min(steps, abs(position.steps))
        if not steps:
            continue
        assert terms.market_maker_id is not None
        working.close(
            account_id=account_id, other_id=terms.market_maker_id, contract_id=contract_id, steps=steps,
            cause="LIQUIDATION", extra=0,
        )  # fmt: skip
        equity = working.assess(account_id=account_id).equity_minor
        size = notional_of(terms=terms, steps=steps, ticks=mark)
        fee = min(ceil_div(size * terms.fee_bp, BASIS_POINTS), max(0, equity))
        if fee:
            working.pay(payer_id=account_id, payee_id=working.book.insurance_id, kind="FEE", amount_minor=fee)


def market_capacity(*, working: Working, account_id: int, contract_id: int) -> int:
    """Return how many steps of an account's position the market takes: the depth, as far as the maker has margin."""
    terms = working.book.terms[contract_id]
    maker_id = terms.market_maker_id
    held = working.position(account_id=account_id, contract_id=contract_id).steps
    if maker_id is None or maker_id in (account_id, working.book.insurance_id) or maker_id not in working.balances:
        return 0
    if working.assess(account_id=maker_id).is_below_maintenance:
        return 0
    low, high = 0, min(abs(held), terms.depth_steps)
    if _maker_takes(working=working, maker_id=maker_id, contract_id=contract_id, held=held, steps=high):
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if _maker_takes(working=working, maker_id=maker_id, contract_id=contract_id, held=held, steps=middle):
            low = middle
        else:
            high = middle - 1
    return low


def _maker_takes(*, working: Working, maker_id: int, contract_id: int, held: int, steps: int) -> bool:
    """Say whether the maker keeps its initial margin and its limit with this many steps more of what is held."""
    terms, mark = working.book.terms[contract_id], working.book.marks[contract_id]
    before = working.position(account_id=maker_id, contract_id=contract_id)
    signed = steps if held > 0 else -steps
    value = trade_value(terms=terms, steps=steps, ticks=mark, buyer_asks=held > 0)
    after, profit = change_position(position=before, steps=signed, value_minor=value)
    positions = {**working.positions_of(account_id=maker_id), contract_id: after}
    found = assess(
        balance_minor=working.balances[maker_id] + profit,
        positions=[(working.book.terms[key], row, working.book.marks[key]) for key, row in positions.items()],
    )
    reduces = abs(after.steps) <= abs(before.steps)
    return abs(after.steps) <= terms.limit_steps and (reduces or found.free_minor >= 0)


def _cover(*, working: Working, account_id: int, amount_minor: int) -> int:
    """Let the insurance fund pay what an account owes, as far as it has it; return what it paid."""
    fund_id = working.book.insurance_id
    paid = max(0, min(amount_minor, working.balances[fund_id]))
    if paid:
        working.pay(payer_id=fund_id, payee_id=account_id, kind="COVER", amount_minor=paid)
    return paid


def _close_bankrupt(*, working: Working, account_id: int, found: Assessment) -> list[Deleveraged]:
    """Close all that a bankrupt account holds; its debt is shared over its positions by their maintenance margin."""
    debt, rows = -found.equity_minor, _by_size(working=working, account_id=account_id)
    shares = [debt * margin // found.maintenance_minor for _, _, margin in rows]
    if shares:
        shares[0] += debt - sum(shares)
    deleveraged: list[Deleveraged] = []
    for (contract_id, position, _), share in zip(rows, shares, strict=True):
        held, fund = abs(position.steps), max(0, working.balances[working.book.insurance_id])
        steps = market_capacity(working=working, account_id=account_id, contract_id=contract_id)
        if share:
            # As much as the fund can pay the loss of, at the share of a step.
            steps = min(steps, fund * held // share)
        paid = 0
        if steps:
            maker_id = working.book.terms[contract_id].market_maker_id
            assert maker_id is not None
            paid = _cover(working=working, account_id=account_id, amount_minor=ceil_div(share * steps, held))
            working.close(
                account_id=account_id, other_id=maker_id, contract_id=contract_id, steps=steps,
                cause="LIQUIDATION", extra=0,
            )  # fmt: skip
        if steps < held:
            deleveraged += deleverage(
                working=working, account_id=account_id, contract_id=contract_id, loss_minor=max(0, share - paid)
            )
    return deleveraged
