"""Hold and release: each party, or the operator for both, keeps an instruction from settling for a while."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from events.services.audit import record_action
from events.services.outbox import record_fact
from ledger.models import Account
from reference.core.actor import Actor
from reference.locks import take_lock
from settlement.contracts import InstructionsReleased
from settlement.core.lifecycle import InstructionStatus
from settlement.core.party_lifecycle import PartyStatus
from settlement.models import Instruction, PartyInstruction
from settlement.refusals import InstructionNotPending, UnknownInstruction
from settlement.services.resolve_links import PARTY_LOCK, refresh_holds
from settlement.services.settle_cycle import CYCLE_LOCK

MOVEMENT_OF = {"deliverer": "DELI", "receiver": "RECE"}


def hold_instruction(*, instruction_pk: int, actor: Actor, at: datetime, business_date: date) -> Instruction:
    """Hold an instruction for the actor's side; an operator holds both. Held twice, it is held once.

    A held instruction that is due is not settled, and counts as failing like any other (T2S: PREA).
    Raises UnknownInstruction, InstructionNotPending.
    """
    return _set_hold(instruction_pk=instruction_pk, held=True, actor=actor, at=at, business_date=business_date)


def release_instruction(*, instruction_pk: int, actor: Actor, at: datetime, business_date: date) -> Instruction:
    """Release the actor's own hold; an operator releases both. Raises UnknownInstruction, InstructionNotPending."""
    return _set_hold(instruction_pk=instruction_pk, held=False, actor=actor, at=at, business_date=business_date)


def _set_hold(
    *,
    instruction_pk: int,
    held: bool,
    actor: Actor,
    at: datetime,
    business_date: date,
    sides: Sequence[str] | None = None,
) -> Instruction:
    """Write the hold of these sides, or of the actor's, and its audit record where anything changed."""
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        instruction = Instruction.objects.select_for_update(no_key=True).filter(pk=instruction_pk).first()
        if sides is None:
            sides = sides_of(instruction=instruction, actor=actor) if instruction is not None else []
        if instruction is None or not sides:
            raise UnknownInstruction
        if instruction.status != InstructionStatus.PENDING:
            raise InstructionNotPending(f"The instruction is {instruction.status} already.")
        changed = [side for side in sides if getattr(instruction, f"held_by_{side}") != held]
        # A party's own hold is its own; a link that waits holds besides, and keeps on when the party releases.
        own = PartyInstruction.objects.filter(instruction=instruction).exclude(held=held)
        wished = own.filter(movement__in=[MOVEMENT_OF[side] for side in sides]).update(held=held, changed_at=at)
        if not changed and not wished:
            return instruction
        for side in changed:
            setattr(instruction, f"held_by_{side}", held)
        instruction.save(update_fields=[f"held_by_{side}" for side in changed])
        if not held:
            record_fact(fact=InstructionsReleased(count=1))
        refresh_holds(instruction_ids=[instruction.pk])
        instruction.refresh_from_db()
        record_action(
            actor=actor,
            action="instruction.held" if held else "instruction.released",
            at=at,
            business_date=business_date,
            object_type="instruction",
            object_id=instruction.pk,
            summary=f"{'Held' if held else 'Released'} for the {' and the '.join(changed or sides)}.",
            detail={"sides": changed or list(sides), "held": held},
        )
    return instruction


def hold_party_instruction(*, party_pk: int, held: bool, actor: Actor, at: datetime, business_date: date) -> None:
    """Hold or release a party's instruction; once it is matched, what it became. Raises InstructionNotPending."""
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        take_lock(name=PARTY_LOCK)
        party = PartyInstruction.objects.get(pk=party_pk)
        if party.status == PartyStatus.CANCELLED:
            raise InstructionNotPending("The instruction is CANCELLED already.")
        if party.instruction_id is not None:
            _set_hold(
                instruction_pk=party.instruction_id, held=held, actor=actor, at=at, business_date=business_date,
                sides=[party.side],
            )  # fmt: skip
        elif party.held != held:
            PartyInstruction.objects.filter(pk=party.pk).update(held=held, changed_at=at)
            record_action(
                actor=actor, action="instruction.held" if held else "instruction.released", at=at,
                business_date=business_date, object_type="party-instruction", object_id=party.pk,
                summary=f"{'Held' if held else 'Released'} while unmatched.", detail={"held": held},
            )  # fmt: skip


def sides_of(*, instruction: Instruction, actor: Actor) -> list[str]:
    """Return for which sides of an instruction an actor may speak: deliverer, receiver, both or none."""
    if actor.participant_id is None:
        return ["deliverer", "receiver"]
    accounts = {"deliverer": instruction.deliverer_account_id, "receiver": instruction.receiver_account_id}
    own = set(
        Account.objects.filter(pk__in=accounts.values(), participant_id=actor.participant_id).values_list(
            "pk", flat=True
        )
    )
    return [side for side, account_id in accounts.items() if account_id in own]
