"""Take one party's own instructions in; matching pairs them with the other party's."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from events.services.audit import record_action
from events.services.outbox import record_fact
from reference.core.actor import Actor
from reference.core.directory import SecurityEntry
from reference.core.limits import LARGEST_AMOUNT
from reference.public_ids import new_public_ids
from reference.queries import directory
from settlement.contracts import PartyInstructionsEntered
from settlement.core.party_lifecycle import PartyStatus
from settlement.models import Instruction, InstructionSource, Partial, PartyInstruction, Payment
from settlement.refusals import InstructionReferenceReused, InstructionRefused, PartialMinimumRefused
from settlement.services.link_instructions import PARTY, WantedLink, link_party_instruction


class EnteredPartyInstruction(NamedTuple):
    """One party's instruction as entered, its codes resolved. security None and quantity 0: a payment only."""

    movement: str
    participant_id: int
    account_id: int
    counterparty_id: int
    counterparty_account_id: int | None
    payment: str
    security: SecurityEntry | None
    quantity_units: int
    currency_id: int
    cash_minor: int
    intended_date: date
    trade_date: date | None
    reference: str
    common_reference: str
    priority: int
    partial: str
    partial_minimum_units: int
    held: bool
    links: tuple[WantedLink, ...] = ()

    def terms(self) -> dict[str, object]:
        """Return what never changes, and what a repeated entry must therefore repeat."""
        names = ("movement", "participant_id", "account_id", "counterparty_id", "counterparty_account_id", "payment",
                 "quantity_units", "currency_id", "cash_minor", "intended_date", "trade_date", "reference",
                 "common_reference")  # fmt: skip
        security_id = self.security.id if self.security is not None else None
        return {name: getattr(self, name) for name in names} | {"security_id": security_id}


def enter_party_instructions(
    *, entered: Sequence[EnteredPartyInstruction], actor: Actor, at: datetime, business_date: date
) -> tuple[list[PartyInstruction], bool]:
    """Create instructions of parties, all or none, in their order; return them and whether any is new.

    The same reference with the same content is the same instruction. Raises InstructionReferenceReused,
    InstructionRefused, PartialMinimumRefused and what link_party_instruction raises.
    """
    for one in entered:
        check_party_instruction(entered=one)
    with transaction.atomic():
        rows = [_create(entered=one, at=at) for one in entered]
        new = [(row, one) for (row, is_new), one in zip(rows, entered, strict=True) if is_new]
        for row, one in new:
            record_action(
                actor=actor, action="instruction.entered", at=at, business_date=business_date, object_type=PARTY,
                object_id=row.pk, summary=f"{row.reference}: {row.movement_code} {describe_terms(one)}",
            )  # fmt: skip
            if one.links:
                link_party_instruction(
                    party_pk=row.pk, links=one.links, actor=actor, at=at, business_date=business_date
                )
        if new:
            record_fact(fact=PartyInstructionsEntered(count=len(new)))
    return [row for row, _ in rows], bool(new)


def _create(*, entered: EnteredPartyInstruction, at: datetime) -> tuple[PartyInstruction, bool]:
    """Write one instruction unless it stands; return it and whether it is new."""
    terms = entered.terms()
    [public_id] = new_public_ids(count=1)
    PartyInstruction.objects.bulk_create(
        [
            PartyInstruction(
                public_id=public_id,
                priority=entered.priority,
                partial=entered.partial,
                partial_minimum_units=entered.partial_minimum_units,
                held=entered.held,
                status=PartyStatus.UNMATCHED,
                created_at=at,
                changed_at=at,
                **terms,
            )
        ],
        ignore_conflicts=True,
    )
    standing = PartyInstruction.objects.get(participant_id=entered.participant_id, reference=entered.reference)
    is_new = str(standing.public_id) == str(public_id)
    if not is_new and any(getattr(standing, name) != value for name, value in terms.items()):
        raise InstructionReferenceReused(pointer="/reference")
    if is_new and reference_stands(participant_id=entered.participant_id, reference=entered.reference):
        raise InstructionReferenceReused(
            "An instruction for both sides with this reference stands already.", pointer="/reference"
        )
    return standing, is_new


def reference_stands(*, participant_id: int, reference: str) -> bool:
    """Tell whether a participant's reference names an instruction that was entered for both sides."""
    return Instruction.objects.filter(
        source=InstructionSource.DIRECT, instructed_by_id=participant_id, reference=reference
    ).exists()


def describe_terms(entered: EnteredPartyInstruction) -> str:
    """Say briefly what an instruction moves, for the audit log."""
    currency = directory().currencies[entered.currency_id]
    money = f"{Decimal(entered.cash_minor).scaleb(-currency.digits):,} {currency.code}"
    if entered.security is None:
        return money
    price = f" against {money}" if entered.cash_minor else ", free of payment"
    return f"{entered.quantity_units:,} {entered.security.isin}{price}"


def check_party_instruction(*, entered: EnteredPartyInstruction) -> None:
    """Raise InstructionRefused or PartialMinimumRefused where the instruction could never be right."""
    for value, pointer in ((entered.quantity_units, "/quantity"), (entered.cash_minor, "/amount")):
        if not 0 <= value <= LARGEST_AMOUNT:
            raise InstructionRefused(f"One instruction moves at most {LARGEST_AMOUNT:,}, and no less than 0.",
                                     pointer=pointer)  # fmt: skip
    if entered.payment == Payment.PFOD:
        if entered.security is not None or entered.quantity_units:
            raise InstructionRefused("A payment only names no security and no quantity.", pointer="/security")
    elif entered.security is None or not entered.quantity_units:
        raise InstructionRefused("A delivery names a security and a quantity.", pointer="/quantity")
    if entered.payment == Payment.FREE and entered.cash_minor:
        raise InstructionRefused("Free of payment means that no cash moves.", pointer="/amount")
    if entered.payment != Payment.FREE and not entered.cash_minor:
        raise InstructionRefused("An instruction with a payment names its amount.", pointer="/amount")
    if entered.account_id == entered.counterparty_account_id:
        raise InstructionRefused("Deliverer and receiver are the same account.", pointer="/counterparty_account")
    if entered.trade_date is not None and entered.trade_date > entered.intended_date:
        raise InstructionRefused("Nothing settles before it is traded.", pointer="/trade_date")
    check_partial(
        partial=entered.partial,
        minimum_units=entered.partial_minimum_units,
        quantity_units=entered.quantity_units,
        lot_size_units=entered.security.lot_size_units if entered.security is not None else 1,
    )


def check_partial(*, partial: str, minimum_units: int, quantity_units: int, lot_size_units: int) -> None:
    """Raise PartialMinimumRefused or InstructionRefused where the terms of partial settlement cannot be."""
    if partial == Partial.NPAR:
        if minimum_units:
            raise PartialMinimumRefused("A least part needs partial settlement.", pointer="/partial_minimum")
        return
    if not quantity_units:
        raise InstructionRefused("A payment only does not settle in parts.", pointer="/partial")
    if partial == Partial.PART:
        if minimum_units:
            raise PartialMinimumRefused("A least part is named with PARQ.", pointer="/partial_minimum")
        return
    if not 0 < minimum_units <= quantity_units:
        raise PartialMinimumRefused(
            f"The least part must lie between 1 and the quantity, {quantity_units:,}.", pointer="/partial_minimum"
        )
    if minimum_units % lot_size_units:
        raise PartialMinimumRefused(
            f"The least part must be a multiple of {lot_size_units:,}.", pointer="/partial_minimum"
        )
