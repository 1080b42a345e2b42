"""Take collateral out against other collateral that is worth as much."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from django.db import transaction

from clearing.core.collateral_value import choose_replacements, unit_value_micro
from clearing.models import CollateralMovement, MovementKind
from clearing.queries.collateral import Pool, pool_after, quotes_of
from clearing.refusals import CollateralCannotBeReplaced, CollateralNotHeld, CollateralRefused
from clearing.services.move_collateral import (
    Leg,
    Order,
    Standing,
    check_amount,
    check_limit,
    move,
    quote_security,
    say_amount,
    stand,
    units_in,
)
from ledger.models import Balance
from reference.models import Security
from reference.queries import directory
from settlement.queries.collateral import eligible_closes

Quotes = dict[int, tuple[Decimal, Decimal]]


def substitute_collateral(
    *, order: Order, asset_id: int, amount: int, into: Mapping[int, int] | None = None
) -> list[CollateralMovement]:
    """Give back one asset of the collateral and put others in its place; return the movement out, then those in.

    asset_id, amount: what leaves, in minor units or units. into: asset id -> amount of what comes in; where left out
    it is chosen from the member's house account, securities first, the holding worth most first, then cash. Afterwards
    the collateral covers what is required, or is worth no less than before where it covered less. Raises
    CollateralCannotBeReplaced, CollateralNotHeld, CollateralConcentrated and as deposit_collateral.
    """
    check_amount(amount)
    for incoming in (into or {}).values():
        check_amount(incoming)
    if into is not None and (not into or asset_id in into):
        raise CollateralRefused("Name other collateral to put in its place.", pointer="/into")
    with transaction.atomic():
        found = stand(order=order)
        if amount > units_in(pool=found.pool, asset_id=asset_id):
            raise CollateralNotHeld(pointer="/amount")
        quotes = quotes_of(pool=found.pool)
        chosen = into
        if chosen is None:
            quotes, chosen = _choose(order=order, found=found, asset_id=asset_id, amount=amount, quotes=quotes)
        for security_id in set(chosen) - {order.currency_id, *quotes}:
            quotes[security_id] = quote_security(order=order, security_id=security_id, closed=found.closed)
        issuers = _issuers(securities=set(chosen) - {order.currency_id})
        after = pool_after(pool=found.pool, changes={asset_id: -amount, **chosen}, quotes=quotes, issuers=issuers)
        check_limit(after=after, issuers=issuers)
        if after.value_minor < min(found.required.total_minor, found.pool.value_minor):
            worth, needed = (
                say_amount(minor, asset_id=order.currency_id, currency_id=order.currency_id)
                for minor in (after.value_minor, found.required.total_minor)
            )
            raise CollateralCannotBeReplaced(
                f"After it the collateral would be worth {worth}, and {needed} are required."
            )
        legs = [Leg(asset_id, -amount, MovementKind.SUBSTITUTION)]
        legs += [Leg(incoming, count, MovementKind.SUBSTITUTION) for incoming, count in sorted(chosen.items())]
        return move(order=order, found=found, legs=legs)


def _choose(
    *, order: Order, found: Standing, asset_id: int, amount: int, quotes: Quotes
) -> tuple[Quotes, dict[int, int]]:
    """Return the quotes with those of what is offered, and what comes in: as much value as leaves.

    Raises CollateralCannotBeReplaced, CollateralRefused.
    """
    removed = pool_after(pool=found.pool, changes={asset_id: -amount}, quotes=quotes, issuers={})
    missing = found.pool.value_minor - removed.value_minor
    if missing <= 0:
        raise CollateralRefused("What leaves counts for nothing: withdraw it.", pointer="/amount")
    held = dict(
        Balance.objects.filter(
            account__participant_id=order.member_id, account__name="HOUSE", balance__gt=0
        ).values_list("asset_id", "balance")
    )
    source = directory()
    offered = [
        security
        for security in sorted(held)
        if security in source.securities
        and source.securities[security].currency_id == order.currency_id
        and security != asset_id
    ]
    fresh = eligible_closes(securities=offered, business_date=order.business_date, closed=found.closed)
    quotes = {**quotes, **fresh}
    issuers = _issuers(securities=set(fresh))
    names = sorted(set(issuers.values()))
    places = sorted(fresh)
    units = choose_replacements(
        missing=missing,
        units=np.array([held[security] for security in places], np.int64),
        unit_micro=np.array([_micro(security, fresh[security]) for security in places], np.int64),
        issuer=np.array([names.index(issuers[security]) for security in places], np.int64),
        room=_room(pool=removed, names=names, total=removed.value_minor + missing),
    )
    chosen = {security: count for security, count in zip(places, units.tolist(), strict=True) if count}
    brought = pool_after(pool=found.pool, changes={asset_id: -amount, **chosen}, quotes=quotes, issuers=issuers)
    lacking = found.pool.value_minor - brought.value_minor
    if lacking > 0 and asset_id != order.currency_id and held.get(order.currency_id, 0) >= lacking:
        chosen[order.currency_id] = lacking
    elif lacking > 0:
        raise CollateralCannotBeReplaced
    return quotes, chosen


def _room(*, pool: Pool, names: list[str], total: int) -> np.typing.NDArray[np.int64]:
    """Return how much more of each issuer's securities may come in, minor units, int64[i]."""
    limit = total * pool.limit_ppm // 1_000_000
    had = {use.issuer: use.value_minor for use in pool.issuers}
    return np.array([max(0, limit - had.get(name, 0)) for name in names], np.int64)


def _micro(security_id: int, quote: tuple[Decimal, Decimal]) -> int:
    """Return what one unit is worth at a quote, in millionths of a minor unit."""
    entry = directory().securities[security_id]
    return unit_value_micro(
        price=quote[0], amount_per_price=entry.amount_per_price(), digits=entry.currency.digits,
        haircut_percent=quote[1],
    )  # fmt: skip


def _issuers(*, securities: set[int]) -> dict[int, str]:
    """Return security id -> issuer."""
    return dict(Security.objects.filter(pk__in=securities).values_list("pk", "issuer_name"))
