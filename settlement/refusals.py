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


class PenaltiesNotCharged(Refusal):
    """The day has no penalties yet."""

    code = "penalties-not-charged"
    status = 409


class PenaltiesAlreadyPaid(Refusal):
    """The month's penalties are paid; they are not computed anew."""

    code = "penalties-already-paid"
    status = 409


class OutageUnderWay(Refusal):
    """An outage is under way already."""

    code = "outage-under-way"
    status = 409


class NoOutage(Refusal):
    """No outage is under way."""

    code = "no-outage"
    status = 409


class OutageRefused(Refusal):
    """An outage is declared with a reason of 1 to 200 characters."""

    code = "outage-refused"


class UnknownStep(Refusal):
    """The schedule has no such step."""

    code = "unknown-step"


class StepAlreadyDone(Refusal):
    """The step of the open business day is done; a day is never gone back in."""

    code = "step-already-done"
    status = 409


class ClockRunning(Refusal):
    """The clock runs; pause it before the day is stepped by hand."""

    code = "clock-running"
    status = 409


class OrderUnderWay(Refusal):
    """The day is being moved by an order already."""

    code = "order-under-way"
    status = 409


class NotAmendable(Refusal):
    """Only process indicators can be amended: priority, partial settlement, hold and links.

    For anything else cancel the instruction and instruct anew (T2S).
    """

    code = "not-amendable"


class ReleaseNotByAmendment(Refusal):
    """An amendment puts an instruction on hold and never releases one: post to its own address /release.

    A release by an API key is signed.
    """

    code = "release-not-by-amendment"


class InstructionSettling(Refusal):
    """The instruction has settled, or a part of it has: this can no longer be changed."""

    code = "instruction-settling"
    status = 409


class PartialMinimumRefused(Refusal):
    """The least part that may settle is more than nothing and at most the quantity."""

    code = "partial-minimum-refused"


class CancellationRefused(Refusal):
    """The instruction stands for something else, and goes with it: cancel that."""

    code = "cancellation-refused"
    status = 409


class LinkRefused(Refusal):
    """These two instructions cannot be linked.

    A party links instructions that it entered itself; the operator links any that are matched.
    """

    code = "link-refused"


class UnknownLinkedInstruction(Refusal):
    """The link names no instruction of yours."""

    code = "unknown-linked-instruction"


class ContradictoryLinks(Refusal):
    """The link contradicts one that stands: together, or one after the other, but not both."""

    code = "contradictory-links"


class CircularLinks(Refusal):
    """The link would close a circle: each instruction would wait for the other."""

    code = "circular-links"


class CreditLineRefused(Refusal):
    """A credit line is given by the central bank, on a participant's own cash account, and not below zero."""

    code = "credit-line-refused"


class UnknownCreditLine(Refusal):
    """There is no such credit line."""

    code = "unknown-credit-line"
    status = 404


class CreditLineInUse(Refusal):
    """More is owed on the credit line than its new limit."""

    code = "credit-line-in-use"
    status = 409


class CorporateActionRefused(Refusal):
    """The corporate action breaks a rule."""

    code = "corporate-action-refused"


class CorporateActionStands(Refusal):
    """An action of this kind on the security is announced for this record date already."""

    code = "corporate-action-stands"
    status = 409


class CorporateActionNotAnnounced(Refusal):
    """The corporate action is recorded, paid or cancelled already."""

    code = "corporate-action-not-announced"
    status = 409


class UnknownCorporateAction(Refusal):
    """There is no such corporate action."""

    code = "unknown-corporate-action"
    status = 404


class ComparisonUnderWay(Refusal):
    """A comparison is being computed already."""

    code = "comparison-under-way"
    status = 409
