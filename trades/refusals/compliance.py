"""What compliance refuses, by name."""

from reference.refusals import Refusal


class UnknownAlert(Refusal):
    """There is no such alert."""

    code = "unknown-alert"
    status = 404


class AlertStepIllegal(Refusal):
    """The alert has gone further already."""

    code = "alert-step-illegal"
    status = 409


class AlertNeedsANote(Refusal):
    """Say in a note why the alert is closed."""

    code = "alert-needs-a-note"


class UnknownRule(Refusal):
    """There is no such rule."""

    code = "unknown-rule"
    status = 404


class RuleMalformed(Refusal):
    """A rule's parameter is out of range, or belongs to rules of another kind."""

    code = "rule-malformed"


class UnknownRestriction(Refusal):
    """There is no such entry on the restricted list."""

    code = "unknown-restriction"
    status = 404


class AlreadyRestricted(Refusal):
    """An entry for this security and participant is open already."""

    code = "already-restricted"
    status = 409


class RestrictionMalformed(Refusal):
    """An entry names a security, a reason, and no last day before its first."""

    code = "restriction-malformed"


class RestrictionEnded(Refusal):
    """The entry has ended already."""

    code = "restriction-ended"
    status = 409
