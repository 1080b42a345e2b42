"""What a report is resolved against, cached in the process with the reference directory."""

from dataclasses import dataclass, field
from datetime import date

from ledger.models import Account, AccountKind
from reference.core.actor import Actor
from reference.core.calendar import add_business_days, check_covered, is_business_day
from reference.core.directory import Directory
from reference.models.participant import INFRASTRUCTURE_ROLES, ParticipantRole
from reference.queries import directory
from trades.core.report import PRICE_SCALE, CaptureContext, SecurityTerms


@dataclass(frozen=True, eq=False)
class _Lookups:
    """The directory's entries in the shape capture wants, made once for each version of it."""

    source: Directory
    securities: dict[str, SecurityTerms]
    currencies: dict[str, int]
    digits: dict[str, int]
    inactive: frozenset[int]
    infrastructures: frozenset[int]
    venue_id: int | None
    accounts: dict[tuple[int, str], int]
    settles_on: dict[tuple[str, date], bool] = field(default_factory=dict)
    settlement_days: dict[tuple[str, date, int], date] = field(default_factory=dict)

    def settles(self, currency: str, day: date) -> bool:
        """Tell whether payments in the currency settle that day. Raises DateOutsideCalendar."""
        known = self.settles_on.get((currency, day))
        if known is None:
            calendar = self.source.currencies_by_code[currency].calendar.business_days
            known = is_business_day(day=check_covered(day=day, pointer="/settlement_date"), calendar=calendar)
            self.settles_on[currency, day] = known
        return known

    def settlement_day(self, currency: str, trade_date: date, lag: int) -> date:
        """Return the settlement date of the market's rule. Raises DateOutsideCalendar."""
        known = self.settlement_days.get((currency, trade_date, lag))
        if known is None:
            calendar = self.source.currencies_by_code[currency].calendar.business_days
            day = check_covered(day=trade_date, pointer="/trade_date")
            known = self.settlement_days[currency, trade_date, lag] = add_business_days(
                day=day, count=lag, calendar=calendar
            )
        return known


_lookups: list[_Lookups] = []


def capture_context(*, actor: Actor, business_date: date) -> CaptureContext:
    """Return what reports by this actor on this business date are resolved against."""
    source = directory()
    if not _lookups or _lookups[0].source is not source:
        _lookups[:] = [_read_lookups(source)]
    lookups = _lookups[0]
    if lookups.venue_id is None:
        raise RuntimeError("there is no trading venue among the participants: load the reference data first")
    speaker = source.participants[actor.participant_id] if actor.participant_id is not None else None
    is_venue = speaker is not None and speaker.role == ParticipantRole.VENUE
    return CaptureContext(
        reporter_id=None if is_venue else actor.participant_id,
        venue_id=actor.participant_id if is_venue and actor.participant_id else lookups.venue_id,
        names_reporter=actor.participant_id is None,
        participants=source.participant_ids,
        inactive=lookups.inactive,
        infrastructures=lookups.infrastructures,
        securities=lookups.securities,
        currencies=lookups.currencies,
        digits=lookups.digits,
        accounts=lookups.accounts,
        settles=lookups.settles,
        settlement_day=lookups.settlement_day,
        business_date=business_date,
    )


def _read_lookups(source: Directory) -> _Lookups:
    """Put the directory's securities under ISIN and symbol, with the divisor that makes minor units.

    The accounts are read with them: opening one changes the directory's stamp.
    """
    accounts = Account.objects.filter(kind=AccountKind.SECURITIES).values_list("participant_id", "name", "pk")
    securities: dict[str, SecurityTerms] = {}
    for entry in source.securities.values():
        percent = 100 if entry.percent else 1
        terms = SecurityTerms(
            id=entry.id,
            currency=entry.currency.code,
            currency_id=entry.currency.id,
            settlement_lag_days=entry.settlement_lag_days,
            lot_size_units=entry.lot_size_units,
            amount_divisor=PRICE_SCALE * percent // 10**entry.currency.digits,
            active=entry.active,
        )
        securities[entry.isin] = securities[entry.symbol] = terms
    return _Lookups(
        source=source,
        securities=securities,
        currencies={entry.code: entry.id for entry in source.currencies.values()},
        digits={entry.code: entry.digits for entry in source.currencies.values()},
        inactive=frozenset(entry.id for entry in source.participants.values() if not entry.active),
        infrastructures=frozenset(
            entry.id for entry in source.participants.values() if entry.role in INFRASTRUCTURE_ROLES
        ),
        # An operator's locked-in report without a venue's own is that of the oldest.
        venue_id=min(
            (entry.id for entry in source.participants.values() if entry.role == ParticipantRole.VENUE), default=None
        ),
        accounts={(owner, name): pk for owner, name, pk in accounts},
    )
