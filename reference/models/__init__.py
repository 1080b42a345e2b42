"""The tables of reference data, one noun a file."""

from reference.models.api_key import ApiKey, ApiSecret, RefreshToken, TokenFamily
from reference.models.asset import Asset, AssetKind, Currency, IssuerSector, Quotation, Security, SecurityType
from reference.models.calendar import Calendar, Holiday
from reference.models.clock import BusinessClock
from reference.models.membership import Login, Membership, UserRole
from reference.models.participant import Participant, ParticipantRole
from reference.models.price import DailyPrice
from reference.models.proposal import Proposal
from reference.models.quote import BASE_CURRENCY, ExchangeRate, Quote
from reference.models.signed_request import SignedRequest
from reference.models.stored_answer import StoredAnswer
from reference.models.version import ReferenceVersion

__all__ = [
    "BASE_CURRENCY",
    "ApiKey",
    "ApiSecret",
    "Asset",
    "AssetKind",
    "BusinessClock",
    "Calendar",
    "Currency",
    "DailyPrice",
    "ExchangeRate",
    "Holiday",
    "IssuerSector",
    "Login",
    "Membership",
    "Participant",
    "ParticipantRole",
    "Proposal",
    "Quotation",
    "Quote",
    "ReferenceVersion",
    "RefreshToken",
    "Security",
    "SecurityType",
    "SignedRequest",
    "StoredAnswer",
    "TokenFamily",
    "UserRole",
]
