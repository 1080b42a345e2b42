"""A business day of the CSD is a TARGET day; what waits is recycled from one to the next, over every closing day.

TARGET closes on 1 January, Good Friday, Easter Monday, 1 May, 25 and 26 December. 24 December is open.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest

from fmi import business_day
from fmi.business_day import advance
from reference.models import Calendar, Currency, Holiday
from reference.queries import forget_directory
from settlement.models import Attempt, BusinessDay, Instruction
from settlement.pages.cycles import closed_currencies
from settlement.services.business_day import next_business_date
from settlement.services.cancel_instructions import cancel_aged_instructions
from tests.factories.chain import Chain, at_time
from tests.factories.real_time import enter_day

GOOD_FRIDAY, EASTER_MONDAY, MAY_DAY = date(2009, 4, 10), date(2009, 4, 13), date(2009, 5, 1)


@pytest.fixture
def chain(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> Chain:
    """The market, with 1 May 2009 among the closing days; nothing happens in it but the steps of the day."""
    monkeypatch.setattr(business_day, "SWEEP_EVERY", timedelta(hours=9))
    Holiday.objects.create(calendar=Calendar.objects.get(code="TARGET"), date=MAY_DAY, name="Labour Day")
    forget_directory()
    return chain


def lacking(chain: Chain, *, intended: date, asset: str = "STOCK", currency: str = "EUR", cash: int = 0) -> Instruction:
    """Create an instruction of which ALPHA has nothing to deliver."""
    return Instruction.objects.create(
        public_id=uuid4(), source="DIRECT", reference=uuid4().hex[:20], instructed_by_id=chain.ids["ALPHA"],
        deliverer_account=chain.account("ALPHA"), receiver_account=chain.account("BRAVO"),
        security_id=chain.assets[asset], quantity_units=5, currency_id=chain.assets[currency], cash_minor=cash,
        intended_date=intended, status="PENDING", created_at=chain.at,
    )  # fmt: skip


def days_tried(row: Instruction) -> list[date]:
    """Return the business dates on which cycles tried an instruction in vain."""
    return sorted({attempt.cycle.business_date for attempt in Attempt.objects.filter(instruction=row)})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (date(2009, 4, 9), date(2009, 4, 14)),
        (date(2009, 4, 30), date(2009, 5, 4)),
        (date(2008, 12, 23), date(2008, 12, 24)),
        (date(2008, 12, 24), date(2008, 12, 29)),
        (date(2008, 12, 31), date(2009, 1, 2)),
    ],
    ids=["Easter", "1 May", "24 December is open", "Christmas", "New Year"],
)
def test_the_next_business_date(chain: Chain, before: date, after: date) -> None:
    assert next_business_date(after=before) == after
    assert next_business_date(after=after, count=-1) == before


@pytest.mark.parametrize(
    ("intended", "next_tried"),
    [
        (date(2009, 4, 9), date(2009, 4, 14)),
        (date(2009, 4, 30), date(2009, 5, 4)),
        (date(2008, 12, 24), date(2008, 12, 29)),
    ],
    ids=["Good Friday and Easter Monday", "1 May", "25 and 26 December"],
)
def test_what_fails_before_a_closing_day_is_tried_again_after_it(
    chain: Chain, intended: date, next_tried: date
) -> None:
    """The evening of the business date before opens the next one, however many closing days lie between."""
    enter_day(chain, intended, 15, 59)
    row = lacking(chain, intended=intended)
    advance(until=at_time(intended, 18, 44))
    assert days_tried(row) == [intended]
    advance(until=at_time(intended, 22, 30))
    assert days_tried(row) == [intended, next_tried]
    opened = BusinessDay.objects.order_by("-business_date").first()
    assert opened is not None
    assert (opened.business_date, opened.opened_at) == (next_tried, at_time(intended, 18, 45))


def test_recycling_ends_on_the_sixtieth_business_day_counted_over_easter(chain: Chain) -> None:
    """After Friday 30 January 2009: 20 in February, 22 in March, 18 in April without 10 and 13: Tuesday the 28th."""
    chain.move_to(date(2009, 1, 30))
    row = lacking(chain, intended=date(2009, 1, 30))
    for day, cancelled in ((date(2009, 4, 24), 0), (date(2009, 4, 27), 0), (date(2009, 4, 28), 1)):
        assert cancel_aged_instructions(at=at_time(day, 18), business_date=day) == cancelled, day
    row.refresh_from_db()
    assert row.status == "CANCELLED"


def test_a_currency_whose_own_calendar_is_closed_waits_while_the_others_settle(chain: Chain) -> None:
    """Columbus Day, Monday 13 October 2008: no dollars move; euros do, and dollars' securities free of payment."""
    columbus = date(2008, 10, 13)
    fed = Calendar.objects.create(code="FEDWIRE", name="Fedwire", financial_code="USNY")
    Holiday.objects.create(calendar=fed, date=columbus, name="Columbus Day")
    Currency.objects.filter(code="USD").update(calendar=fed)
    forget_directory()
    enter_day(chain, columbus, 15, 59)
    for asset in ("STOCK", "DOLLAR"):
        chain.give("ALPHA", asset, 10)
    for currency in ("EUR", "USD"):
        chain.give("BRAVO", currency, 1_000)
    dollars = lacking(chain, intended=columbus, asset="DOLLAR", currency="USD", cash=100)
    free = lacking(chain, intended=columbus, asset="DOLLAR", currency="USD")
    euros = lacking(chain, intended=columbus, cash=100)
    advance(until=at_time(columbus, 18, 40))
    assert closed_currencies(business_date=columbus) == ["USD"]
    for row in (dollars, free, euros):
        row.refresh_from_db()
    assert (dollars.status, dollars.reason) == ("PENDING", "CYCL")
    assert (free.status, euros.status) == ("SETTLED", "SETTLED")
    advance(until=at_time(columbus, 20, 45))
    dollars.refresh_from_db()
    assert dollars.status == "SETTLED"
    settled_in = dollars.cycle
    assert settled_in is not None
    assert (settled_in.business_date, closed_currencies(business_date=settled_in.business_date)) == (
        date(2008, 10, 14),
        [],
    )
