"""Cancel instructions that have not settled: with their obligation, or by age."""

from datetime import date, datetime

from django.db import transaction
from django.db.models.functions import Greatest, TruncDate

from events.services import record_actions
from reference.core.actor import SYSTEM
from reference.core.calendar import BUSINESS_ZONE
from reference.locks import take_lock
from settlement.core.lifecycle import InstructionStatus
from settlement.models import Instruction, InstructionSource
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


def cancel_aged_instructions(*, at: datetime, business_date: date) -> int:
    """Cancel directly entered instructions pending for 60 business days; return how many.

    Counted from the later of the intended date and the entry (T2S, since 2020-10-05). An instruction from
    clearing is recycled until it settles: the CCP's obligation does not lapse with age.
    """
    oldest = next_business_date(after=business_date, count=-RECYCLED_BUSINESS_DAYS)
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        aged = list(
            Instruction.objects.filter(
                status=InstructionStatus.PENDING, source=InstructionSource.DIRECT, intended_date__lte=oldest
            )
            .annotate(waits_since=Greatest("intended_date", TruncDate("created_at", tzinfo=BUSINESS_ZONE)))
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
