"""The tables of reference data, one noun a file."""

from reference.models.asset import Asset, AssetKind, Currency, IssuerSector, Quotation, Security, SecurityType
from reference.models.calendar import Calendar, Holiday
from reference.models.clock import BusinessClock
from reference.models.membership import Membership, UserRole
from reference.models.participant import Participant, ParticipantRole
from reference.models.price import DailyPrice
from reference.models.version import ReferenceVersion

__all__ = [
    "Asset",
    "AssetKind",
    "BusinessClock",
    "Calendar",
    "Currency",
    "DailyPrice",
    "Holiday",
    "IssuerSector",
    "Membership",
    "Participant",
    "ParticipantRole",
    "Quotation",
    "ReferenceVersion",
    "Security",
    "SecurityType",
    "UserRole",
]
