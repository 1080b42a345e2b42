"""What of participants, instruments and currencies takes two persons: all but their names."""

from __future__ import annotations

from collections.abc import Collection

from reference.models import Calendar, Currency, Participant, Security
from reference.queries import directory
from reference.refusals import UnknownCurrency, UnknownParticipant, UnknownSecurity
from reference.static_changes import StaticKind, proposal_kind_of
from reference.static_data import change_currency, change_instrument, change_participant


def _members(keys: Collection[int]) -> dict[int, str]:
    return {key: entry.code for key, entry in directory().participants.items() if key in keys}


def _calendars(keys: Collection[int]) -> dict[int, str]:
    return dict(Calendar.objects.filter(pk__in=keys).values_list("pk", "code"))


PARTICIPANT = StaticKind(
    name="participant", plural="participants", model=Participant, unknown=UnknownParticipant,
    by_two=("lei", "bic", "clearing_member_id", "active"),
    write=lambda key, changes, when: change_participant(participant_id=key, changes=changes, **when),
    spoken={"clearing_member_id": "Clearing member"}, named={"clearing_member_id": _members},
)  # fmt: skip
INSTRUMENT = StaticKind(
    name="instrument", plural="instruments", model=Security, unknown=UnknownSecurity,
    by_two=("symbol", "issuer_sector", "settlement_lag_days", "lot_size_units", "price_digits", "sme_growth_market",
            "maturity_date", "liquid", "active"),
    write=lambda key, changes, when: change_instrument(security_id=key, changes=changes, **when),
)  # fmt: skip
CURRENCY = StaticKind(
    name="currency", plural="currencies", model=Currency, unknown=UnknownCurrency,
    by_two=("calendar_id", "tolerance_band_minor", "tolerance_below_minor", "tolerance_above_minor"),
    write=lambda key, changes, when: change_currency(currency_id=key, changes=changes, **when),
    spoken={"calendar_id": "Calendar"}, named={"calendar_id": _calendars},
)  # fmt: skip

PARTICIPANT_CHANGES = proposal_kind_of(PARTICIPANT)
INSTRUMENT_CHANGES = proposal_kind_of(INSTRUMENT)
CURRENCY_CHANGES = proposal_kind_of(CURRENCY)
