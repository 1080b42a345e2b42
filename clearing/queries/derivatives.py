"""Reads of derivatives accounts: contracts, accounts, and the state that their history adds up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from clearing.core.derivatives.terms import Terms
from clearing.live.refusals import UnknownContract, UnknownDerivativesAccount
from clearing.live.store import Snapshot
from clearing.models import AccountPurpose, ContractStatus, DerivativeAccount, DerivativeContract
from ledger.models import Account, AccountKind
from reference.core.actor import Actor
from reference.prepared import fetch_prepared

OPEN_ACCOUNT = "DV-OPEN"

# Asked several times by everything that touches the live state.
LAST_SEQUENCE_SQL = "SELECT coalesce(max(sequence), 0) FROM clearing_derivativeevent"

BALANCES_SQL = """
    SELECT a.id, coalesce(sum(m.amount_minor), 0)::bigint FROM clearing_derivativeaccount a
    LEFT JOIN clearing_balancemovement m ON m.account_id = a.id GROUP BY a.id ORDER BY a.id
"""
POSITIONS_SQL = """
    SELECT p.account_id, c.symbol, sum(p.quantity_steps)::bigint, sum(p.cost_minor)::bigint
    FROM clearing_positionchange p JOIN clearing_derivativecontract c ON c.id = p.contract_id
    GROUP BY p.account_id, c.symbol HAVING sum(p.quantity_steps) <> 0 ORDER BY p.account_id, c.symbol
"""
MARKS_SQL = """
    SELECT c.symbol, m.price_ticks, m.at FROM clearing_derivativecontract c
    CROSS JOIN LATERAL (
        SELECT price_ticks, at FROM clearing_markprice m WHERE m.contract_id = c.id ORDER BY m.event_id DESC LIMIT 1
    ) m ORDER BY c.symbol
"""


@dataclass(frozen=True, slots=True)
class Purse:
    """Where an account's money lies in the ledger, and where it comes from."""

    account_id: int
    currency_id: int
    participant_id: int
    purpose: str
    cash_id: int
    house_id: int | None


def last_sequence() -> int:
    """Return the number of the last event in the history, zero before the first."""
    found = fetch_prepared(statement=LAST_SEQUENCE_SQL, parameters={})
    return int(found[0]) if found else 0


def snapshot_of_history() -> Snapshot:
    """Return the state that the history adds up to, one query each."""
    with connection.cursor() as cursor:
        cursor.execute(BALANCES_SQL)
        balances = dict(cursor.fetchall())
        cursor.execute(POSITIONS_SQL)
        positions = {(account_id, symbol): (steps, cost) for account_id, symbol, steps, cost in cursor.fetchall()}
        cursor.execute(MARKS_SQL)
        marks = {symbol: (ticks, at) for symbol, ticks, at in cursor.fetchall()}
    return Snapshot(
        sequence=last_sequence(),
        balances=balances,
        positions=positions,
        marks={symbol: ticks for symbol, (ticks, _) in marks.items()},
        marked_at={symbol: seconds_of(at) for symbol, (_, at) in marks.items()},
    )


def seconds_of(moment: datetime) -> int:
    """Return a moment as the live store keeps it."""
    return int(moment.timestamp())


def contracts_by_symbol(*, active: bool = False) -> dict[str, DerivativeContract]:
    """Return the contracts, all or those that can be traded."""
    rows = DerivativeContract.objects.select_related("currency", "underlying").order_by("symbol")
    if active:
        rows = rows.filter(status=ContractStatus.ACTIVE)
    return {row.symbol: row for row in rows}


def get_contract(*, symbol: str) -> DerivativeContract:
    """Return one contract. Raises UnknownContract."""
    found = DerivativeContract.objects.select_related("currency", "underlying").filter(symbol=symbol).first()
    if found is None:
        raise UnknownContract(pointer="/symbol")
    return found


def terms_of(*, contract: DerivativeContract) -> Terms:
    """Return a contract's terms for the core."""
    return Terms(
        contract_id=contract.pk,
        symbol=contract.symbol,
        currency_id=contract.currency_id,
        multiplier=contract.value_multiplier,
        divisor=contract.value_divisor,
        initial_bp=contract.initial_bp,
        maintenance_bp=contract.maintenance_bp,
        fee_bp=contract.liquidation_fee_bp,
        depth_steps=contract.depth_steps,
        limit_steps=contract.position_limit_steps,
        market_maker_id=contract.market_maker_id,
    )


def accounts_visible_to(*, actor: Actor) -> QuerySet[DerivativeAccount]:
    """Return the derivatives accounts the actor may see: all, or its participant's own."""
    rows = DerivativeAccount.objects.select_related("participant", "currency", "cash_account").order_by("pk")
    return rows if actor.participant_id is None else rows.filter(participant_id=actor.participant_id)


def get_derivatives_account(*, actor: Actor, account_id: int, pointer: str | None = None) -> DerivativeAccount:
    """Return one account. Raises UnknownDerivativesAccount where there is none, or none this actor may see."""
    found = accounts_visible_to(actor=actor).filter(pk=account_id).first()
    if found is None:
        raise UnknownDerivativesAccount(pointer=pointer)
    return found


def purses(*, account_ids: Iterable[int] | None = None) -> dict[int, Purse]:
    """Return where the money of accounts lies, of all where none are named."""
    rows: Any = DerivativeAccount.objects.order_by("pk")
    if account_ids is not None:
        rows = rows.filter(pk__in=list(account_ids))
    values = list(rows.values_list("pk", "currency_id", "participant_id", "purpose", "cash_account_id"))
    house = dict(
        Account.objects.filter(
            participant_id__in={row[2] for row in values}, kind=AccountKind.CASH, name="HOUSE"
        ).values_list("participant_id", "pk")
    )
    return {
        account_id: Purse(account_id, currency_id, participant_id, purpose, cash_id, house.get(participant_id))
        for account_id, currency_id, participant_id, purpose, cash_id in values
    }


def open_account_id() -> int:
    """Return the ledger account that stands for what open positions cost."""
    return int(Account.objects.get(participant__role="CCP", kind=AccountKind.CASH, name=OPEN_ACCOUNT).pk)


def insurance_accounts() -> Mapping[int, int]:
    """Return the insurance fund's account by currency."""
    rows = DerivativeAccount.objects.filter(purpose=AccountPurpose.INSURANCE).values_list("currency_id", "pk")
    return dict(rows)
