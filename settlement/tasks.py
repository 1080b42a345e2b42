"""Wake-up calls: each drains whatever is due, so a lost, doubled or late one changes nothing."""

from celery import shared_task

from reference.queries import business_clock
from settlement.services.business_day import next_step
from settlement.services.cancel_instructions import cancel_aged_instructions
from settlement.services.settle_cycle import settle_cycle


@shared_task(name="settlement.run_cycle")
def run_cycle() -> None:
    """Run a settlement cycle over all that is due."""
    clock = business_clock()
    settle_cycle(name=next_step(business_date=clock.business_date).name, at=clock.at, business_date=clock.business_date)


@shared_task(name="settlement.cancel_aged")
def cancel_aged() -> None:
    """Cancel what has been recycled too long."""
    clock = business_clock()
    cancel_aged_instructions(at=clock.at, business_date=clock.business_date)
