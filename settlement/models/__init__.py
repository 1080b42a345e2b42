"""The CSD: its business day, its settlement cycles and the instructions they settle, one noun a file."""

from settlement.models.cycle import Attempt, Cycle, PartialSettlement
from settlement.models.day import BusinessDay, DayStep, Movements, ScheduledStep, StepAction
from settlement.models.instruction import Instruction, InstructionLink, InstructionSource, LinkKind

__all__ = [
    "Attempt",
    "BusinessDay",
    "Cycle",
    "DayStep",
    "Instruction",
    "InstructionLink",
    "InstructionSource",
    "LinkKind",
    "Movements",
    "PartialSettlement",
    "ScheduledStep",
    "StepAction",
]
