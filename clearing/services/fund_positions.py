"""Funding payments of perpetuals, and the settlement of futures on their expiry date."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from clearing.core.derivatives.funding import funding_payments, funding_rate, settlement_profits
from clearing.core.derivatives.terms import Position
from clearing.live.store import Snapshot
from clearing.models import (
    BalanceCause,
    ContractKind,
    ContractStatus,
    DerivativeContract,
    EventKind,
    FundingRound,
)
from clearing.queries.derivatives import insurance_accounts, terms_of
from clearing.services.change_derivatives import Change, change_live
from clearing.services.liquidate_accounts import liquidate_accounts
from events.services.audit import tell_action
from reference.core.actor import SYSTEM
from reference.core.calendar import BUSINESS_ZONE
from reference.models import DailyPrice

# Perpetuals are funded three times a day, each time for a third of the premium.
FUNDING_HOURS = (0, 8, 16)
HOURS_OF_ONE = 8
SETTLES_AT = time(18, 0)


def fund_positions(*, at: datetime, business_date: date) -> int:
    """Fund each perpetual for the last funding hour that has come, once, and settle the futures that expire.

    Return how many contracts. The index is the underlying's last close before the business date. Called by the sweep
    and by every mark price. Raises LiveStateUnavailable.
    """
    contracts = list(DerivativeContract.objects.filter(status=ContractStatus.ACTIVE).select_related("underlying"))
    hour = _last_funding_hour(at=at)
    perpetuals = [row for row in contracts if row.kind == ContractKind.PERPETUAL and row.underlying_id]
    funded = set(FundingRound.objects.filter(funded_for=hour).values_list("contract_id", flat=True))
    unfunded = [row for row in perpetuals if row.pk not in funded]
    indices = _indices(contracts=unfunded, business_date=business_date) if unfunded else {}
    # One whose underlying has no close yet is not due: nothing could be worked out for it.
    due = [row for row in unfunded if row.pk in indices]
    expiring = [row for row in contracts if row.expiry_date and _has_expired(day=row.expiry_date, at=at)]
    if not due and not expiring:
        return 0
    if expiring:
        # What expires settles at its last mark; whoever is below maintenance by it is liquidated before.
        liquidate_accounts(at=at, business_date=business_date)

    def told(change: Change, contract: DerivativeContract, action: str, summary: str) -> Change:
        record = tell_action(
            actor=SYSTEM, action=action, at=at, business_date=business_date, object_type="derivativecontract",
            object_id=contract.pk, summary=summary, detail={name: len(rows) for name, rows in change.rows.items()},
        )  # fmt: skip
        return replace(change, record=record)

    def work(snapshot: Snapshot) -> list[Change]:
        funds = insurance_accounts()
        changes = [
            told(
                _fund(
                    contract=row, index_ticks=indices[row.pk], hour=hour, snapshot=snapshot,
                    fund_id=funds[row.currency_id],
                ),
                row, "derivativecontract.funded", f"{row.symbol} funded for {hour:%Y-%m-%d %H:%M}",
            )
            for row in due
            if row.symbol in snapshot.marks and row.currency_id in funds
            if not FundingRound.objects.filter(contract=row, funded_for=hour).exists()
        ]  # fmt: skip
        for row in expiring:
            if row.currency_id in funds and not DerivativeContract.objects.filter(pk=row.pk, status="EXPIRED").exists():
                settled = _settle(contract=row, snapshot=snapshot, fund_id=funds[row.currency_id])
                changes.append(told(settled, row, "derivativecontract.expired", f"{row.symbol} settled at expiry"))
        return changes

    done = change_live(work=work, by=SYSTEM.name, at=at, business_date=business_date)
    if done:
        liquidate_accounts(at=at, business_date=business_date)
    return len(done)


def _last_funding_hour(*, at: datetime) -> datetime:
    """Return the last hour of funding at or before a moment, in the business zone."""
    local = at.astimezone(BUSINESS_ZONE)
    hour = max(hour for hour in FUNDING_HOURS if hour <= local.hour)
    return datetime.combine(local.date(), time(hour), tzinfo=BUSINESS_ZONE)


def _has_expired(*, day: date, at: datetime) -> bool:
    return at >= datetime.combine(day, SETTLES_AT, tzinfo=BUSINESS_ZONE)


def _indices(*, contracts: list[DerivativeContract], business_date: date) -> dict[int, int]:
    """Return the index of each contract in ticks: its underlying's last close before the business date."""
    rows = (
        DailyPrice.objects.filter(security_id__in={row.underlying_id for row in contracts}, date__lt=business_date)
        .order_by("security_id", "-date")
        .distinct("security_id")
    )
    closes = {row.security_id: row.close for row in rows}
    return {
        row.pk: max(1, round(closes[row.underlying_id].scaleb(row.price_digits)))
        for row in contracts
        if row.underlying_id in closes
    }


def _held(*, snapshot: Snapshot, symbol: str) -> dict[int, Position]:
    return {account: Position(*held) for (account, name), held in snapshot.positions.items() if name == symbol}


def _movements(*, amounts: dict[int, int], kind: str) -> list[tuple[Any, ...]]:
    return [(account_id, kind, amount) for account_id, amount in sorted(amounts.items())]


def _fund(
    *, contract: DerivativeContract, index_ticks: int, hour: datetime, snapshot: Snapshot, fund_id: int
) -> Change:
    """Work out one funding of one perpetual; without positions it is noted all the same."""
    mark = snapshot.marks[contract.symbol]
    rate = funding_rate(mark_ticks=mark, index_ticks=index_ticks, hours=HOURS_OF_ONE, cap_ppm=contract.funding_cap_ppm)
    paid = funding_payments(
        terms=terms_of(contract=contract),
        positions=_held(snapshot=snapshot, symbol=contract.symbol),
        mark_ticks=mark,
        rate_ppm=rate,
        insurance_id=fund_id,
    )
    return Change(
        kind=EventKind.FUNDING,
        rows={
            "movements": _movements(amounts=paid, kind=BalanceCause.FUNDING),
            "funding": [(contract.pk, hour.isoformat(), mark, index_ticks, rate)],
        },
    )


def _settle(*, contract: DerivativeContract, snapshot: Snapshot, fund_id: int) -> Change:
    """Work out the settlement of an expiring future at its last mark price."""
    held = _held(snapshot=snapshot, symbol=contract.symbol)
    profits = {}
    if held:
        profits = settlement_profits(
            terms=terms_of(contract=contract),
            positions=held,
            settlement_ticks=snapshot.marks[contract.symbol],
            insurance_id=fund_id,
        )
    return Change(
        kind=EventKind.EXPIRY,
        rows={
            "changes": [
                (account_id, contract.pk, -position.steps, -position.cost_minor)
                for account_id, position in sorted(held.items())
            ],
            "movements": _movements(amounts=profits, kind=BalanceCause.REALISED),
        },
        positions={(account_id, contract.symbol): (0, 0) for account_id in held},
        expired={contract.symbol: contract.pk},
    )
