"""Participants, brokers, instruments and currencies as static data: created, read, changed, deactivated."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound

from reference.api.crud import StaticNoun
from reference.api.serializers import ParticipantSerializer, SecuritySerializer
from reference.api.static_data_serializers import (
    BrokerEntrySerializer,
    CurrencyChangeSerializer,
    CurrencyEntrySerializer,
    CurrencySerializer,
    InstrumentChangeSerializer,
    InstrumentEntrySerializer,
    ParticipantChangeSerializer,
    ParticipantEntrySerializer,
)
from reference.api.views import find_participant, find_security
from reference.core.actor import Actor
from reference.filters import CurrencyListFilter, ParticipantListFilter, SecurityListFilter
from reference.models import Calendar, Currency, Participant, Proposal, Security
from reference.models.participant import BROKER_ROLES
from reference.queries import directory
from reference.refusals import CurrencyStays, StaticDataInvalid
from reference.static_changes import StaticKind, change_or_propose
from reference.static_data import open_currency, open_instrument, open_participant
from reference.static_kinds import CURRENCY, INSTRUMENT, PARTICIPANT

M = TypeVar("M", Participant, Security, Currency)
BY_TWO = frozenset({"PATCH", "DELETE"})


class Participants(StaticNoun[Participant]):
    """All who take part."""

    name, plural = "participant", "participants"
    words = "Members, their clients' banks and brokers, and the infrastructures."
    model = Participant
    shape, entry, changes = ParticipantSerializer, ParticipantEntrySerializer, ParticipantChangeSerializer
    filterset = ParticipantListFilter
    proposes, subject_type = BY_TWO, PARTICIPANT.name

    def rows(self, *, actor: Actor) -> QuerySet[Participant]:
        """Return all: everybody knows who takes part."""
        return Participant.objects.all()

    def find(self, *, actor: Actor, key: str) -> Participant:
        """Return the participant of this code or id."""
        return Participant.objects.get(pk=find_participant(key=key).id)

    def open(self, *, actor: Actor, fields: dict[str, Any], when: dict[str, Any]) -> Participant:
        """Let it take part."""
        return open_participant(fields=_with_member(fields), actor=actor, **when)

    def change(
        self, *, actor: Actor, row: Participant, fields: dict[str, Any], when: dict[str, Any]
    ) -> Participant | Proposal:
        """Change its name; return the proposal where more is to change."""
        return _changed(PARTICIPANT, row, _with_member(fields), actor=actor, **when)

    def leave(self, *, actor: Actor, row: Participant, when: dict[str, Any]) -> Participant | Proposal:
        """Propose to deactivate it; an infrastructure, and a member that others clear through, refuses."""
        return _changed(PARTICIPANT, row, {"active": False}, actor=actor, **when)


class Brokers(Participants):
    """Those of them whose clients send orders."""

    name, plural = "broker", "brokers"
    words = "Participants whose clients send orders: clearing members, banks and brokers."
    entry = BrokerEntrySerializer

    def rows(self, *, actor: Actor) -> QuerySet[Participant]:
        """Return those whose role lets them serve clients."""
        return Participant.objects.filter(role__in=BROKER_ROLES)

    def find(self, *, actor: Actor, key: str) -> Participant:
        """Return the broker of this code or id."""
        found = super().find(actor=actor, key=key)
        if found.role not in BROKER_ROLES:
            raise NotFound("There is no such broker.")
        return found


class Instruments(StaticNoun[Security]):
    """What is traded."""

    name, plural = "instrument", "instruments"
    words = "Securities that trade and settle here: shares, bonds, funds."
    model = Security
    shape, entry, changes = SecuritySerializer, InstrumentEntrySerializer, InstrumentChangeSerializer
    filterset = SecurityListFilter
    proposes, subject_type = BY_TWO, INSTRUMENT.name

    def rows(self, *, actor: Actor) -> QuerySet[Security]:
        """Return all."""
        return Security.objects.all()

    def find(self, *, actor: Actor, key: str) -> Security:
        """Return the security of this ISIN or symbol."""
        return Security.objects.get(pk=find_security(code=key).id)

    def open(self, *, actor: Actor, fields: dict[str, Any], when: dict[str, Any]) -> Security:
        """Admit it."""
        named = dict(fields)
        currency = directory().currency(code=named.pop("currency"), pointer="/currency")
        named |= {"code": named.pop("isin"), "currency_id": currency.id}
        return open_instrument(fields=named, actor=actor, **when)

    def change(
        self, *, actor: Actor, row: Security, fields: dict[str, Any], when: dict[str, Any]
    ) -> Security | Proposal:
        """Change its name; return the proposal where more is to change."""
        return _changed(INSTRUMENT, row, fields, actor=actor, **when)

    def leave(self, *, actor: Actor, row: Security, when: dict[str, Any]) -> Security | Proposal:
        """Propose to deactivate it: it is not traded any more, and settles what was."""
        return _changed(INSTRUMENT, row, {"active": False}, actor=actor, **when)


class Currencies(StaticNoun[Currency]):
    """In what is paid."""

    name, plural = "currency", "currencies"
    words = "Currencies, with their payment calendars and the tolerance in which two reports match."
    model = Currency
    shape, entry, changes = CurrencySerializer, CurrencyEntrySerializer, CurrencyChangeSerializer
    filterset = CurrencyListFilter
    proposes, subject_type = frozenset({"PATCH"}), CURRENCY.name
    stays = True

    def rows(self, *, actor: Actor) -> QuerySet[Currency]:
        """Return all."""
        return Currency.objects.all()

    def find(self, *, actor: Actor, key: str) -> Currency:
        """Return the currency of this code."""
        found = directory().currencies_by_code.get(key.upper())
        if found is None:
            raise NotFound("There is no such currency.")
        return Currency.objects.get(pk=found.id)

    def open(self, *, actor: Actor, fields: dict[str, Any], when: dict[str, Any]) -> Currency:
        """Admit it."""
        return open_currency(fields=_with_calendar(fields), actor=actor, **when)

    def change(
        self, *, actor: Actor, row: Currency, fields: dict[str, Any], when: dict[str, Any]
    ) -> Currency | Proposal:
        """Change its name; return the proposal where more is to change."""
        return _changed(CURRENCY, row, _with_calendar(fields), actor=actor, **when)

    def leave(self, *, actor: Actor, row: Currency, when: dict[str, Any]) -> Currency:
        """Refuse: a currency stays."""
        raise CurrencyStays


def _changed(kind: StaticKind, row: M, changes: dict[str, Any], **who: Any) -> M | Proposal:
    """Change a row; return it as it is now, or the proposal that waits for a second person."""
    proposal = change_or_propose(kind=kind, subject_id=row.pk, changes=changes, **who)
    return proposal or type(row).objects.get(pk=row.pk)


def _with_member(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a participant's fields with its clearing member as an id."""
    named = dict(fields)
    if "clearing_member" in named:
        code = named.pop("clearing_member")
        member = directory().participant(code=code, pointer="/clearing_member") if code else None
        named["clearing_member_id"] = None if member is None else member.id
    return named


def _with_calendar(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a currency's fields with its calendar as an id."""
    named = dict(fields)
    if "calendar" in named:
        calendar = Calendar.objects.filter(code=named.pop("calendar")).first()
        if calendar is None:
            raise StaticDataInvalid("There is no such calendar.", pointer="/calendar")
        named["calendar_id"] = calendar.pk
    return named


PARTICIPANTS = Participants()
BROKERS = Brokers()
INSTRUMENTS = Instruments()
CURRENCIES = Currencies()
