"""From the fields of an entered instruction to accounts, security and minor units."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ledger.models import Account, AccountKind
from ledger.refusals import UnknownAccount
from reference.core.calendar import check_business_day
from reference.core.directory import Directory, SecurityEntry
from reference.core.limits import LARGEST_AMOUNT
from reference.queries import directory
from reference.refusals import UnknownSecurity
from settlement.refusals import InstructionRefused
from settlement.services.create_instructions import DirectInstruction


def resolve_entry(*, fields: Mapping[str, Any]) -> tuple[DirectInstruction, int]:
    """Return the instruction and the id of the instructing participant.

    Raises UnknownParticipant, UnknownAccount, UnknownSecurity, InstructionRefused, NotABusinessDay,
    DateOutsideCalendar.
    """
    source = directory()
    security = _find_security(source=source, code=fields["security"])
    if fields["currency"] != security.currency.code:
        raise InstructionRefused(
            f"{security.isin} settles in {security.currency.code}, not {fields['currency']}.",
            pointer="/currency",
        )
    if fields["quantity"] % security.lot_size_units:
        raise InstructionRefused(f"The quantity must be a multiple of {security.lot_size_units}.", pointer="/quantity")
    party_field = "instructed_by" if fields.get("instructed_by") else "deliverer"
    party = source.participant(code=fields[party_field], pointer=f"/{party_field}")
    return DirectInstruction(
        reference=fields["reference"],
        deliverer_account=_find_account(source=source, fields=fields, side="deliverer"),
        receiver_account=_find_account(source=source, fields=fields, side="receiver"),
        security=security,
        quantity_units=fields["quantity"],
        cash_minor=_minor(amount=fields["amount"], digits=security.currency.digits),
        intended_date=check_business_day(
            day=fields["intended_date"], calendar=security.calendar, pointer="/intended_date"
        ),
        priority=fields["priority"],
    ), party.id


def _find_security(*, source: Directory, code: str) -> SecurityEntry:
    found = source.securities_by_isin.get(code) or source.securities_by_symbol.get(code)
    if found is None:
        raise UnknownSecurity(f"There is no security with ISIN or symbol {code!r}.", pointer="/security")
    return found


def _find_account(*, source: Directory, fields: Mapping[str, Any], side: str) -> Account:
    owner = source.participant(code=fields[side], pointer=f"/{side}")
    name = fields[f"{side}_account"]
    found = Account.objects.filter(participant_id=owner.id, kind=AccountKind.SECURITIES, name=name).first()
    if found is None:
        raise UnknownAccount(f"{owner.code} has no account {name!r}.", pointer=f"/{side}_account")
    return found


def _minor(*, amount: Decimal, digits: int) -> int:
    """Return an amount in minor units. Raises InstructionRefused where it is too fine or too large."""
    scaled = Decimal(amount).scaleb(digits)
    whole = int(scaled)
    if scaled != whole:
        raise InstructionRefused(f"The amount has more than {digits} decimal digits.", pointer="/amount")
    if whole > LARGEST_AMOUNT:
        raise InstructionRefused(f"The amount is above {LARGEST_AMOUNT:,} minor units.", pointer="/amount")
    return whole
