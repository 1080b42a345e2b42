"""Wake-up calls: each drains whatever is due, so a lost, doubled or late one changes nothing."""

from celery import shared_task
from django.conf import settings

from reference.queries import business_clock
from trades.services import allege_trades, cancel_trades, match_trades
from trades.services.compliance.enrich import enrich_orders, enrich_trades
from trades.services.orders.record_fills import record_fills
from trades.services.orders.route_orders import route_orders
from trades.services.positions.close_day import close_day
from trades.services.positions.watch_limits import watch_limits
from trades.services.venues.end_sessions import end_sessions


@shared_task(name="trades.end_sessions")
def end_venue_sessions() -> None:
    """Close the venues' books whose hours are over."""
    clock = business_clock()
    end_sessions(at=clock.at, business_date=clock.business_date)


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


@shared_task(name="trades.enrich")
def enrich() -> None:
    """Enrich trades and hold them against the compliance rules."""
    clock = business_clock()
    enrich_trades(at=clock.at, business_date=clock.business_date)


@shared_task(name="trades.enrich_orders")
def enrich_placed_orders() -> None:
    """Enrich orders."""
    clock = business_clock()
    enrich_orders(at=clock.at, business_date=clock.business_date)


@shared_task(name="trades.close_positions")
def close_positions() -> None:
    """Work out every position at the close of the business date."""
    clock = business_clock()
    close_day(at=clock.at, business_date=clock.business_date)
    watch_limits(at=clock.at, business_date=clock.business_date)


@shared_task(name="trades.watch_positions")
def watch_positions() -> None:
    """Alert the positions that are above their limits."""
    clock = business_clock()
    watch_limits(at=clock.at, business_date=clock.business_date)


@shared_task(name="trades.route")
def route() -> None:
    """Bring orders to the venues, and back what became of them."""
    clock = business_clock()
    route_orders(at=clock.at, business_date=clock.business_date, seed=settings.VENUE_SEED)


@shared_task(name="trades.record_fills")
def record_executions() -> None:
    """Record what the venues have executed."""
    clock = business_clock()
    record_fills(at=clock.at, business_date=clock.business_date)
