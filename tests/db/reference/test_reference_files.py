"""What stands after a load: valid identifiers, the right holidays, the real prices, whole histories."""

from datetime import date
from decimal import Decimal

import pytest
from django.db.models import Count, F, Q

from reference.core.calendar import business_days_between
from reference.core.identifiers import check_bic, check_isin, check_lei
from reference.models import (
    DailyPrice,
    Holiday,
    Participant,
    ParticipantRole,
    Security,
)
from reference.queries import directory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loaded_once")]


def test_every_identifier_is_valid() -> None:
    for isin in Security.objects.values_list("code", flat=True):
        check_isin(value=isin)
    for lei, bic in Participant.objects.values_list("lei", "bic"):
        check_lei(value=lei)
        check_bic(value=bic)


def test_target_and_us_holidays_of_2008() -> None:
    expected = {
        "TARGET": [(1, 1), (3, 21), (3, 24), (5, 1), (12, 25), (12, 26)],
        "US": [(1, 1), (1, 21), (2, 18), (3, 21), (5, 26), (7, 4), (9, 1), (11, 27), (12, 25)],
    }
    for code, days in expected.items():
        found = Holiday.objects.filter(calendar__code=code, date__year=2008).order_by("date")
        assert [(row.date.month, row.date.day) for row in found] == days
    assert Holiday.objects.filter(date__year=1999).exists()
    assert Holiday.objects.filter(date__year=2030).exists()


def test_the_real_prices_stand_exactly_as_in_the_file() -> None:
    day = DailyPrice.objects.get(security__symbol="AAPL", date=date(2000, 3, 1))
    assert (day.open, day.high, day.low, day.close) == tuple(
        Decimal(value) for value in ("118.56", "132.06", "118.5", "130.31")
    )
    assert (day.volume, day.adjusted_close) == (9_616_100, Decimal("4.186662803811"))
    equities = DailyPrice.objects.filter(security__security_type="EQUITY")
    assert equities.count() == 3 * 3270 + 2148 + 196


def test_real_prices_lie_on_exactly_the_business_days_of_the_us_calendar() -> None:
    traded = DailyPrice.objects.filter(security__symbol="IBM").values_list("date", flat=True)
    first, last = date(2000, 3, 1), date(2013, 3, 1)
    calendar = directory().calendars_by_code["US"].business_days
    assert sorted(traded) == business_days_between(first=first, last=last, calendar=calendar)


def test_bonds_and_funds_have_a_price_on_every_business_day_of_autumn_2008() -> None:
    counts = (
        DailyPrice.objects.filter(security__security_type__in=["BOND", "FUND"])
        .values_list("security__currency__code", "security_id")
        .annotate(days=Count("id"))
    )
    assert {(currency, days) for currency, _, days in counts} == {("EUR", 107), ("USD", 106)}
    assert len(counts) == 45
    assert not DailyPrice.objects.filter(Q(low__gt=F("open")) | Q(high__lt=F("close"))).exists()


def test_the_directory_knows_all_of_it() -> None:
    found = directory()
    security = found.security(isin="US0378331005")
    assert security is found.securities_by_symbol["AAPL"] is found.securities[security.id]
    assert (security.settlement_lag_days, security.currency.code, security.percent) == (3, "USD", False)
    broker = found.participant(code="LARKBRK")
    assert broker.clearing_member_id == found.participant(code="CASTELLO").id
    assert found.participant(code="CASTELLO").clearing_member_id == found.participant(code="CASTELLO").id
    assert found.ccp is not None
    assert (found.ccp.role, found.ccp.clearing_member_id) == (ParticipantRole.CCP, None)
