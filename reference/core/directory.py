"""The directory: participants, securities and currencies as plain objects, looked up by their keys.

A door resolves codes into ids here without a query; the dicts are never changed once built.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from reference.refusals import UnknownCurrency, UnknownParticipant, UnknownSecurity


@dataclass(frozen=True, slots=True, eq=False)
class CalendarEntry:
    """A calendar: its code, its numpy calendar and its holidays."""

    id: int
    code: str
    business_days: np.busdaycalendar
    holidays: frozenset[date]


@dataclass(frozen=True, slots=True, eq=False)
class CurrencyEntry:
    """A currency, its calendar and its matching tolerance (CSDR RTS (EU) 2018/1229, Article 6)."""

    id: int
    code: str
    digits: int
    calendar: CalendarEntry
    tolerance_band_minor: int
    tolerance_below_minor: int
    tolerance_above_minor: int


@dataclass(frozen=True, slots=True, eq=False)
class SecurityEntry:
    """A security as trades need it. `percent`: quoted in percent of nominal."""

    id: int
    isin: str
    symbol: str
    name: str
    security_type: str
    quotation: str
    percent: bool
    currency: CurrencyEntry
    settlement_lag_days: int
    lot_size_units: int
    price_digits: int
    active: bool
    liquid: bool
    issuer_sector: str
    sme_growth_market: bool
    maturity_date: date | None

    @property
    def currency_id(self) -> int:
        """Return the id of its currency."""
        return self.currency.id

    @property
    def calendar(self) -> np.busdaycalendar:
        """Return the calendar of its currency."""
        return self.currency.calendar.business_days

    def amount_per_price(self) -> Decimal:
        """Return what one unit costs, in units of the currency, at a price of 1: 1, or 0.01 in percent."""
        return Decimal("0.01") if self.percent else Decimal(1)


@dataclass(frozen=True, slots=True, eq=False)
class ParticipantEntry:
    """A participant. `clearing_member_id`: its own id for a clearing member, None for an infrastructure."""

    id: int
    code: str
    name: str
    lei: str
    bic: str
    role: str
    clearing_member_id: int | None
    active: bool


@dataclass(frozen=True, slots=True, eq=False)
class Directory:
    """All of the reference data that codes resolve to, under one stamp."""

    stamp: str
    participants: Mapping[int, ParticipantEntry]
    participants_by_code: Mapping[str, ParticipantEntry]
    participant_ids: Mapping[str, int]
    securities: Mapping[int, SecurityEntry]
    securities_by_isin: Mapping[str, SecurityEntry]
    securities_by_symbol: Mapping[str, SecurityEntry]
    currencies: Mapping[int, CurrencyEntry]
    currencies_by_code: Mapping[str, CurrencyEntry]
    calendars_by_code: Mapping[str, CalendarEntry]
    ccp: ParticipantEntry | None
    csd: ParticipantEntry | None
    central_bank: ParticipantEntry | None

    def participant(self, *, code: str, pointer: str | None = None) -> ParticipantEntry:
        """Return the participant with this code. Raises UnknownParticipant."""
        found = self.participants_by_code.get(code)
        if found is None:
            raise UnknownParticipant(f"No participant has the code {code[:40]!r}.", pointer=pointer)
        return found

    def security(self, *, isin: str, pointer: str | None = None) -> SecurityEntry:
        """Return the security with this ISIN. Raises UnknownSecurity."""
        found = self.securities_by_isin.get(isin)
        if found is None:
            raise UnknownSecurity(f"No security has the ISIN {isin[:40]!r}.", pointer=pointer)
        return found

    def currency(self, *, code: str, pointer: str | None = None) -> CurrencyEntry:
        """Return the currency with this code. Raises UnknownCurrency."""
        found = self.currencies_by_code.get(code)
        if found is None:
            raise UnknownCurrency(f"No currency has the code {code[:40]!r}.", pointer=pointer)
        return found
