"""Derivatives accounts as they stand now: equity, margins, positions with their prices, the insurance fund."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet, Sum, Value, Window

from clearing.core.derivatives.book import Assessment, assess
from clearing.core.derivatives.prices import bankruptcy_price, liquidation_price
from clearing.core.derivatives.terms import Position, notional_of, price_of_cost, profit_of, value_of
from clearing.live.refusals import LiveStateUnavailable
from clearing.live.store import Snapshot
from clearing.models import (
    AccountPurpose,
    BalanceMovement,
    DerivativeAccount,
    DerivativeContract,
    DerivativeTrade,
    FundingRound,
    Liquidation,
)
from clearing.queries.derivatives import accounts_visible_to, contracts_by_symbol, snapshot_of_history, terms_of
from reference.core.actor import Actor

BASIS = 100


@dataclass(frozen=True, slots=True)
class PositionView:
    """One position at its mark price; prices in ticks, None where there is none."""

    contract: DerivativeContract
    account: DerivativeAccount
    steps: int
    entry_ticks: int | None
    mark_ticks: int
    value_minor: int
    notional_minor: int
    profit_minor: int
    liquidation_ticks: int | None
    bankruptcy_ticks: int | None


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account at the mark prices."""

    account: DerivativeAccount
    found: Assessment
    positions: tuple[PositionView, ...]

    @property
    def ratio_percent(self) -> float | None:
        """Return equity over maintenance margin, in percent: below 100 it is liquidated. None without positions."""
        if not self.found.maintenance_minor:
            return None
        return round(BASIS * self.found.equity_minor / self.found.maintenance_minor, 1)

    @property
    def used_percent(self) -> float:
        """Return how much of the equity the maintenance margin takes, in percent, at most 100."""
        if not self.found.maintenance_minor:
            return 0.0
        return round(min(100.0, BASIS * self.found.maintenance_minor / max(1, self.found.equity_minor)), 1)

    @property
    def standing(self) -> str:
        """Return BELOW maintenance, SHORT of initial margin, or HELD."""
        if self.found.is_below_maintenance:
            return "BELOW"
        return "SHORT" if self.found.free_minor < 0 else "HELD"


@dataclass(frozen=True, slots=True)
class MarginReport:
    """The accounts an actor sees, those near liquidation first; is_live: whether the live store was asked."""

    accounts: tuple[AccountView, ...]
    funds: tuple[AccountView, ...]
    contracts: dict[str, DerivativeContract]
    snapshot: Snapshot
    is_live: bool


def margin_report(*, actor: Actor, account_id: int | None = None) -> MarginReport:
    """Return the accounts that an actor sees, or one of them, at the live mark prices.

    Where the live store cannot be reached, the history answers: what has been acknowledged, and no less.
    """
    from clearing.services.commit_derivatives import read_live

    is_live = True
    try:
        snapshot = read_live()
    except LiveStateUnavailable:
        snapshot, is_live = snapshot_of_history(), False
    contracts = contracts_by_symbol()
    rows: Any = accounts_visible_to(actor=actor).filter(purpose=AccountPurpose.PARTICIPANT)
    if account_id is not None:
        rows = rows.filter(pk=account_id)
    funds = DerivativeAccount.objects.filter(purpose=AccountPurpose.INSURANCE)
    held: dict[int, list[tuple[DerivativeContract, Position]]] = {}
    for (owner_id, symbol), position in snapshot.positions.items():
        held.setdefault(owner_id, []).append((contracts[symbol], Position(*position)))
    views = [_view(account=row, held=held.get(row.pk, []), snapshot=snapshot) for row in rows]
    views.sort(key=lambda view: (view.ratio_percent is None, view.ratio_percent or 0.0, view.account.pk))
    fund_views = [_view(account=row, held=[], snapshot=snapshot) for row in funds.select_related("currency")]
    return MarginReport(tuple(views), tuple(fund_views), contracts, snapshot, is_live)


def _view(
    *, account: DerivativeAccount, held: list[tuple[DerivativeContract, Position]], snapshot: Snapshot
) -> AccountView:
    """Assess one account and each of its positions."""
    held = sorted(held, key=lambda row: row[0].symbol)
    balance = snapshot.balances.get(account.pk, 0)
    rows = [(terms_of(contract=contract), row, snapshot.marks[contract.symbol]) for contract, row in held]
    found = assess(balance_minor=balance, positions=rows)
    positions = []
    for number, (contract, position) in enumerate(held):
        terms, _, mark = rows[number]
        others = assess(balance_minor=balance, positions=rows[:number] + rows[number + 1 :])
        positions.append(
            PositionView(
                contract=contract,
                account=account,
                steps=position.steps,
                entry_ticks=price_of_cost(terms=terms, position=position),
                mark_ticks=mark,
                value_minor=value_of(terms=terms, steps=position.steps, ticks=mark),
                notional_minor=notional_of(terms=terms, steps=position.steps, ticks=mark),
                profit_minor=profit_of(terms=terms, position=position, ticks=mark),
                liquidation_ticks=liquidation_price(
                    terms=terms,
                    position=position,
                    balance_minor=others.equity_minor,
                    other_maintenance_minor=others.maintenance_minor,
                ),
                bankruptcy_ticks=bankruptcy_price(terms=terms, position=position, balance_minor=others.equity_minor),
            )
        )
    return AccountView(account, found, tuple(positions))


def trades_of_account(*, account_id: int) -> QuerySet[DerivativeTrade]:
    """Return the trades of one account, newest first, the account on each as `seen_from`."""
    return (
        DerivativeTrade.objects.filter(Q(buyer_id=account_id) | Q(seller_id=account_id))
        .annotate(seen_from=Value(account_id))
        .select_related("event", "contract", "contract__currency")
        .order_by("-pk")
    )


def liquidations_visible_to(*, actor: Actor) -> QuerySet[Liquidation]:
    """Return the liquidations an actor may see: all, or those of its participant's accounts, newest first."""
    rows = Liquidation.objects.select_related("event", "account__participant", "account__currency", "account").order_by(
        "-pk"
    )
    return rows if actor.participant_id is None else rows.filter(account__participant_id=actor.participant_id)


def funding_rounds() -> QuerySet[FundingRound]:
    """Return the funding rounds, newest first: the rates are everybody's."""
    return FundingRound.objects.select_related("contract", "event").order_by("-pk")


def insurance_history(*, account_id: int, limit: int = 200) -> Sequence[BalanceMovement]:
    """Return the last movements of the insurance fund, oldest first, each with the balance after it as `standing`."""
    rows = (
        BalanceMovement.objects.filter(account_id=account_id)
        .select_related("event")
        .annotate(standing=Window(Sum("amount_minor"), order_by=[F("event_id").asc(), F("pk").asc()]))
        .order_by("-event_id", "-pk")[:limit]
    )
    return list(rows)[::-1]
