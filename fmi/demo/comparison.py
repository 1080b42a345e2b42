"""The demo's dry run: before each night's first cycle the models of delivery versus payment are compared."""

from dataclasses import replace
from datetime import date, datetime, time

from reference.core.actor import SYSTEM
from reference.core.calendar import BUSINESS_ZONE
from reference.queries import business_clock
from settlement.models import DryRun
from settlement.services.business_day import next_business_date
from settlement.services.compare_models import order_comparison

# After the evening's netting, before the night's cycles.
COMPARES_AT = time(19, 45)


def compare_before_night(*, after: datetime, until: datetime, business_date: date) -> None:
    """Order a comparison on the evening before a business date, once."""
    evening = datetime.combine(next_business_date(after=business_date, count=-1), COMPARES_AT, tzinfo=BUSINESS_ZONE)
    if not after < evening <= until:
        return
    if not DryRun.objects.filter(at=evening).exists() and not DryRun.objects.filter(state="RUNNING").exists():
        order_comparison(actor=SYSTEM, clock=replace(business_clock(), at=evening))
