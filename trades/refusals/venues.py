"""What a venue refuses before its book is asked, by name."""

from reference.refusals import Refusal


class VenueClosed(Refusal):
    """The venue takes no orders at this time."""

    code = "venue-closed"
    status = 409


class UnknownVenue(Refusal):
    """No venue has this market identifier code."""

    code = "unknown-venue"
    status = 404


class NoSuchBook(Refusal):
    """The security is not traded at this venue."""

    code = "not-traded-here"
    status = 404


class VenueFileInvalid(Refusal):
    """The file of the venues names a participant, or holds a value, that cannot be."""

    code = "venue-file-invalid"
