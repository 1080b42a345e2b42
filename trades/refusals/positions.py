"""What positions and their limits refuse, by name; what cannot be costed is refused in core/positions.py."""

from reference.refusals import Refusal


class UnknownPositionAccount(Refusal):
    """There is no such securities account, or it is not yours."""

    code = "unknown-position-account"
    status = 404


class UnknownPositionLimit(Refusal):
    """There is no such position limit."""

    code = "unknown-position-limit"
    status = 404


class UnknownPositionAlert(Refusal):
    """There is no such position alert."""

    code = "unknown-position-alert"
    status = 404


class PositionLimitInvalid(Refusal):
    """A position limit is in units or in percent of the volume, one of the two, and not below zero."""

    code = "position-limit-invalid"


class PositionLimitRetired(Refusal):
    """The position limit no longer holds."""

    code = "position-limit-retired"
    status = 409


class PositionAlertAcknowledged(Refusal):
    """The position alert is acknowledged already."""

    code = "position-alert-acknowledged"
    status = 409
