"""Auto-deleveraging: a bankrupt position is closed against the other side, and who comes first."""

from __future__ import annotations

from dataclasses import dataclass

from clearing.core.derivatives.book import Assessment
from clearing.core.derivatives.terms import Position, Terms, ceil_div, notional_of, profit_of
from clearing.core.derivatives.working import Fill, Working


@dataclass(frozen=True, slots=True)
class Deleveraged:
    """One account closed against a bankrupt one. loss_minor: against closing at the mark price."""

    contract_id: int
    account_id: int
    place: int
    score: float
    steps: int
    loss_minor: int


def deleveraging_score(*, terms: Terms, position: Position, ticks: int, account: Assessment) -> float:
    """Return what the queue is ordered by, highest first: profit over entry value, times leverage.

    A loss is divided by the leverage instead, so that the more levered come first among losers as well.
    """
    profit = profit_of(terms=terms, position=position, ticks=ticks) / max(1, abs(position.cost_minor))
    leverage = notional_of(terms=terms, steps=position.steps, ticks=ticks) / max(1, account.equity_minor)
    return profit * leverage if profit > 0 else profit / max(leverage, 1e-9)


def rank_other_side(*, working: Working, contract_id: int, is_long: bool) -> list[tuple[int, float]]:
    """Return who holds the side opposite to a long (or short) position, with its score, the first to go first."""
    terms, mark = working.book.terms[contract_id], working.book.marks[contract_id]
    found = [
        (
            account_id,
            deleveraging_score(
                terms=terms, position=position, ticks=mark, account=working.assess(account_id=account_id)
            ),
        )
        for account_id, position in working.holders_of(contract_id=contract_id).items()
        if (position.steps < 0) == is_long
    ]
    return sorted(found, key=lambda row: (-row[1], row[0]))


def deleverage(*, working: Working, account_id: int, contract_id: int, loss_minor: int) -> list[Deleveraged]:
    """Close the rest of a bankrupt account's position against the other side, at its bankruptcy price.

    loss_minor: what that price differs from the mark by, over the whole rest; each takes its share of it by the
    steps that it gives up, and nobody more than its equity. What is left after all of them is closed at the mark
    price, and its loss stays with the account for others to carry.
    """
    held = working.position(account_id=account_id, contract_id=contract_id).steps
    ranked = rank_other_side(working=working, contract_id=contract_id, is_long=held > 0)
    exact = working.book.terms[contract_id].divisor == 1
    left, loss, taken = abs(held), loss_minor, dict[int, tuple[int, int]]()
    for priced in (True, False):
        for other_id, _ in ranked:
            steps = min(left, abs(working.position(account_id=other_id, contract_id=contract_id).steps))
            share = ceil_div(loss * steps, left) if left and priced else 0
            equity = working.assess(account_id=other_id).equity_minor
            # Where the cent is broken, closing may itself cost one.
            spare = max(0, equity if exact else equity - 1)
            if share > spare:
                steps = spare * left // loss
                share = ceil_div(loss * steps, left)
            if not steps:
                continue
            working.close(
                account_id=account_id, other_id=other_id, contract_id=contract_id, steps=steps, cause="DELEVERAGE",
                extra=share,
            )  # fmt: skip
            left, loss = left - steps, loss - share
            before = taken.get(other_id, (0, 0))
            taken[other_id] = (before[0] + steps, before[1] + share)
    _merge_fills(working=working, contract_id=contract_id)
    scores = dict(ranked)
    return [
        Deleveraged(contract_id, other_id, place, scores[other_id], *taken[other_id])
        for place, other_id in enumerate((key for key, _ in ranked if key in taken), start=1)
    ]


def _merge_fills(*, working: Working, contract_id: int) -> None:
    """Make one trade of what the same two accounts were closed against each other in two passes."""
    merged: dict[tuple[str, int, int, int], Fill] = {}
    for fill in working.fills:
        key = (fill.cause, fill.contract_id, fill.buyer_id, fill.seller_id)
        before = merged.get(key)
        if before is not None and fill.contract_id == contract_id:
            steps, value = before.steps + fill.steps, before.value_minor + fill.value_minor
            terms = working.book.terms[contract_id]
            size = steps * terms.multiplier
            ticks = (2 * value * terms.divisor + size) // (2 * size)
            merged[key] = Fill(*key, steps=steps, ticks=ticks, value_minor=value)
        else:
            merged[key] = fill
    working.fills = list(merged.values())


def spread_loss(*, working: Working, account_id: int) -> int:
    """Spread what an account still owes over all that have equity, by their equity: the last resort; return it.

    All equity together is the money there is, which is never below zero: it always suffices.
    """
    owed = -min(0, working.balances[account_id])
    if not owed:
        return 0
    others = {
        other_id: max(0, working.assess(account_id=other_id).equity_minor)
        for other_id in working.balances
        if other_id != account_id
    }
    total, left = sum(others.values()), owed
    for other_id, equity in sorted(others.items(), key=lambda row: (-row[1], row[0])):
        paid = min(left, equity, ceil_div(owed * equity, total) if total else 0)
        if paid:
            working.pay(payer_id=other_id, payee_id=account_id, kind="SPREAD", amount_minor=paid)
            left -= paid
    return owed - left
