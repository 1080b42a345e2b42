"""Cancel instructions that have not settled: by both parties, with their obligation, or by age."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Greatest, TruncDate

from events.services.audit import record_action, record_actions
from reference.core.actor import SYSTEM, Actor
from reference.core.calendar import BUSINESS_ZONE
from reference.locks import take_lock
from settlement.core.lifecycle import InstructionStatus
from settlement.models import Instruction, InstructionSource
from settlement.refusals import CancellationRefused, InstructionNotPending, UnknownInstruction
from settlement.services.business_day import next_business_date
from settlement.services.settle_cycle import CYCLE_LOCK

RECYCLED_BUSINESS_DAYS = 60


def cancel_instruction_of(*, source_id: int) -> bool:
    """Cancel the pending instruction of an obligation, inside the caller's transaction; tell whether it could be.

    True as well when the obligation was never instructed.
    """
    take_lock(name=CYCLE_LOCK)
    instruction = Instruction.objects.filter(source=InstructionSource.OBLIGATION, source_id=source_id).first()
    if instruction is None:
        return True
    if instruction.status != InstructionStatus.PENDING:
        return False
    Instruction.objects.filter(pk=instruction.pk).update(status=InstructionStatus.CANCELLED, reason="", shortfall=0)
    return True


def cancel_instructions_of(*, source_ids: Sequence[int]) -> int:
    """Cancel the rest of the pending instructions of obligations, inside the caller's transaction; return how many.

    What has settled in part stays settled.
    """
    take_lock(name=CYCLE_LOCK)
    return Instruction.objects.filter(
        source=InstructionSource.OBLIGATION, source_id__in=source_ids, status=InstructionStatus.PENDING
    ).update(status=InstructionStatus.CANCELLED, reason="", shortfall=0)


def cancel_instruction(
    *, instruction_pk: int, actor: Actor, sides: Sequence[str], at: datetime, business_date: date, reason: str = ""
) -> str:
    """Note that the parties of these sides want an instruction cancelled. Return CANCELLED or REQUESTED.

    The cancellation of a matched instruction is bilateral (T2S): it takes effect when both sides want it; an
    operator speaks for both. What has settled in part stays settled, the rest is cancelled. What stands for an
    obligation, a penalty or a corporate action goes only with that.
    Raises UnknownInstruction, InstructionNotPending, CancellationRefused.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        instruction = Instruction.objects.select_for_update(no_key=True).filter(pk=instruction_pk).first()
        if instruction is None or not sides:
            raise UnknownInstruction
        if instruction.status != InstructionStatus.PENDING:
            raise InstructionNotPending(f"The instruction is {instruction.status} already.")
        if instruction.source == InstructionSource.OBLIGATION:
            raise CancellationRefused("The instruction settles trades: cancel the trade, while it can be.")
        if instruction.source != InstructionSource.DIRECT:
            raise CancellationRefused
        for side in sides:
            setattr(instruction, f"cancel_wanted_by_{side}", True)
        both = instruction.cancel_wanted_by_deliverer and instruction.cancel_wanted_by_receiver
        if both:
            instruction.status, instruction.reason, instruction.shortfall = InstructionStatus.CANCELLED, "", 0
        instruction.save(
            update_fields=["status", "reason", "shortfall", *(f"cancel_wanted_by_{side}" for side in sides)]
        )
        record_action(
            actor=actor,
            action="instruction.cancelled" if both else "instruction.cancellation_wanted",
            at=at,
            business_date=business_date,
            object_type="instruction",
            object_id=instruction.pk,
            summary=reason
            or ("Cancelled by both sides." if both else f"The {sides[0]} wants it cancelled; the other side is asked."),
            detail={"sides": list(sides), "after": "CANCELLED"} if both else {"sides": list(sides)},
        )
    return "CANCELLED" if both else "REQUESTED"


def cancel_aged_instructions(*, at: datetime, business_date: date) -> int:
    """Cancel directly entered instructions pending for 60 business days; return how many.

    Counted from the later of the intended date and the last change: the entry, or the last part that settled
    (T2S, since 2020-10-05). An instruction from clearing is recycled until it settles: the CCP's obligation
    does not lapse with age.
    """
    oldest = next_business_date(after=business_date, count=-RECYCLED_BUSINESS_DAYS)
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        aged = list(
            Instruction.objects.filter(
                status=InstructionStatus.PENDING, source=InstructionSource.DIRECT, intended_date__lte=oldest
            )
            .annotate(
                waits_since=Greatest(
                    "intended_date",
                    TruncDate("created_at", tzinfo=BUSINESS_ZONE),
                    Max("parts__cycle__business_date"),
                )
            )
            .filter(waits_since__lte=oldest)
            .order_by("pk")
            .values_list("pk", "reference")
        )
        if not aged:
            return 0
        Instruction.objects.filter(pk__in=[pk for pk, _ in aged]).update(
            status=InstructionStatus.CANCELLED, reason="", shortfall=0
        )
        record_actions(
            actor=SYSTEM,
            action="instruction.cancelled",
            at=at,
            business_date=business_date,
            object_type="instruction",
            objects=[
                (pk, f"{reference}: pending for {RECYCLED_BUSINESS_DAYS} business days", {"after": "CANCELLED"})
                for pk, reference in aged
            ],
        )
    return len(aged)
