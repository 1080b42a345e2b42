"""Amend the process indicators of an instruction: priority and partial settlement (T2S amends nothing else)."""

from datetime import date, datetime
from typing import NamedTuple

from django.db import transaction

from events.services.audit import record_action
from events.services.outbox import record_fact
from reference.core.actor import Actor, Role
from reference.locks import take_lock
from reference.queries import directory
from settlement.contracts import InstructionsReleased
from settlement.core.lifecycle import InstructionStatus
from settlement.core.party_lifecycle import PartyStatus
from settlement.models import Instruction, Partial, PartyInstruction
from settlement.refusals import InstructionNotPending, InstructionSettling, NotAmendable, UnknownInstruction
from settlement.services.enter_party_instruction import check_partial
from settlement.services.hold_instruction import sides_of
from settlement.services.link_instructions import INSTRUCTION, PARTY
from settlement.services.resolve_links import PARTY_LOCK
from settlement.services.settle_cycle import CYCLE_LOCK


class Amendment(NamedTuple):
    """What is to change; None: as it is."""

    priority: int | None = None
    partial: str | None = None
    partial_minimum_units: int | None = None


def amend_party_instruction(
    *, party_pk: int, amendment: Amendment, actor: Actor, at: datetime, business_date: date
) -> None:
    """Amend a party's instruction, and what it became: the pair's priority is the more urgent of the two, and it
    settles in parts only where both still allow it.

    Raises InstructionNotPending, InstructionSettling, PartialMinimumRefused, InstructionRefused.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        take_lock(name=PARTY_LOCK)
        party = PartyInstruction.objects.select_related("instruction").get(pk=party_pk)
        if party.status == PartyStatus.CANCELLED:
            raise InstructionNotPending("The instruction is CANCELLED already.")
        if party.instruction is not None:
            _check_amendable(instruction=party.instruction, amendment=amendment)
        before = _indicators(party)
        party.priority = party.priority if amendment.priority is None else amendment.priority
        party.partial, party.partial_minimum_units = _partial_terms(party=party, amendment=amendment)
        if _indicators(party) == before:
            return
        party.changed_at = at
        party.save(update_fields=["priority", "partial", "partial_minimum_units", "changed_at"])
        if party.instruction is not None:
            _combine(instruction=party.instruction)
            record_fact(fact=InstructionsReleased(count=1))
        record_action(
            actor=actor, action="instruction.amended", at=at, business_date=business_date, object_type=PARTY,
            object_id=party.pk, summary=_describe(before=before, after=_indicators(party)),
            detail={"before": before, "after": _indicators(party)},
        )  # fmt: skip


def amend_instruction(
    *, instruction_pk: int, amendment: Amendment, actor: Actor, at: datetime, business_date: date
) -> None:
    """Amend a matched instruction for the sides that the actor speaks for.

    Where a side entered its own, that is amended; of what was entered for both, or comes from clearing, a party
    sets the priority and forbids settlement in parts, and only the operator allows it.
    Raises UnknownInstruction, NotAmendable and what amend_party_instruction raises.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        instruction = Instruction.objects.filter(pk=instruction_pk).first()
        sides = sides_of(instruction=instruction, actor=actor) if instruction is not None else []
        if instruction is None or not sides:
            raise UnknownInstruction
        parties = [row for row in parties_of(instruction=instruction) if row.side in sides]
        for party in parties:
            amend_party_instruction(
                party_pk=party.pk, amendment=amendment, actor=actor, at=at, business_date=business_date
            )
        if parties:
            return
        _check_amendable(instruction=instruction, amendment=amendment)
        allows = amendment.partial not in (None, Partial.NPAR) or amendment.partial_minimum_units
        if allows and actor.role is not Role.OPERATOR:
            raise NotAmendable("Both sides must allow settlement in parts: ask the operator.", pointer="/partial")
        before = _pair_indicators(instruction)
        _amend_pair(instruction=instruction, amendment=amendment)
        after = _pair_indicators(instruction)
        if after != before:
            instruction.save(update_fields=["priority", "partial_allowed", "partial_minimum_units"])
            record_fact(fact=InstructionsReleased(count=1))
            record_action(
                actor=actor, action="instruction.amended", at=at, business_date=business_date,
                object_type=INSTRUCTION, object_id=instruction.pk, summary=_describe(before=before, after=after),
                detail={"before": before, "after": after},
            )  # fmt: skip


def parties_of(*, instruction: Instruction) -> list[PartyInstruction]:
    """Return the parties' own instructions that became a matched one, the older first; none for any other."""
    return list(PartyInstruction.objects.filter(instruction=instruction).order_by("pk"))


def _check_amendable(*, instruction: Instruction, amendment: Amendment) -> None:
    """Raise InstructionSettling or InstructionNotPending where the amendment comes too late."""
    if instruction.status == InstructionStatus.SETTLED:
        raise InstructionSettling("The instruction has settled: nothing of it can be amended.")
    if instruction.status != InstructionStatus.PENDING:
        raise InstructionNotPending(f"The instruction is {instruction.status} already.")
    in_parts = amendment.partial is not None or amendment.partial_minimum_units is not None
    if in_parts and (instruction.settled_units or instruction.settled_minor):
        raise InstructionSettling("A part has settled: the terms of partial settlement stay as they are.")


def _partial_terms(*, party: PartyInstruction, amendment: Amendment) -> tuple[str, int]:
    """Return the partial indicator and the least part after an amendment. Raises PartialMinimumRefused."""
    partial = amendment.partial if amendment.partial is not None else party.partial
    minimum = amendment.partial_minimum_units
    if minimum is None:
        minimum = party.partial_minimum_units if partial == Partial.PARQ else 0
    if amendment.partial is not None or amendment.partial_minimum_units is not None:
        check_partial(
            partial=partial,
            minimum_units=minimum,
            quantity_units=party.quantity_units,
            lot_size_units=directory().securities[party.security_id].lot_size_units if party.security_id else 1,
        )
    return partial, minimum


def _combine(*, instruction: Instruction) -> None:
    """Write on a matched instruction what its two parties' indicators come to together."""
    parties = parties_of(instruction=instruction)
    both_allow = all(row.partial != Partial.NPAR for row in parties)
    Instruction.objects.filter(pk=instruction.pk).update(
        priority=min(row.priority for row in parties),
        partial_allowed=both_allow,
        partial_minimum_units=max(row.partial_minimum_units for row in parties) if both_allow else 0,
    )


def _amend_pair(*, instruction: Instruction, amendment: Amendment) -> None:
    """Set the indicators of an instruction that no party entered by itself. Raises PartialMinimumRefused."""
    if amendment.priority is not None:
        instruction.priority = amendment.priority
    if amendment.partial is None and amendment.partial_minimum_units is None:
        return
    partial = amendment.partial or (Partial.PARQ if amendment.partial_minimum_units else Partial.PART)
    minimum = amendment.partial_minimum_units or 0
    security_id = instruction.security_id
    check_partial(
        partial=partial,
        minimum_units=minimum,
        quantity_units=instruction.quantity_units,
        lot_size_units=directory().securities[security_id].lot_size_units if security_id else 1,
    )
    instruction.partial_allowed, instruction.partial_minimum_units = partial != Partial.NPAR, minimum


def _indicators(party: PartyInstruction) -> dict[str, object]:
    """Return a party's process indicators."""
    return {"priority": party.priority, "partial": party.partial, "least part": party.partial_minimum_units}


def _pair_indicators(instruction: Instruction) -> dict[str, object]:
    """Return the process indicators of a matched instruction."""
    return {
        "priority": instruction.priority,
        "in parts": instruction.partial_allowed,
        "least part": instruction.partial_minimum_units,
    }


def _describe(*, before: dict[str, object], after: dict[str, object]) -> str:
    """Say what an amendment changed: "priority 4, now 2"."""
    changed = [f"{name} {before[name]}, now {after[name]}" for name in after if after[name] != before[name]]
    return f"Amended: {'; '.join(changed)}."
