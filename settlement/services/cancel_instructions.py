"""Cancel instructions that have not settled."""

from reference.locks import take_lock
from settlement.core.lifecycle import InstructionStatus
from settlement.models import Instruction, InstructionSource
from settlement.services.settle_cycle import CYCLE_LOCK


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
    Instruction.objects.filter(pk=instruction.pk).update(
        status=InstructionStatus.CANCELLED, reason="", shortfall=0
    )
    return True
