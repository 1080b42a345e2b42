"""Liquidate every account below its maintenance margin: market, insurance fund, auto-deleveraging."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from clearing.contracts import AccountsLiquidated
from clearing.core.derivatives.book import Book
from clearing.core.derivatives.liquidation import LiquidationPlan, plan_liquidations
from clearing.core.derivatives.terms import Position
from clearing.live.store import Snapshot
from clearing.models import DerivativeAccount, DerivativeContract, EventKind
from clearing.services.change_derivatives import Change, books_of, change_live
from events.services.outbox import record_fact
from reference.core.actor import SYSTEM


def liquidate_accounts(*, at: datetime, business_date: date) -> int:
    """Liquidate who stands below maintenance at the live marks; return how many. Raises LiveStateUnavailable.

    One event an account, in the order in which they were worked out. Called by every mark price, and swept.
    """

    def work(snapshot: Snapshot) -> list[Change]:
        contracts = {row.symbol: row for row in DerivativeContract.objects.order_by("symbol")}
        currencies = dict(DerivativeAccount.objects.values_list("pk", "currency_id"))
        changes = []
        for book in books_of(snapshot=snapshot, contracts=contracts, currencies=currencies).values():
            held, by_id = dict(book.positions), {row.pk: row for row in contracts.values()}
            for plan in plan_liquidations(book=book):
                changes.append(_change(plan=plan, book=book, held=held, contracts=by_id))
                held |= plan.positions
        if changes:
            record_fact(fact=AccountsLiquidated(count=len(changes)))
        return changes

    return len(change_live(work=work, by=SYSTEM.name, at=at, business_date=business_date))


def _change(
    *,
    plan: LiquidationPlan,
    book: Book,
    held: dict[tuple[int, int], Position],
    contracts: dict[int, DerivativeContract],
) -> Change:
    """Write a plan as the event that it is. held: the positions before it."""
    changes: list[tuple[Any, ...]] = []
    for (account_id, contract_id), after in sorted(plan.positions.items()):
        before = held.get((account_id, contract_id), Position(0, 0))
        steps, cost = after.steps - before.steps, after.cost_minor - before.cost_minor
        if steps or cost:
            changes.append((account_id, contract_id, steps, cost))
    return Change(
        kind=EventKind.LIQUIDATION,
        account_id=plan.account_id,
        rows={
            "trades": [
                (
                    fill.contract_id, fill.cause, fill.buyer_id, fill.seller_id, fill.steps, fill.ticks,
                    fill.value_minor,
                )
                for fill in plan.fills
            ],
            "changes": changes,
            "movements": [(account_id, kind, amount) for (account_id, kind), amount in sorted(plan.movements.items())],
            "liquidation": [
                (
                    plan.account_id, plan.equity_minor, plan.maintenance_minor, plan.filled_minor, plan.fee_minor,
                    plan.covered_minor, plan.deleveraged_minor, plan.spread_minor, plan.equity_after_minor,
                    plan.outcome,
                )
            ],
            "deleveraged": [
                (row.contract_id, row.account_id, row.place, row.score, row.steps, row.loss_minor)
                for row in plan.deleveraged
            ],
        },
        positions={
            (account_id, contracts[contract_id].symbol): (after.steps, after.cost_minor)
            for (account_id, contract_id), after in plan.positions.items()
        },
    )  # fmt: skip
