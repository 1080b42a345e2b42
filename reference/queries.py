"""Reads of reference data: the business clock, and the directory cached in the process."""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db.models import QuerySet

from reference.core.actor import Actor
from reference.core.calendar import BUSINESS_ZONE, add_business_days, build_calendar
from reference.core.directory import (
    CalendarEntry,
    CurrencyEntry,
    Directory,
    ParticipantEntry,
    SecurityEntry,
)
from reference.core.proposal_lifecycle import ProposalStatus
from reference.models import (
    Calendar,
    Currency,
    Holiday,
    Participant,
    ParticipantRole,
    Proposal,
    Quotation,
    ReferenceVersion,
    Security,
)
from reference.prepared import fetch_prepared
from reference.refusals import BusinessClockNotSet, UnknownProposal

EMPTY_STAMP = "empty"
# Read by every request and task, so without the ORM: a fifth of its cost.
CLOCK_SQL = "SELECT business_date, at, ticked_at, seconds_per_day, running FROM reference_businessclock WHERE id = 1"


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What the business clock says. `at` is aware, in CET; `ticked_at` is wall time."""

    business_date: date
    at: datetime
    ticked_at: datetime | None
    seconds_per_day: int
    running: bool


def business_clock() -> ClockReading:
    """Read the business clock. Raises BusinessClockNotSet."""
    row = fetch_prepared(statement=CLOCK_SQL, parameters={})
    if row is None:
        raise BusinessClockNotSet
    business_date, at, ticked_at, seconds_per_day, running = row
    return ClockReading(
        business_date=business_date,
        at=at.astimezone(BUSINESS_ZONE),
        ticked_at=ticked_at,
        seconds_per_day=seconds_per_day,
        running=running,
    )


def business_moment(*, now: datetime) -> tuple[datetime, date]:
    """Return business time and date for the audit log; where no clock is set yet, those of `now`, the wall's."""
    try:
        clock = business_clock()
    except BusinessClockNotSet:
        return now, now.date()
    return clock.at, clock.business_date


@dataclass(slots=True)
class _Cached:
    """The process's directory and when its stamp was last compared."""

    directory: Directory | None = None
    checked_at: float = float("-inf")


_cached = _Cached()
_lock = threading.Lock()


def directory() -> Directory:
    """Return the directory, at most FMI_REFERENCE_CHECK_SECONDS (1 unless set) behind the database.

    One SELECT of the stamp a second and process; the tables are read again only where it differs.
    Inside a transaction that changed reference data and read the directory, the change is seen; a
    rollback brings the old stamp back and with it the old directory.
    """
    now = time.monotonic()
    found = _cached.directory
    if found is not None and now - _cached.checked_at < getattr(settings, "FMI_REFERENCE_CHECK_SECONDS", 1.0):
        return found
    with _lock:
        stamp = _stamp()
        found = _cached.directory
        if found is None or found.stamp != stamp:
            found = _read_directory(stamp=stamp)
            _cached.directory = found
        _cached.checked_at = now
    return found


def forget_directory() -> None:
    """Make the next directory() compare the stamp; whoever changes reference data here calls it."""
    _cached.checked_at = float("-inf")


def calendar_of(currency: str) -> np.busdaycalendar:
    """Return the calendar of the currency with this code. Raises UnknownCurrency."""
    return directory().currency(code=currency).calendar.business_days


def settlement_date_of(*, security: SecurityEntry, trade_date: date) -> date:
    """Return the security's usual settlement date: its lag in business days of its currency's calendar."""
    return add_business_days(day=trade_date, count=security.settlement_lag_days, calendar=security.calendar)


def _stamp() -> str:
    """Read the stamp that the triggers keep."""
    row = ReferenceVersion.objects.filter(pk=1).values_list("stamp", flat=True).first()
    return EMPTY_STAMP if row is None else str(row)


def _read_directory(*, stamp: str) -> Directory:
    """Read all tables: five queries, whatever the number of rows.

    What refers is read before what it refers to, so that a change committed in between leaves no
    reference without its row; the stamp, read first of all, then differs and brings the change.
    """
    security_rows = list(Security.objects.order_by("pk"))
    participants = {row.pk: _participant_entry(row) for row in Participant.objects.order_by("pk")}
    currency_rows = list(Currency.objects.order_by("pk"))
    calendars = _read_calendars(wanted={row.calendar_id for row in currency_rows})
    currencies = {row.pk: _currency_entry(row, calendars) for row in currency_rows}
    securities = {row.pk: _security_entry(row, currencies) for row in security_rows}
    by_role = {entry.role: entry for entry in participants.values()}
    return Directory(
        stamp=stamp,
        participants=participants,
        participants_by_code={entry.code: entry for entry in participants.values()},
        participant_ids={entry.code: entry.id for entry in participants.values()},
        securities=securities,
        securities_by_isin={entry.isin: entry for entry in securities.values()},
        securities_by_symbol={entry.symbol: entry for entry in securities.values()},
        currencies=currencies,
        currencies_by_code={entry.code: entry for entry in currencies.values()},
        calendars_by_code={entry.code: entry for entry in calendars.values()},
        ccp=by_role.get(ParticipantRole.CCP),
        csd=by_role.get(ParticipantRole.CSD),
        central_bank=by_role.get(ParticipantRole.CENTRAL_BANK),
    )


def _read_calendars(*, wanted: set[int]) -> dict[int, CalendarEntry]:
    """Read the calendars that currencies use, with their holidays, by id."""
    days: defaultdict[int, list[date]] = defaultdict(list)
    rows = Holiday.objects.filter(calendar_id__in=wanted).values_list("calendar_id", "date")
    for calendar_id, day in rows.order_by("calendar_id", "date"):
        days[calendar_id].append(day)
    return {
        row.pk: CalendarEntry(
            id=row.pk,
            code=row.code,
            business_days=build_calendar(holidays=days[row.pk]),
            holidays=frozenset(days[row.pk]),
        )
        for row in Calendar.objects.filter(pk__in=wanted).order_by("pk")
    }


def _currency_entry(row: Currency, calendars: dict[int, CalendarEntry]) -> CurrencyEntry:
    """Turn a row into an entry."""
    return CurrencyEntry(
        id=row.pk,
        code=row.code,
        digits=row.digits,
        calendar=calendars[row.calendar_id],
        tolerance_band_minor=row.tolerance_band_minor,
        tolerance_below_minor=row.tolerance_below_minor,
        tolerance_above_minor=row.tolerance_above_minor,
    )


def _security_entry(row: Security, currencies: dict[int, CurrencyEntry]) -> SecurityEntry:
    """Turn a row into an entry."""
    return SecurityEntry(
        id=row.pk,
        isin=row.code,
        symbol=row.symbol,
        name=row.name,
        security_type=row.security_type,
        quotation=row.quotation,
        percent=row.quotation == Quotation.PERCENT,
        currency=currencies[row.currency_id],
        settlement_lag_days=row.settlement_lag_days,
        lot_size_units=row.lot_size_units,
        price_digits=row.price_digits,
        active=row.active,
        liquid=row.liquid,
        issuer_sector=row.issuer_sector,
        sme_growth_market=row.sme_growth_market,
        maturity_date=row.maturity_date,
    )


def _participant_entry(row: Participant) -> ParticipantEntry:
    """Turn a row into an entry; a clearing member clears through itself."""
    own = row.pk if row.role == ParticipantRole.CLEARING_MEMBER else None
    return ParticipantEntry(
        id=row.pk,
        code=row.code,
        name=row.name,
        lei=row.lei,
        bic=row.bic,
        role=row.role,
        clearing_member_id=own if own is not None else row.clearing_member_id,
        active=row.active,
    )


def proposals_visible_to(*, actor: Actor) -> QuerySet[Proposal]:
    """Return the proposals an actor sees: those that concern its participant, or all."""
    if actor.participant_id is None:
        return Proposal.objects.all()
    return Proposal.objects.filter(participant_id=actor.participant_id)


def proposals_waiting_for(*, actor: Actor) -> QuerySet[Proposal]:
    """Return the proposals that this actor can decide: another person's, not yet decided. None for who only reads."""
    if actor.sees_all and not actor.is_operator:
        return Proposal.objects.none()
    return proposals_visible_to(actor=actor).filter(status=ProposalStatus.PROPOSED).exclude(proposed_by=actor.name)


def get_proposal(*, actor: Actor, public_id: UUID) -> Proposal:
    """Return one proposal. Raises UnknownProposal where there is none this actor may see."""
    found = proposals_visible_to(actor=actor).filter(public_id=public_id).first()
    if found is None:
        raise UnknownProposal
    return found
