"""From the fields of an entered instruction to accounts, security and minor units."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied

from ledger.models import Account, AccountKind
from ledger.refusals import UnknownAccount
from reference.core.actor import Actor
from reference.core.calendar import check_business_day
from reference.core.directory import CurrencyEntry, Directory, ParticipantEntry, SecurityEntry
from reference.core.limits import LARGEST_AMOUNT
from reference.queries import directory
from reference.refusals import UnknownSecurity
from settlement.models import Movement, Payment
from settlement.refusals import InstructionRefused
from settlement.services.create_instructions import DirectInstruction
from settlement.services.enter_exchange import Exchange
from settlement.services.enter_party_instruction import EnteredPartyInstruction
from settlement.services.link_instructions import WantedLink

# A payment only: who is paid stands where the deliverer does.
PAYMENT_MOVEMENTS = {"CRDT": Movement.DELI.value, "DBIT": Movement.RECE.value}


def resolve_entry(*, fields: Mapping[str, Any]) -> tuple[DirectInstruction, int]:
    """Return the instruction and the id of the instructing participant.

    Raises UnknownParticipant, UnknownAccount, UnknownSecurity, UnknownCurrency, InstructionRefused,
    NotABusinessDay, DateOutsideCalendar.
    """
    source = directory()
    currency = source.currency(code=fields["currency"], pointer="/currency")
    security = None
    if fields.get("security") or fields["quantity"]:
        security = find_security(source=source, fields=fields, currency=currency)
    party_field = "instructed_by" if fields.get("instructed_by") else "deliverer"
    party = source.participant(code=fields[party_field], pointer=f"/{party_field}")
    return DirectInstruction(
        reference=fields["reference"],
        deliverer_account=find_account(source=source, fields=fields, side="deliverer"),
        receiver_account=find_account(source=source, fields=fields, side="receiver"),
        security=security if fields["quantity"] else None,
        quantity_units=fields["quantity"],
        cash_minor=minor_of(amount=fields["amount"], digits=currency.digits),
        intended_date=check_business_day(
            day=fields["intended_date"], calendar=currency.calendar.business_days, pointer="/intended_date"
        ),
        priority=fields["priority"],
        payment_currency_id=currency.id,
    ), party.id


def resolve_party_entry(*, fields: Mapping[str, Any], participant: ParticipantEntry) -> EnteredPartyInstruction:
    """Return one party's instruction as its participant entered it.

    Raises UnknownParticipant, UnknownAccount, UnknownSecurity, UnknownCurrency, InstructionRefused, NotABusinessDay,
    DateOutsideCalendar.
    """
    source = directory()
    currency = source.currency(code=fields["currency"], pointer="/currency")
    pays_only = fields["payment"] == Payment.PFOD
    movement = fields["movement"]
    if (movement in PAYMENT_MOVEMENTS) != pays_only:
        wanted = "CRDT or DBIT" if pays_only else "DELI or RECE"
        raise InstructionRefused(f"Its movement is {wanted}.", pointer="/movement")
    security = None
    if fields.get("security") or not pays_only:
        security = find_security(source=source, fields=fields, currency=currency)
    counterparty = source.participant(code=fields["counterparty"], pointer="/counterparty")
    own = {"participant": participant.code, "participant_account": fields["account"]}
    account = find_account(source=source, fields=own, side="participant", pointer="/account")
    names_other = bool(fields.get("counterparty_account"))
    other = find_account(source=source, fields=fields, side="counterparty") if names_other else None
    return EnteredPartyInstruction(
        movement=PAYMENT_MOVEMENTS.get(movement, movement),
        participant_id=participant.id,
        account_id=account.pk,
        counterparty_id=counterparty.id,
        counterparty_account_id=other.pk if other is not None else None,
        payment=fields["payment"],
        security=security,
        quantity_units=fields["quantity"],
        currency_id=currency.id,
        cash_minor=minor_of(amount=fields["amount"], digits=currency.digits),
        intended_date=check_business_day(
            day=fields["intended_date"], calendar=currency.calendar.business_days, pointer="/intended_date"
        ),
        trade_date=fields.get("trade_date"),
        reference=fields["reference"],
        common_reference=fields.get("common_reference", ""),
        priority=fields["priority"],
        partial=fields["partial"],
        partial_minimum_units=fields["partial_minimum"],
        held=fields["hold"],
        links=tuple(WantedLink(link["kind"], link["reference"]) for link in fields.get("links", ())),
    )


def resolve_exchange(*, fields: Mapping[str, Any]) -> Exchange:
    """Return an exchange as entered; both currencies are open on its date.

    Raises UnknownParticipant, UnknownAccount, UnknownCurrency, InstructionRefused, NotABusinessDay,
    DateOutsideCalendar.
    """
    source = directory()
    paid, bought = (source.currency(code=fields[f"{side}_currency"], pointer=f"/{side}_currency")
                    for side in ("paid", "bought"))  # fmt: skip
    for currency in (paid, bought):
        check_business_day(
            day=fields["intended_date"], calendar=currency.calendar.business_days, pointer="/intended_date"
        )
    return Exchange(
        reference=fields["reference"],
        common_reference=fields.get("common_reference", ""),
        buyer_account=find_account(source=source, fields=fields, side="buyer"),
        seller_account=find_account(source=source, fields=fields, side="seller"),
        paid_currency_id=paid.id,
        paid_minor=minor_of(amount=fields["paid_amount"], digits=paid.digits, pointer="/paid_amount"),
        bought_currency_id=bought.id,
        bought_minor=minor_of(amount=fields["bought_amount"], digits=bought.digits, pointer="/bought_amount"),
        intended_date=fields["intended_date"],
        trade_date=fields.get("trade_date"),
        priority=fields["priority"],
    )


def instructing_party(*, fields: Mapping[str, Any], actor: Actor) -> ParticipantEntry:
    """Return for whom an actor instructs: a participant for itself, an operator for whom it names.

    Raises UnknownParticipant, InstructionRefused, PermissionDenied.
    """
    source, code = directory(), fields.get("participant")
    if actor.participant_id is not None:
        own = source.participants[actor.participant_id]
        if code and code != own.code:
            raise PermissionDenied("A participant instructs for itself only.")
        return own
    if not code:
        raise InstructionRefused("Name the participant for whom you instruct.", pointer="/participant")
    return source.participant(code=code, pointer="/participant")


def find_security(*, source: Directory, fields: Mapping[str, Any], currency: CurrencyEntry) -> SecurityEntry:
    """Return the security that fields name by ISIN or symbol. Raises UnknownSecurity, InstructionRefused."""
    code = fields.get("security", "")
    found = source.securities_by_isin.get(code) or source.securities_by_symbol.get(code)
    if found is None:
        why = f"There is no security with ISIN or symbol {code!r}." if code else "Name the security."
        raise UnknownSecurity(why, pointer="/security")
    if currency.id != found.currency.id:
        raise InstructionRefused(
            f"{found.isin} settles in {found.currency.code}, not {currency.code}.", pointer="/currency"
        )
    if fields["quantity"] % found.lot_size_units:
        raise InstructionRefused(f"The quantity must be a multiple of {found.lot_size_units}.", pointer="/quantity")
    return found


def find_account(*, source: Directory, fields: Mapping[str, Any], side: str, pointer: str = "") -> Account:
    """Return the securities account that fields name by its owner's code and its name. Raises UnknownAccount."""
    owner = source.participant(code=fields[side], pointer=f"/{side}")
    name = fields[f"{side}_account"]
    found = Account.objects.filter(participant_id=owner.id, kind=AccountKind.SECURITIES, name=name).first()
    if found is None:
        raise UnknownAccount(f"{owner.code} has no account {name!r}.", pointer=pointer or f"/{side}_account")
    return found


def minor_of(*, amount: Decimal, digits: int, pointer: str = "/amount") -> int:
    """Return an amount in minor units. Raises InstructionRefused where it is too fine or too large."""
    scaled = Decimal(amount).scaleb(digits)
    whole = int(scaled)
    if scaled != whole:
        raise InstructionRefused(f"The amount has more than {digits} decimal digits.", pointer=pointer)
    if whole > LARGEST_AMOUNT:
        raise InstructionRefused(f"The amount is above {LARGEST_AMOUNT:,} minor units.", pointer=pointer)
    return whole
