"""Recycling ends 60 business days after the later of intended date and entry, for what was entered directly."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from events.models import AuditRecord
from reference.core.calendar import BUSINESS_ZONE
from settlement.services.cancel_instructions import cancel_aged_instructions
from tests.db.settlement.test_settle_cycle import enter, standing
from tests.factories.chain import Chain

# Sixty TARGET business days after Wednesday 10 September 2008: 14 in September, 23 in October, 20 in
# November, 3 in December.
LAST_DAY = date(2008, 12, 3)


def cancel_on(day: date) -> int:
    at = datetime(day.year, day.month, day.day, 18, tzinfo=BUSINESS_ZONE)
    return cancel_aged_instructions(at=at, business_date=day)


@pytest.mark.django_db
def test_what_was_entered_directly_is_cancelled_after_sixty_business_days(chain: Chain) -> None:
    waiting = enter(chain, "OLD", "ALPHA", "BRAVO", 10, 0, intended=date(2008, 9, 10))
    later = enter(chain, "LATER", "ALPHA", "BRAVO", 10, 0, intended=date(2008, 9, 11))
    assert cancel_on(date(2008, 12, 2)) == 0
    assert cancel_on(LAST_DAY) == 1
    assert standing(waiting)[0] == "CANCELLED"
    assert standing(later)[0] == "PENDING"
    assert cancel_on(LAST_DAY) == 0
    record = AuditRecord.objects.get(action="instruction.cancelled")
    assert (record.object_id, record.role) == (waiting.pk, "OPERATOR")


@pytest.mark.django_db
def test_an_old_intended_date_counts_from_the_entry(chain: Chain) -> None:
    enter(chain, "BACKDATED", "ALPHA", "BRAVO", 10, 0, intended=date(2008, 6, 10))
    assert cancel_on(date(2008, 9, 12)) == 0
