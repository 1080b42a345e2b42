"""What the demo's issuers distribute: the coupons of its bonds, the dividends that the real prices imply, and
synthetic distributions of its funds. No split: the demo's prices would not follow it.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal

import numpy as np
from django.db import connection

from reference.core.actor import SYSTEM
from reference.core.calendar import BUSINESS_ZONE, add_business_days, business_days_between, is_business_day
from reference.core.directory import SecurityEntry
from reference.queries import directory
from settlement.core.corporate_actions import CorporateActionKind
from settlement.models import CorporateAction
from settlement.queries.prices import reference_prices
from settlement.services.announce_corporate_action import AnnouncedAction, announce_corporate_action
from settlement.services.business_day import CSD_CALENDAR, next_business_date

ANNOUNCED_DAYS_BEFORE = 5
ANNOUNCED_AT = time(9, 0)
CENT = Decimal("0.01")
PAID_DAYS_AFTER_RECORD = 2
COUPON_RATE = re.compile(r" (\d+(?:\.\d+)?) % ")
# A fund distributes so much of its price once a quarter.
LEAST_PERCENT, MOST_PERCENT = 0.3, 0.9

# Where the close falls from one day to the next and the adjusted close does not, a distribution was taken out of
# it: close x (1 - the change of their ratio). A change of a twentieth or more is a split.
IMPLIED_SQL = """
    SELECT security_id, date, amount FROM (
        SELECT p.security_id, p.date, before.close,
               round(before.close * (1 - before.ratio / (p.adjusted_close / p.close)), 2) AS amount
        FROM reference_dailyprice p
        JOIN LATERAL (
            SELECT b.close, b.adjusted_close / b.close AS ratio FROM reference_dailyprice b
            WHERE b.security_id = p.security_id AND b.date < p.date ORDER BY b.date DESC LIMIT 1
        ) before ON true
        WHERE p.security_id = ANY(%s) AND p.date BETWEEN %s AND %s
    ) implied
    WHERE amount >= close * 0.002 AND amount < close * 0.05
    ORDER BY security_id, date
"""


def announce_distributions(*, seed: int, after: datetime, until: datetime, business_date: date) -> int:
    """Announce what goes ex within the next five business days, once a day; return how many actions are new.

    Done twice, it changes nothing.
    """
    at = datetime.combine(business_date, ANNOUNCED_AT, tzinfo=BUSINESS_ZONE)
    if not after < at <= until:
        return 0
    first, last = (
        next_business_date(after=business_date),
        next_business_date(after=business_date, count=ANNOUNCED_DAYS_BEFORE),
    )
    standing = set(
        CorporateAction.objects.filter(ex_date__gte=first, ex_date__lte=last).values_list("security_id", "ex_date")
    )
    due = [*_coupons(first=first, last=last), *_dividends(seed=seed, first=first, last=last)]
    new = [action for action in due if (action.security.id, action.ex_date) not in standing]
    for action in new:
        announce_corporate_action(announced=action, actor=SYSTEM, at=at, business_date=business_date)
    return len(new)


def _coupons(*, first: date, last: date) -> Iterator[AnnouncedAction]:
    """Return the yearly coupons that go ex between two days; a bond's name tells its rate, a floating one has none."""
    for security in _active(security_type="BOND"):
        told = COUPON_RATE.search(f"{security.name} ")
        if told is None or security.maturity_date is None:
            continue
        due = security.maturity_date
        for year in (first.year, first.year + 1):
            payment = _roll(
                day=due.replace(year=year, day=min(due.day, 28) if due.month == 2 else due.day), of=security
            )
            record = next_business_date(after=payment, count=-1)
            ex = add_business_days(day=record, count=1 - security.settlement_lag_days, calendar=security.calendar)
            if first <= ex <= last and payment <= due:
                yield AnnouncedAction(
                    kind=CorporateActionKind.COUPON, security=security, ex_date=ex, record_date=record,
                    payment_date=payment, rate=Decimal(told[1]),
                )  # fmt: skip


def _dividends(*, seed: int, first: date, last: date) -> Iterator[AnnouncedAction]:
    """Return the dividends of stocks and funds that go ex between two days."""
    amounts = [*_implied(first=first, last=last), *_of_funds(seed=seed, first=first, last=last)]
    for security, ex, amount in amounts:
        # Who bought on the day before the ex date holds it on the record date.
        record = _roll(
            day=add_business_days(day=ex, count=security.settlement_lag_days - 1, calendar=security.calendar),
            of=security,
        )
        payment = _roll(day=next_business_date(after=record, count=PAID_DAYS_AFTER_RECORD), of=security)
        yield AnnouncedAction(
            kind=CorporateActionKind.DIVIDEND, security=security, ex_date=ex, record_date=record,
            payment_date=payment, rate=amount,
        )  # fmt: skip


def _implied(*, first: date, last: date) -> list[tuple[SecurityEntry, date, Decimal]]:
    """Return the dividends that the stocks' prices imply, with their ex dates."""
    with connection.cursor() as cursor:
        cursor.execute(IMPLIED_SQL, [[security.id for security in _active(security_type="EQUITY")], first, last])
        return [(directory().securities[pk], day, amount) for pk, day, amount in cursor.fetchall()]


def _of_funds(*, seed: int, first: date, last: date) -> Iterator[tuple[SecurityEntry, date, Decimal]]:
    """Return the funds' distributions: one a quarter, its day and size drawn."""
    for security in _active(security_type="FUND"):
        for year, quarter in sorted({(day.year, (day.month - 1) // 3) for day in (first, last)}):
            random = np.random.default_rng([seed, security.id, year, quarter])
            start = date(year, 3 * quarter + 1, 1)
            end = date(year + (quarter == 3), 3 * quarter + 4 if quarter < 3 else 1, 1)
            days = business_days_between(first=start, last=end, calendar=security.calendar)[:-1]
            ex = days[int(random.integers(len(days)))]
            percent = Decimal(round(float(random.uniform(LEAST_PERCENT, MOST_PERCENT)), 2)) / 100
            if first <= ex <= last:
                price = reference_prices(security_ids=[security.id], day=first).get(security.id)
                if price is not None:
                    yield security, ex, max(CENT, (price * percent).quantize(CENT))


def _active(*, security_type: str) -> list[SecurityEntry]:
    """Return the active securities of a type, in order."""
    found = [row for row in directory().securities.values() if row.security_type == security_type and row.active]
    return sorted(found, key=lambda row: row.id)


def _roll(*, day: date, of: SecurityEntry) -> date:
    """Return the first day from this one on on which both the depository and the security's currency settle."""
    csd = directory().calendars_by_code[CSD_CALENDAR].business_days
    while True:
        day = add_business_days(day=day, count=0, calendar=csd)
        if is_business_day(day=day, calendar=of.calendar):
            return day
        day = add_business_days(day=day, count=0, calendar=of.calendar)
