"""Hold and release: each party, or the operator for both, keeps an instruction from settling for a while."""

from datetime import date, datetime

from django.db import transaction

from events.services import record_action
from ledger.models import Account
from reference.core.actor import Actor
from reference.locks import take_lock
from settlement.core.lifecycle import InstructionStatus
from settlement.models import Instruction
from settlement.refusals import InstructionNotPending, UnknownInstruction
from settlement.services.settle_cycle import CYCLE_LOCK


def hold_instruction(*, instruction_pk: int, actor: Actor, at: datetime, business_date: date) -> Instruction:
    """Hold an instruction for the actor's side; an operator holds both. Held twice, it is held once.

    A held instruction that is due is not settled, and counts as failing like any other (T2S: PREA).
    Raises UnknownInstruction, InstructionNotPending.
    """
    return _set_hold(instruction_pk=instruction_pk, held=True, actor=actor, at=at, business_date=business_date)


def release_instruction(*, instruction_pk: int, actor: Actor, at: datetime, business_date: date) -> Instruction:
    """Release the actor's own hold; an operator releases both. Raises UnknownInstruction, InstructionNotPending."""
    return _set_hold(instruction_pk=instruction_pk, held=False, actor=actor, at=at, business_date=business_date)


def _set_hold(*, instruction_pk: int, held: bool, actor: Actor, at: datetime, business_date: date) -> Instruction:
    """Write the hold of the actor's sides, and its audit record where anything changed."""
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        instruction = Instruction.objects.select_for_update(no_key=True).filter(pk=instruction_pk).first()
        sides = sides_of(instruction=instruction, actor=actor) if instruction is not None else []
        if instruction is None or not sides:
            raise UnknownInstruction
        if instruction.status != InstructionStatus.PENDING:
            raise InstructionNotPending(f"The instruction is {instruction.status} already.")
        changed = [side for side in sides if getattr(instruction, f"held_by_{side}") != held]
        if not changed:
            return instruction
        for side in changed:
            setattr(instruction, f"held_by_{side}", held)
        instruction.save(update_fields=[f"held_by_{side}" for side in changed])
        record_action(
            actor=actor,
            action="instruction.held" if held else "instruction.released",
            at=at,
            business_date=business_date,
            object_type="instruction",
            object_id=instruction.pk,
            summary=f"{'Held' if held else 'Released'} for the {' and the '.join(changed)}.",
            detail={"sides": changed, "held": held},
        )
    return instruction


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
