"""Wake-up calls: each drains whatever is due, so a lost, doubled or late one changes nothing."""

from celery import shared_task

from reference.queries import business_clock
from trades.services import allege_trades, cancel_trades, match_trades


@shared_task(name="trades.match")
def match() -> None:
    """Match what waits."""
    clock = business_clock()
    match_trades.match_trades(at=clock.at, business_date=clock.business_date)


@shared_task(name="trades.allege")
def allege() -> None:
    """Allege what is due."""
    clock = business_clock()
    allege_trades.allege_trades(at=clock.at, business_date=clock.business_date)


@shared_task(name="trades.cancel_aged")
def cancel_aged() -> None:
    """Cancel what has waited too long."""
    clock = business_clock()
    cancel_trades.cancel_aged_trades(at=clock.at, business_date=clock.business_date)
