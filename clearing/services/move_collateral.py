"""Deposit, withdraw and release collateral; substitution is substitute_collateral's.

Collateral comes from the member's own house accounts and goes back there. Securities count at their value after the
haircut (Article 41 of Delegated Regulation (EU) No 153/2013), one issuer's up to its limit (Article 42). What is
required or called always stays covered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from django.db import transaction

from clearing.core.collateral_value import largest_free
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import CollateralMovement, Membership, MovementKind
from clearing.queries.collateral import (
    NOTHING_REQUIRED,
    Pool,
    Required,
    cash_free_in,
    is_closed,
    issuer_limit_ppm,
    last_run,
    pool_after,
    quotes_of,
    required_of,
    value_collateral,
)
from clearing.queries.membership import RISK_LOCK
from clearing.refusals import (
    CollateralConcentrated,
    CollateralNotEligible,
    CollateralNotFree,
    CollateralNotHeld,
    CollateralRefused,
    CollateralWithoutValue,
    MembershipNotActive,
    UnknownMembership,
)
from events.services.audit import record_actions
from ledger.models import Account, AccountKind
from ledger.refusals import BalanceBelowLimit, UnknownAccount
from ledger.services import post_entries
from reference.core.actor import Actor
from reference.locks import take_lock
from reference.models import Security
from reference.queries import directory
from reference.refusals import UnknownSecurity
from settlement.models import CollateralHaircut
from settlement.queries.collateral import category_of, eligible_closes

LARGEST_MOVEMENT = 2**62
DONE = {
    MovementKind.DEPOSIT: "deposited",
    MovementKind.WITHDRAWAL: "withdrawn",
    MovementKind.SUBSTITUTION: "substituted",
}


@dataclass(frozen=True)
class Order:
    """Who moves collateral of which member and segment, and when."""

    member_id: int
    currency_id: int
    actor: Actor
    at: datetime
    business_date: date


class Standing(NamedTuple):
    """A member's collateral in a segment as an order finds it, and what is required."""

    membership: Membership
    pool: Pool
    required: Required
    closed: bool


class Leg(NamedTuple):
    """One asset that moves: into the collateral (+) or out of it (−)."""

    asset_id: int
    amount: int
    kind: MovementKind


def deposit_collateral(*, order: Order, asset_id: int, amount: int) -> CollateralMovement:
    """Put cash or securities of the member's house accounts into its collateral.

    amount: minor units of the segment's currency, or units of a security. Raises CollateralRefused,
    CollateralNotEligible, CollateralWithoutValue, CollateralConcentrated, CollateralNotHeld, MembershipNotActive,
    UnknownMembership, UnknownSecurity, UnknownAccount.
    """
    check_amount(amount)
    with transaction.atomic():
        found = stand(order=order)
        quotes, issuers = quotes_of(pool=found.pool), {}
        if asset_id != order.currency_id:
            quotes[asset_id] = quote_security(order=order, security_id=asset_id, closed=found.closed)
            issuers[asset_id] = Security.objects.values_list("issuer_name", flat=True).get(pk=asset_id)
        after = pool_after(pool=found.pool, changes={asset_id: amount}, quotes=quotes, issuers=issuers)
        check_limit(after=after, issuers=issuers)
        (movement,) = move(order=order, found=found, legs=[Leg(asset_id, amount, MovementKind.DEPOSIT)])
    return movement


def withdraw_collateral(*, order: Order, asset_id: int, amount: int) -> CollateralMovement:
    """Give collateral back to the member's house accounts, as far as it is free.

    Raises CollateralRefused, CollateralNotHeld, CollateralNotFree, MembershipNotActive, UnknownMembership,
    UnknownAccount.
    """
    check_amount(amount)
    with transaction.atomic():
        found = stand(order=order)
        if amount > units_in(pool=found.pool, asset_id=asset_id):
            raise CollateralNotHeld(pointer="/amount")
        free = free_units(pool=found.pool, required=found.required, asset_id=asset_id)
        if amount > free:
            raise CollateralNotFree(
                f"{say_amount(amount, asset_id=asset_id, currency_id=order.currency_id)} are to be taken out, and"
                f" {say_amount(free, asset_id=asset_id, currency_id=order.currency_id)} are free: what is required or"
                " called stays covered.",
                pointer="/amount",
                free=free,
            )
        (movement,) = move(order=order, found=found, legs=[Leg(asset_id, -amount, MovementKind.WITHDRAWAL)])
    return movement


def release_excess(*, order: Order) -> CollateralMovement:
    """Give back all the cash that is free. Raises CollateralNotFree where none is, and as withdraw_collateral."""
    with transaction.atomic():
        found = stand(order=order)
        free = cash_free_in(pool=found.pool, required=found.required)
        if not free:
            raise CollateralNotFree("No cash is free.")
        return withdraw_collateral(order=order, asset_id=order.currency_id, amount=free)


def stand(*, order: Order) -> Standing:
    """Take the lock and return what the order finds. Raises UnknownMembership, MembershipNotActive."""
    take_lock(name=RISK_LOCK)
    membership = Membership.objects.select_related("member").filter(pk=order.member_id).first()
    own = order.actor.participant_id
    if membership is None or not (own is None or own == membership.member_id):
        raise UnknownMembership
    if membership.status != MembershipStatus.ACTIVE:
        raise MembershipNotActive(f"The membership is {membership.status.lower()}: its collateral stays where it is.")
    run = last_run()
    closed = is_closed(run=run, business_date=order.business_date)
    limit_ppm = issuer_limit_ppm(day=order.business_date)
    pools = value_collateral(
        business_date=order.business_date, closed=closed, limit_ppm=limit_ppm, member_ids=[order.member_id]
    )
    segment = (order.member_id, order.currency_id)
    required = required_of(run_id=None if run is None else run.pk, member_ids=[order.member_id])
    empty = Pool(*segment, cash_minor=0, holdings=(), issuers=(), value_minor=0, limit_ppm=limit_ppm)
    return Standing(membership, pools.get(segment, empty), required.get(segment, NOTHING_REQUIRED), closed)


def check_amount(amount: int) -> None:
    """Raise CollateralRefused for what is no amount."""
    if not 0 < amount < LARGEST_MOVEMENT:
        raise CollateralRefused("Write an amount above zero.", pointer="/amount")


def quote_security(*, order: Order, security_id: int, closed: bool) -> tuple[Decimal, Decimal]:
    """Return a security's close and haircut. Raises UnknownSecurity and what keeps it from being collateral."""
    entry = directory().securities.get(security_id)
    if entry is None:
        raise UnknownSecurity(pointer="/security")
    if entry.currency_id != order.currency_id:
        raise CollateralNotEligible(
            f"{entry.isin} is paid in {entry.currency.code}: without exchange rates it covers nothing here.",
            pointer="/security",
        )
    quotes = eligible_closes(securities=[security_id], business_date=order.business_date, closed=closed)
    if security_id in quotes:
        return quotes[security_id]
    category = category_of(security_id=security_id, day=order.business_date)
    last = CollateralHaircut.objects.filter(category=category or "", valid_from__lte=order.business_date).last()
    if last is not None and last.percent == 100:
        raise CollateralWithoutValue(pointer="/security")
    raise CollateralNotEligible(
        f"{entry.isin} is not eligible: inactive, matured, of a kind without a haircut, or without a recent price.",
        pointer="/security",
    )


def check_limit(*, after: Pool, issuers: Mapping[int, str]) -> None:
    """Raise CollateralConcentrated where an issuer of what comes in would be over its limit."""
    for use in after.issuers:
        if use.issuer in issuers.values() and use.value_minor > use.limit_minor:
            share = Decimal(after.limit_ppm) / 10_000
            worth, limit = (
                say_amount(minor, asset_id=after.currency_id, currency_id=after.currency_id)
                for minor in (use.value_minor, use.limit_minor)
            )
            raise CollateralConcentrated(
                f"Securities of {use.issuer} would be worth {worth}, and at most {share.normalize():f} % of the"
                f" collateral, {limit}, may be of one issuer.",
                pointer="/amount",
            )


def say_amount(amount: int, *, asset_id: int, currency_id: int) -> str:
    """Return an amount in words: of cash with its currency, of a security in units."""
    if asset_id != currency_id:
        return f"{amount:,} units"
    currency = directory().currencies[currency_id]
    return f"{Decimal(amount).scaleb(-currency.digits):,} {currency.code}"


def units_in(*, pool: Pool, asset_id: int) -> int:
    """Return what a pool holds of an asset."""
    if asset_id == pool.currency_id:
        return pool.cash_minor
    return sum(holding.units for holding in pool.holdings if holding.security_id == asset_id)


def free_units(*, pool: Pool, required: Required, asset_id: int) -> int:
    """Return the most of one asset that may be taken out of a pool, minor units or units."""
    if asset_id == pool.currency_id:
        return cash_free_in(pool=pool, required=required)
    quotes = quotes_of(pool=pool)

    def covers(units: int) -> bool:
        after = pool_after(pool=pool, changes={asset_id: -units}, quotes=quotes, issuers={})
        return after.value_minor >= required.total_minor

    return largest_free(most=units_in(pool=pool, asset_id=asset_id), covers=covers)


def move(*, order: Order, found: Standing, legs: list[Leg]) -> list[CollateralMovement]:
    """Write the movements, post them and say who ordered them. What comes in by substitution replaces the first leg.

    Raises CollateralNotHeld, UnknownAccount.
    """
    rows: list[CollateralMovement] = []
    for leg in legs:
        row = CollateralMovement(
            member_id=order.member_id,
            currency_id=order.currency_id,
            asset_id=leg.asset_id,
            amount=leg.amount,
            kind=leg.kind,
            replaces=rows[0] if leg.kind == MovementKind.SUBSTITUTION and leg.amount > 0 else None,
            ordered_by=order.actor.name,
            business_date=order.business_date,
            at=order.at,
        )
        row.save(force_insert=True)
        rows.append(row)
    house = dict(Account.objects.filter(participant_id=order.member_id, name="HOUSE").values_list("kind", "pk"))
    if len(house) < 2:
        raise UnknownAccount("The member has no house accounts.")
    membership = found.membership
    own, other = [], []
    for leg in legs:
        is_cash = leg.asset_id == order.currency_id
        own.append(membership.im_cash_id if is_cash else membership.im_securities_id)
        other.append(house[AccountKind.CASH if is_cash else AccountKind.SECURITIES])
    ids = np.array([row.pk for row in rows], np.int64)
    assets, amounts = (np.array(column, np.int64) for column in ([leg.asset_id for leg in legs],
                                                                [leg.amount for leg in legs]))  # fmt: skip
    try:
        post_entries(
            source="COLLATERAL",
            business_date=order.business_date,
            at=order.at,
            source_ids=np.concatenate([ids, ids]),
            accounts=np.array([*own, *other], np.int64),
            assets=np.concatenate([assets, assets]),
            amounts=np.concatenate([amounts, -amounts]),
        )
    except BalanceBelowLimit as refusal:
        raise CollateralNotHeld("The house account does not hold that much of it.", pointer="/amount") from refusal
    record_actions(
        actor=order.actor,
        action=f"collateral.{DONE[legs[0].kind]}",
        at=order.at,
        business_date=order.business_date,
        object_type="collateralmovement",
        objects=[(row.pk, f"Collateral of {membership.member.code}: {row.amount:+d} of asset {row.asset_id}", {})
                 for row in rows],
    )  # fmt: skip
    return rows
