"""A trade report: as it comes in, as it is resolved, and what it is resolved against. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated, NamedTuple

import msgspec

from reference.core.limits import LARGEST_AMOUNT

PRICE_DIGITS = 6
PRICE_SCALE = 10**PRICE_DIGITS

Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=35, pattern=r"\A[A-Za-z0-9][A-Za-z0-9 ./_:+-]*\Z")]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=12)]
Quantity = Annotated[int, msgspec.Meta(gt=0, le=LARGEST_AMOUNT)]


class TradeReport(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """The fields of a report. Codes, not ids; amounts as decimal strings; dates ISO 8601."""

    trade_id: Reference
    buyer: Code
    seller: Code
    security: Annotated[str, msgspec.Meta(min_length=1, max_length=24, description="ISIN or symbol")]
    quantity: Quantity
    price: Decimal
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3)]
    trade_date: date
    settlement_date: date | None = None
    amount: Decimal | None = None
    reporter: Code | None = None
    account: Annotated[str, msgspec.Meta(max_length=20)] = "HOUSE"
    counterparty_account: Annotated[str, msgspec.Meta(max_length=20)] = "HOUSE"
    cleared: bool = True
    transaction_type: Annotated[str, msgspec.Meta(max_length=4, pattern=r"\A[A-Z]*\Z")] = ""
    trading_venue: Annotated[str, msgspec.Meta(max_length=4, pattern=r"\A[A-Z0-9]*\Z")] = ""


class Problem(NamedTuple):
    """Why a report is refused: a stable code, the field, and a sentence."""

    code: str
    pointer: str
    message: str


class SecurityTerms(NamedTuple):
    """What capture must know of a security."""

    id: int
    currency: str
    currency_id: int
    settlement_lag_days: int
    lot_size_units: int
    amount_divisor: int
    active: bool


class ResolvedReport(NamedTuple):
    """A report in ids and minor units, in the order of the columns it is written to."""

    trade_id: str
    reporter_id: int
    side: str
    buyer_id: int
    seller_id: int
    buyer_account_id: int | None
    seller_account_id: int | None
    security_id: int
    currency_id: int
    quantity_units: int
    price: Decimal
    amount_minor: int
    trade_date: date
    settlement_date: date
    cleared: bool
    transaction_type: str
    trading_venue: str


class Parties(NamedTuple):
    """Who reports, for which side, and the accounts the report speaks for."""

    reporter_id: int
    side: str
    buyer_id: int
    seller_id: int
    buyer_account_id: int | None
    seller_account_id: int | None


@dataclass(frozen=True)
class CaptureContext:
    """All that a report is resolved against.

    reporter_id: the participant that speaks; None for an operator or a venue, which report both sides
        as `venue_id`.
    names_reporter: whether the speaker may name in a report whose one side it is: an operator may.
    accounts: (participant id, account name) -> securities account id.
    amount_divisor in SecurityTerms: price (in millionths) times quantity, divided by it, is minor units.
    settles: (currency code, date) -> whether payments in the currency settle that day.
    settlement_day: (currency code, trade date, lag) -> the settlement date of the market's rule.
    known_parties, known_terms: what was right in earlier reports, since a file repeats it in every line.
    """

    reporter_id: int | None
    venue_id: int
    participants: Mapping[str, int]
    inactive: frozenset[int]
    infrastructures: frozenset[int]
    securities: Mapping[str, SecurityTerms]
    currencies: Mapping[str, int]
    digits: Mapping[str, int]
    accounts: Mapping[tuple[int, str], int]
    settles: Callable[[str, date], bool]
    settlement_day: Callable[[str, date, int], date]
    business_date: date
    names_reporter: bool = True
    known_parties: dict[tuple[str | None, ...], Parties] = field(init=False, default_factory=dict)
    known_terms: dict[tuple[str, str, date, date | None], tuple[SecurityTerms, date]] = field(
        init=False, default_factory=dict
    )
