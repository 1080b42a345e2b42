"""From the fields of an order to a member, a segment and minor units or units; for the API and the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from clearing.refusals import CollateralRefused, NotAClearingMember, UnknownMembership
from clearing.services.move_collateral import Order
from reference.core.actor import Actor
from reference.core.directory import CurrencyEntry
from reference.core.limits import LARGEST_AMOUNT
from reference.queries import directory
from reference.refusals import UnknownSecurity

Asset = tuple[int, int]


def read_order(*, fields: Mapping[str, Any], actor: Actor, at: datetime, business_date: date) -> Order:
    """Return who orders what for whom: an operator names the member, a participant is it.

    fields: member (for operators), currency. Raises UnknownParticipant, UnknownCurrency, NotAClearingMember,
    UnknownMembership.
    """
    source = directory()
    code = fields.get("member") or ""
    if code:
        member_id = source.participant(code=code.strip().upper(), pointer="/member").id
        if actor.participant_id not in (None, member_id):
            raise UnknownMembership(pointer="/member")
    elif actor.participant_id is None:
        raise NotAClearingMember("Say for which clearing member.", pointer="/member")
    else:
        member_id = actor.participant_id
    currency = source.currency(code=str(fields["currency"]).upper(), pointer="/currency")
    return Order(member_id=member_id, currency_id=currency.id, actor=actor, at=at, business_date=business_date)


def read_asset(*, fields: Mapping[str, Any], currency_id: int, pointer: str = "") -> Asset:
    """Return (asset id, amount) of what moves: an amount of cash, or a quantity of a security.

    fields: amount, or security (ISIN or symbol) and quantity. Raises CollateralRefused, UnknownSecurity.
    """
    source = directory()
    currency = source.currencies[currency_id]
    code = str(fields.get("security") or "").strip().upper()
    quantity, amount = fields.get("quantity"), fields.get("amount")
    if code and quantity is not None and amount is None:
        found = source.securities_by_isin.get(code) or source.securities_by_symbol.get(code)
        if found is None:
            raise UnknownSecurity(pointer=f"{pointer}/security")
        return found.id, int(quantity)
    if not code and quantity is None and amount is not None:
        return currency_id, _minor_of(amount=Decimal(amount), currency=currency, pointer=f"{pointer}/amount")
    raise CollateralRefused("Write an amount of cash, or a security and its quantity.", pointer=f"{pointer}/amount")


def read_assets(*, entries: Sequence[Mapping[str, Any]], currency_id: int) -> dict[int, int]:
    """Return asset id -> amount of several; each once. Raises CollateralRefused, UnknownSecurity."""
    found: dict[int, int] = {}
    for place, entry in enumerate(entries):
        asset_id, amount = read_asset(fields=entry, currency_id=currency_id, pointer=f"/into/{place}")
        if asset_id in found:
            raise CollateralRefused("Name each of them once.", pointer=f"/into/{place}")
        found[asset_id] = amount
    return found


def _minor_of(*, amount: Decimal, currency: CurrencyEntry, pointer: str) -> int:
    """Return an amount in minor units."""
    if not amount.is_finite() or abs(amount) >= LARGEST_AMOUNT:
        raise CollateralRefused("Write an amount.", pointer=pointer)
    minor = amount.scaleb(currency.digits)
    if minor != minor.to_integral_value():
        raise CollateralRefused(f"The amount has more than {currency.digits} decimal digits.", pointer=pointer)
    return int(minor)
