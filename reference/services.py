"""Writes of reference data: the loader, the business clock, the demo's logins."""

from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from reference import files
from reference.audit import record_action
from reference.bulk import Scaled, copy_arrays
from reference.core.actor import SYSTEM
from reference.core.calendar import BUSINESS_ZONE
from reference.loading_sql import (
    ASSET_SQL,
    CALENDAR_SQL,
    CURRENCY_SQL,
    HOLIDAY_SQL,
    PARTICIPANT_SQL,
    PRICE_SQL,
    RATE_SQL,
    SECURITY_SQL,
    STAGES,
)  # fmt: skip
from reference.models import BusinessClock, Membership, Participant, UserRole
from reference.queries import ClockReading, business_clock, forget_directory
from reference.refusals import BusinessClockNotSet, BusinessTimeGoesBack, NaiveTime

FIRST_BUSINESS_TIME = datetime(2008, 9, 8, 7, 0, tzinfo=BUSINESS_ZONE)
OPERATOR_LOGIN = "operator"
SUPERVISOR_LOGIN = "supervisor"
AUDITOR_LOGIN = "auditor"

LOADED_TABLES = tuple(
    f"reference_{noun}"
    for noun in ("calendar", "holiday", "asset", "currency", "participant", "security", "dailyprice", "exchangerate")
)


@dataclass(frozen=True, slots=True)
class ReferenceLoaded:
    """How many rows a load added; all zero the second time."""

    calendars: int
    holidays: int
    currencies: int
    participants: int
    securities: int
    prices: int
    exchange_rates: int


def load_reference() -> ReferenceLoaded:
    """Load the product's reference data: calendars, currencies, participants, securities, prices, rates.

    Idempotent: adds what is missing, changes nothing that stands. Sets the business clock where it
    was never set. Raises ReferenceFileInvalid when a file holds a wrong identifier.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('reference.load_reference'))")
        calendars = _merge(cursor, "calendar", files.CALENDARS, CALENDAR_SQL)
        holidays = _merge(cursor, "holiday", files.read_holidays(), HOLIDAY_SQL)
        loaded = ReferenceLoaded(
            calendars=calendars,
            holidays=holidays,
            currencies=_load_currencies(cursor),
            participants=_load_participants(cursor),
            securities=_load_securities(cursor),
            prices=_load_prices(cursor),
            exchange_rates=_merge(cursor, "rate", files.read_exchange_rates(), RATE_SQL),
        )
        if any(astuple(loaded)):
            # Tables of fewer than fifty rows are never analysed by themselves, and big joins start here.
            cursor.execute(f"ANALYZE {', '.join(LOADED_TABLES)}")
        clock, _ = BusinessClock.objects.get_or_create(
            pk=1, defaults={"business_date": FIRST_BUSINESS_TIME.date(), "at": FIRST_BUSINESS_TIME}
        )
        if any(astuple(loaded)):
            record_action(
                actor=SYSTEM, action="reference.load", at=clock.at, business_date=clock.business_date,
                object_type="reference", object_id=0, summary="Reference data loaded", detail=asdict(loaded),
            )  # fmt: skip
    forget_directory()
    return loaded


def _stage(cursor: CursorWrapper, stage: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """COPY the rows into a temporary table; `line` keeps their order."""
    table = sql.Identifier(f"staged_{stage}")
    columns = [sql.Identifier(column.split()[0]) for column in STAGES[stage].split(",")]
    cursor.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(table))
    cursor.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ({}, line bigint GENERATED ALWAYS AS IDENTITY) ON COMMIT DROP").format(
            table, sql.SQL(STAGES[stage])
        )
    )
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, sql.SQL(", ").join(columns))
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _merge(cursor: CursorWrapper, stage: str, rows: Iterable[tuple[Any, ...]], statement: str) -> int:
    """Stage the rows and insert the missing ones; returns how many."""
    _stage(cursor, stage, rows)
    cursor.execute(statement)
    return int(cursor.rowcount)


def _load_currencies(cursor: CursorWrapper) -> int:
    """Insert the missing currencies."""
    _stage(cursor, "currency", files.CURRENCIES)
    cursor.execute(ASSET_SQL.format(staged="staged_currency"), ["CASH", 2])
    cursor.execute(CURRENCY_SQL)
    return int(cursor.rowcount)


def _load_participants(cursor: CursorWrapper) -> int:
    """Insert the missing participants: those who clear for themselves first, then their clients."""
    _stage(cursor, "participant", (astuple(row) for row in files.read_participants()))
    added: int = 0
    for is_client in (False, True):
        cursor.execute(PARTICIPANT_SQL, [is_client])
        added += int(cursor.rowcount)
    return added


def _load_securities(cursor: CursorWrapper) -> int:
    """Insert the missing securities."""
    rows = (asdict(row) for row in files.read_securities())
    order = ("isin", *(column.split()[0] for column in STAGES["security"].split(",")[1:]))
    _stage(cursor, "security", (tuple(row[column] for column in order) for row in rows))
    cursor.execute(ASSET_SQL.format(staged="staged_security"), ["SECURITY", 0])
    cursor.execute(SECURITY_SQL)
    return int(cursor.rowcount)


def _load_prices(cursor: CursorWrapper) -> int:
    """Insert the missing daily prices: the real ones of the stocks, the synthetic ones of bonds and funds."""
    _stage(cursor, "price", files.read_stock_prices())
    for prices in files.make_synthetic_prices():
        history = prices.history
        columns = {
            name: Scaled(values, prices.price_digits)
            for name, values in (
                ("open", history.open),
                ("high", history.high),
                ("low", history.low),
                ("close", history.close),
                ("adjusted_close", history.close),
            )
        }
        symbols = np.full(len(prices.days), prices.symbol.encode("ascii"))
        copy_arrays(
            cursor,
            table="staged_price",
            columns={"symbol": symbols, "date": prices.days, "volume": history.volume, **columns},
        )
    cursor.execute(PRICE_SQL)
    return int(cursor.rowcount)


def set_business_clock(
    *,
    business_date: date,
    at: datetime,
    ticked_at: datetime | None = None,
    seconds_per_day: int | None = None,
    running: bool | None = None,
    anew: bool = False,
) -> ClockReading:
    """Set the business clock to a date and time that are not behind it; None leaves a field as it is.

    at: aware business time. ticked_at: aware wall time. anew: back as well, before the first business day is opened.
    Raises NaiveTime, BusinessTimeGoesBack.
    """
    if at.tzinfo is None or (ticked_at is not None and ticked_at.tzinfo is None):
        raise NaiveTime
    given = {"ticked_at": ticked_at, "seconds_per_day": seconds_per_day, "running": running}
    written = {
        "business_date": business_date, "at": at,
        **{name: value for name, value in given.items() if value is not None},
    }  # fmt: skip
    with transaction.atomic():
        before = BusinessClock.objects.select_for_update().filter(pk=1).values(*written).first() or {}
        if before and not anew and (business_date < before["business_date"] or at < before["at"]):
            raise BusinessTimeGoesBack(f"It is {before['at'].astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M} already.")
        BusinessClock.objects.update_or_create(pk=1, defaults=written)
        record_action(
            actor=SYSTEM, action="clock.set", at=at, business_date=business_date, object_type="clock", object_id=1,
            summary=f"Business time is set to {at:%Y-%m-%d %H:%M}",
            detail={name: {"before": before.get(name), "after": value} for name, value in written.items()},
        )  # fmt: skip
    return business_clock()


def advance_business_clock(*, business_date: date, at: datetime, ticked_at: datetime) -> ClockReading:
    """Move the business clock forward; a date or time behind it changes nothing.

    Two processes that tick at once therefore cannot turn it back. Raises NaiveTime and
    BusinessClockNotSet.
    """
    if at.tzinfo is None or ticked_at.tzinfo is None:
        raise NaiveTime
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reference_businessclock SET business_date = greatest(business_date, %s),"
            " at = greatest(at, %s), ticked_at = greatest(ticked_at, %s) WHERE id = 1",
            [business_date, at, ticked_at],
        )
        if cursor.rowcount == 0:
            raise BusinessClockNotSet
    return business_clock()


def set_clock_running(*, running: bool, ticked_at: datetime | None = None) -> ClockReading:
    """Stop or start the business clock without touching its time; ticked_at: wall time, None leaves it as it is.

    Raises BusinessClockNotSet.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reference_businessclock SET running = %s, ticked_at = coalesce(%s, ticked_at) WHERE id = 1",
            [running, ticked_at],
        )
        if cursor.rowcount == 0:
            raise BusinessClockNotSet
    return business_clock()


def create_demo_users(*, password: str, now: datetime) -> list[str]:
    """Create the missing demo logins and return their names.

    `operator` (who also enters the admin), `supervisor` (a second operator, so that what takes two persons can be
    approved), `auditor`, and one for each participant, named by its code in lower case. One password, hashed once:
    twenty slow hashes would say nothing more.
    now: wall time, for the record; no business clock need stand yet.
    """
    wanted: dict[str, tuple[UserRole, int | None]] = {
        OPERATOR_LOGIN: (UserRole.OPERATOR, None),
        SUPERVISOR_LOGIN: (UserRole.OPERATOR, None),
        AUDITOR_LOGIN: (UserRole.AUDITOR, None),
    }
    for participant_id, code in Participant.objects.order_by("id").values_list("id", "code"):
        wanted[code.lower()] = (UserRole.PARTICIPANT, participant_id)
    users = get_user_model()
    with transaction.atomic():
        standing = set(users.objects.filter(username__in=wanted).values_list("username", flat=True))
        missing = {name: role for name, role in wanted.items() if name not in standing}
        hashed = make_password(password) if missing else ""
        admin = {"is_staff": True, "is_superuser": True}
        created = users.objects.bulk_create(
            users(username=name, password=hashed, **(admin if name == OPERATOR_LOGIN else {})) for name in missing
        )
        Membership.objects.bulk_create(
            Membership(user=user, role=missing[user.username][0], participant_id=missing[user.username][1])
            for user in created
        )
        if missing:
            record_action(
                actor=SYSTEM, action="user.add", at=now, business_date=now.date(), object_type="user", object_id=0,
                summary=f"{len(missing)} logins of the demo made", detail={"names": sorted(missing)},
            )  # fmt: skip
    return list(missing)


def change_clearing_member(*, participant_id: int, member_id: int) -> None:
    """Let a participant clear through another member from now on; the database refuses one that is no member."""
    Participant.objects.filter(pk=participant_id, clearing_member__isnull=False).update(clearing_member_id=member_id)
    forget_directory()
