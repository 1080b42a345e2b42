"""Deposit into a derivatives account and withdraw from it: to and from the participant's own cash in the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime

from clearing.core.derivatives.book import assess_in_book
from clearing.core.derivatives.terms import LARGEST_BALANCE_MINOR
from clearing.core.derivatives.units import decimal_of
from clearing.live.refusals import (
    BalanceTooLarge,
    ClientIdReused,
    NumberOutOfRange,
    UnknownDerivativesAccount,
    WithdrawalExceedsFree,
)
from clearing.live.store import Snapshot
from clearing.models import AccountPurpose, BalanceCause, BalanceMovement, DerivativeAccount, DerivativeEvent, EventKind
from clearing.queries.derivatives import contracts_by_symbol, purses
from clearing.services.change_derivatives import Change, books_of, change_live
from clearing.services.commit_derivatives import make_known
from events.services.audit import tell_action
from ledger.queries import balances_for_update
from ledger.refusals import BalanceBelowLimit
from reference.core.actor import Actor

DONE = {EventKind.DEPOSIT: "deposited", EventKind.WITHDRAWAL: "withdrawn"}


def deposit_margin(
    *,
    account: DerivativeAccount,
    amount_minor: int,
    actor: Actor,
    at: datetime,
    business_date: date,
    client_id: str = "",
) -> BalanceMovement:
    """Bring money from the participant's own cash account onto its derivatives account.

    Raises NumberOutOfRange, BalanceBelowLimit where the cash is not there, BalanceTooLarge, LiveStateUnavailable.
    """

    def check(snapshot: Snapshot) -> None:
        if snapshot.balances[account.pk] + amount_minor > LARGEST_BALANCE_MINOR:
            raise BalanceTooLarge
        house_id = purses(account_ids=[account.pk])[account.pk].house_id
        _, assets, balances, floors = balances_for_update(accounts=[house_id or 0])
        for asset_id, balance, floor in zip(assets, balances, floors, strict=True):
            if asset_id == account.currency_id and balance - amount_minor >= floor:
                return
        raise BalanceBelowLimit("The participant's own cash account does not hold that much.")

    return _move(
        account=account, amount_minor=amount_minor, kind=EventKind.DEPOSIT, check=check, actor=actor, at=at,
        business_date=business_date, client_id=client_id,
    )  # fmt: skip


def withdraw_margin(
    *,
    account: DerivativeAccount,
    amount_minor: int,
    actor: Actor,
    at: datetime,
    business_date: date,
    client_id: str = "",
) -> BalanceMovement:
    """Take money off a derivatives account: no more than its balance, nor than its equity beyond initial margin.

    Raises NumberOutOfRange, WithdrawalExceedsFree with the figure, LiveStateUnavailable.
    """

    def check(snapshot: Snapshot) -> None:
        free = free_minor(account=account, snapshot=snapshot)
        if amount_minor > free:
            raise WithdrawalExceedsFree(f"Free are {free} minor units.", free_minor=free)

    return _move(
        account=account, amount_minor=-amount_minor, kind=EventKind.WITHDRAWAL, check=check, actor=actor, at=at,
        business_date=business_date, client_id=client_id,
    )  # fmt: skip


def free_minor(*, account: DerivativeAccount, snapshot: Snapshot) -> int:
    """Return what may be withdrawn from an account, never below zero."""
    book = books_of(snapshot=snapshot, contracts=contracts_by_symbol(), currencies={account.pk: account.currency_id})[
        account.currency_id
    ]
    found = assess_in_book(book=book, account_id=account.pk)
    return max(0, min(found.balance_minor, found.free_minor))


def _move(
    *,
    account: DerivativeAccount,
    amount_minor: int,
    kind: EventKind,
    check: Callable[[Snapshot], None],
    actor: Actor,
    at: datetime,
    business_date: date,
    client_id: str,
) -> BalanceMovement:
    """Move money in (+) or out (−), once per client id, if the check lets it."""
    asked = amount_minor if kind == EventKind.DEPOSIT else -amount_minor
    if not 0 < asked <= LARGEST_BALANCE_MINOR:
        raise NumberOutOfRange("The amount is above zero, and at most ten trillion.", pointer="/amount")
    if account.purpose == AccountPurpose.INSURANCE and not actor.is_operator:
        raise UnknownDerivativesAccount
    digest = hashlib.sha256(f"{kind} {amount_minor}".encode()).hexdigest()

    def known() -> DerivativeEvent | None:
        found = DerivativeEvent.objects.filter(account=account, client_id=client_id) if client_id else None
        event = found.first() if found is not None else None
        if event is not None and event.digest != digest:
            raise ClientIdReused(pointer="/client_id")
        return event

    def work(snapshot: Snapshot) -> list[Change]:
        if known() is not None:
            return []
        if account.pk not in snapshot.balances:
            make_known()
            snapshot.balances[account.pk] = 0
        check(snapshot)
        before = snapshot.balances[account.pk]
        record = tell_action(
            actor=actor, action=f"derivativesaccount.{DONE[kind]}", at=at, business_date=business_date,
            object_type="derivativeaccount", object_id=account.pk,
            summary=f"{decimal_of(units=asked, digits=account.currency.digits):f} {account.currency.code} {DONE[kind]}",
            detail={"balance_minor": {"before": before, "after": before + amount_minor}, "client_id": client_id},
        )  # fmt: skip
        rows = {"movements": [(account.pk, BalanceCause(kind.value).value, amount_minor)]}
        return [Change(kind=kind, account_id=account.pk, rows=rows, client_id=client_id, digest=digest, record=record)]

    done = change_live(work=work, by=actor.name, at=at, business_date=business_date)
    stands = known() if not done else None
    sequence = done[0][0] if done else stands.pk if stands is not None else 0
    return BalanceMovement.objects.select_related("event").get(account=account, event_id=sequence, kind=kind.value)
