"""Open derivatives accounts and list contracts; done twice, it is done once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from clearing.core.derivatives.terms import LARGEST_POSITION_MINOR, LARGEST_PRODUCT, LARGEST_STEPS
from clearing.live.refusals import LiveStateUnavailable, UnknownDerivativesAccount
from clearing.models import AccountPurpose, ContractKind, DerivativeAccount, DerivativeContract
from clearing.queries.derivatives import OPEN_ACCOUNT
from clearing.services.commit_derivatives import make_known
from events.services.audit import record_action
from ledger.services import open_accounts
from reference.core.actor import SYSTEM, Actor
from reference.queries import directory
from reference.refusals import UnknownParticipant

INSURANCE = "DV-INSURANCE"


@dataclass(frozen=True, slots=True)
class NewContract:
    """A contract to be listed: one of it is `size` units of the underlying."""

    symbol: str
    currency: str
    underlying: str | None = None
    expiry_date: date | None = None
    price_digits: int = 2
    quantity_digits: int = 0
    size: int = 1
    largest_price_ticks: int = 1_000_000
    depth_steps: int = 1_000_000
    market_maker_id: int | None = None


def open_derivatives_account(
    *, participant_id: int, currency: str, at: datetime, actor: Actor = SYSTEM, business_date: date | None = None
) -> DerivativeAccount:
    """Open a participant's margin account in a currency, with the CCP's ledger account that its money lies on.

    The insurance fund of the currency and the account of open positions are opened with the first. Margin accounts
    have no floor in the ledger: a loss realised may take a balance below zero while the profit of other positions
    carries it; what holds is the live check of equity, and that all money together is never below zero.
    Raises UnknownParticipant, UnknownCurrency.
    """
    source = directory()
    entry, asset = source.participants.get(participant_id), source.currency(code=currency)
    if entry is None or source.ccp is None:
        raise UnknownParticipant
    owner = [(source.ccp.id, source.ccp.code)]
    with transaction.atomic():
        open_accounts(participants=owner, name=OPEN_ACCOUNT, limit_minor=None)
        fund = open_accounts(participants=owner, name=INSURANCE)[source.ccp.id]
        DerivativeAccount.objects.get_or_create(
            participant_id=source.ccp.id, currency_id=asset.id, purpose=AccountPurpose.INSURANCE,
            defaults={"cash_account_id": fund.linked_cash_id or 0, "opened_at": at},
        )  # fmt: skip
        own = open_accounts(participants=owner, name=f"DV-{entry.code}", limit_minor=None)[source.ccp.id]
        account, is_new = DerivativeAccount.objects.get_or_create(
            participant_id=participant_id, currency_id=asset.id, purpose=AccountPurpose.PARTICIPANT,
            defaults={"cash_account_id": own.linked_cash_id or 0, "opened_at": at},
        )  # fmt: skip
        if is_new:
            record_action(
                actor=actor,
                action="derivativesaccount.opened",
                at=at,
                business_date=business_date or at.date(),
                object_type="derivativeaccount",
                object_id=account.pk,
                summary=f"Derivatives account of {entry.code} in {currency}",
            )
        transaction.on_commit(_tell)
    return account


def insurance_fund(*, currency: str) -> DerivativeAccount:
    """Return the insurance fund of a currency. Raises UnknownDerivativesAccount, UnknownCurrency."""
    currency_id = directory().currency(code=currency).id
    found = DerivativeAccount.objects.filter(currency_id=currency_id, purpose=AccountPurpose.INSURANCE).first()
    if found is None:
        raise UnknownDerivativesAccount
    return found


def list_contracts(*, contracts: Iterable[NewContract]) -> int:
    """List contracts that are not listed yet; return how many.

    The largest position follows from the largest price, so that the worth of one stays within 10**13 minor units.
    Raises UnknownCurrency, UnknownSecurity.
    """
    source, listed = directory(), 0
    with transaction.atomic():
        for new in contracts:
            asset = source.currency(code=new.currency)
            scale = asset.digits - new.price_digits - new.quantity_digits
            multiplier, divisor = new.size * 10 ** max(0, scale), 10 ** max(0, -scale)
            limit = min(
                LARGEST_STEPS,
                LARGEST_PRODUCT // new.largest_price_ticks // multiplier,
                LARGEST_POSITION_MINOR // new.largest_price_ticks * divisor // multiplier,
            )
            _, is_new = DerivativeContract.objects.get_or_create(
                symbol=new.symbol,
                defaults={
                    "kind": ContractKind.FUTURE if new.expiry_date else ContractKind.PERPETUAL,
                    "currency_id": asset.id,
                    "underlying_id": source.securities_by_symbol[new.underlying].id if new.underlying else None,
                    "expiry_date": new.expiry_date,
                    "price_digits": new.price_digits,
                    "quantity_digits": new.quantity_digits,
                    "value_multiplier": multiplier,
                    "value_divisor": divisor,
                    "depth_steps": new.depth_steps,
                    "position_limit_steps": limit,
                    "largest_price_ticks": new.largest_price_ticks,
                    "market_maker_id": new.market_maker_id,
                },
            )
            listed += is_new
        transaction.on_commit(_tell)
    return listed


def _tell() -> None:
    """Tell the live store; where it cannot be reached now, it learns from the database when it is."""
    try:
        make_known()
    except LiveStateUnavailable:
        return
