"""The cached directory follows the database, and the business clock is data."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from reference.core.calendar import BUSINESS_ZONE
from reference.models import BusinessClock, Holiday
from reference.queries import (
    business_clock,
    calendar_of,
    directory,
    forget_directory,
    settlement_date_of,
)
from reference.refusals import (
    BusinessClockNotSet,
    BusinessTimeGoesBack,
    NaiveTime,
    UnknownCurrency,
    UnknownParticipant,
    UnknownSecurity,
)
from reference.services import advance_business_clock, load_reference, set_business_clock
from tests.factories.reference import CurrencyFactory, ParticipantFactory, SecurityFactory

pytestmark = pytest.mark.django_db

MORNING = datetime(2008, 9, 8, 7, 0, tzinfo=BUSINESS_ZONE)


def test_a_second_look_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    SecurityFactory.create()
    first = directory()
    with django_assert_num_queries(0):
        assert directory() is first
    forget_directory()
    with django_assert_num_queries(1):
        assert directory() is first


def test_raw_sql_changes_are_seen() -> None:
    ParticipantFactory.create(code="ONE")
    before = directory()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE reference_participant SET name = 'Renamed' WHERE code = 'ONE'")
    forget_directory()
    assert directory().participant(code="ONE").name == "Renamed"
    assert before.participant(code="ONE").name != "Renamed"


def test_a_rollback_brings_the_old_directory_back() -> None:
    ParticipantFactory.create(code="ONE")
    before = directory()
    with transaction.atomic():
        ParticipantFactory.create(code="TWO")
        assert "TWO" in directory().participants_by_code
        transaction.set_rollback(True)
    forget_directory()
    assert directory().stamp == before.stamp
    assert "TWO" not in directory().participants_by_code


def test_a_late_holiday_moves_the_settlement_date() -> None:
    security = SecurityFactory.create(settlement_lag_days=2)
    entry = directory().security(isin=security.code)
    assert settlement_date_of(security=entry, trade_date=date(2008, 9, 8)) == date(2008, 9, 10)
    Holiday.objects.create(calendar=security.currency.calendar, date=date(2008, 9, 9), name="Mourning")
    forget_directory()
    entry = directory().security(isin=security.code)
    assert settlement_date_of(security=entry, trade_date=date(2008, 9, 8)) == date(2008, 9, 11)
    assert calendar_of("EUR") is entry.calendar


def test_what_is_unknown_is_refused_with_its_pointer() -> None:
    CurrencyFactory.create()
    with pytest.raises(UnknownSecurity) as no_security:
        directory().security(isin="US0000000000", pointer="/isin")
    assert no_security.value.pointer == "/isin"
    with pytest.raises(UnknownParticipant):
        directory().participant(code="NOBODY")
    with pytest.raises(UnknownCurrency):
        calendar_of("GBP")


def test_an_empty_database_has_an_empty_directory() -> None:
    assert not directory().participants
    assert directory().ccp is None


def test_a_clock_that_was_never_set_is_refused() -> None:
    with pytest.raises(BusinessClockNotSet):
        business_clock()
    with pytest.raises(BusinessClockNotSet):
        advance_business_clock(business_date=MORNING.date(), at=MORNING, ticked_at=MORNING)


def test_the_clock_keeps_what_is_not_said() -> None:
    set_business_clock(business_date=MORNING.date(), at=MORNING, seconds_per_day=90, running=True)
    reading = set_business_clock(business_date=date(2008, 9, 9), at=MORNING + timedelta(days=1))
    assert (reading.seconds_per_day, reading.running) == (90, True)
    assert reading.business_date == date(2008, 9, 9)
    assert reading.at.utcoffset() == timedelta(hours=2)
    assert BusinessClock.objects.count() == 1


def test_the_clock_is_set_back_only_where_it_is_set_anew() -> None:
    set_business_clock(business_date=MORNING.date(), at=MORNING)
    for day, moment in ((MORNING.date(), MORNING - timedelta(seconds=1)), (date(2008, 9, 5), MORNING)):
        with pytest.raises(BusinessTimeGoesBack, match="2008-09-08"):
            set_business_clock(business_date=day, at=moment)
    assert set_business_clock(business_date=MORNING.date(), at=MORNING).at == MORNING
    earlier = MORNING - timedelta(days=3)
    assert set_business_clock(business_date=earlier.date(), at=earlier, anew=True).at == earlier


def test_ticks_never_turn_the_clock_back() -> None:
    wall = datetime(2026, 1, 1, tzinfo=UTC)
    set_business_clock(business_date=MORNING.date(), at=MORNING, ticked_at=wall)
    later = MORNING + timedelta(hours=1)
    advance_business_clock(business_date=MORNING.date(), at=later, ticked_at=wall + timedelta(seconds=2))
    reading = advance_business_clock(business_date=MORNING.date(), at=MORNING, ticked_at=wall)
    assert reading.at == later
    assert reading.ticked_at == wall + timedelta(seconds=2)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(NaiveTime):
        set_business_clock(business_date=MORNING.date(), at=MORNING.replace(tzinfo=None))


def test_a_load_is_seen_at_once() -> None:
    assert not directory().securities
    load_reference()
    assert len(directory().securities) == 50
