"""What the CSD refuses, by name."""

from reference.refusals import Refusal


class InstructionRefused(Refusal):
    """The settlement instruction breaks a rule."""

    code = "instruction-refused"


class InstructionReferenceReused(Refusal):
    """An instruction with this reference stands already, with other content."""

    code = "instruction-reference-reused"
    status = 409


class UnknownInstruction(Refusal):
    """There is no such settlement instruction."""

    code = "unknown-instruction"
    status = 404


class InstructionNotPending(Refusal):
    """The instruction is settled or cancelled already."""

    code = "instruction-not-pending"
    status = 409


class DayAlreadyOpen(Refusal):
    """A business day is open already."""

    code = "day-already-open"
    status = 409
