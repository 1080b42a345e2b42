"""Wake-up calls: each drains whatever is due, so a lost, doubled or late one changes nothing."""

from contextlib import suppress

from celery import shared_task
from django.conf import settings

from clearing.live.refusals import LiveStateUnavailable
from clearing.services import discharge_obligations, instruct_settlement, net_obligations, novate_trades, pay_calls
from clearing.services.allocate_blocks import apply_allocations
from clearing.services.carry_obligations import roll_failed_obligations
from clearing.services.follow_orders import CLEARING_STATUSES, SETTLING_STATUSES, follow_orders
from clearing.services.fund_positions import fund_positions
from clearing.services.run_evening import run_evening, watch_prices
from clearing.services.watch_derivatives import watch_derivatives
from reference.queries import business_clock


@shared_task(name="clearing.novate")
def novate() -> None:
    """Novate what is matched."""
    clock = business_clock()
    novate_trades.novate_trades(at=clock.at, business_date=clock.business_date)


@shared_task(name="clearing.allocate")
def allocate() -> None:
    """Apply the allocations that have waited for their trades."""
    clock = business_clock()
    apply_allocations(at=clock.at, business_date=clock.business_date)


@shared_task(name="clearing.allocate_closing")
def allocate_closing() -> None:
    """Apply allocations at the close, when orders that still work are done for their date."""
    clock = business_clock()
    apply_allocations(at=clock.at, business_date=clock.business_date, closing=True)


@shared_task(name="clearing.net")
def net() -> None:
    """Net what settles by the business date; where netting is continuous, with what failed before."""
    clock = business_clock()
    if settings.CONTINUOUS_NETTING:
        roll_failed_obligations(at=clock.at, business_date=clock.business_date)
    net_obligations.net_obligations(at=clock.at, business_date=clock.business_date)


@shared_task(name="clearing.instruct")
def instruct() -> None:
    """Instruct settlement for every obligation that has no instruction."""
    clock = business_clock()
    instruct_settlement.instruct_settlement(at=clock.at)


@shared_task(name="clearing.discharge")
def discharge() -> None:
    """Discharge what has settled."""
    clock = business_clock()
    discharge_obligations.discharge_obligations(at=clock.at)


@shared_task(name="clearing.follow_orders")
def follow_executed_orders() -> None:
    """Move executed orders to where their trades stand in clearing."""
    follow_orders(at=business_clock().at, statuses=CLEARING_STATUSES)


@shared_task(name="clearing.follow_settling")
def follow_settling_orders() -> None:
    """Move cleared orders to where their trades stand in settlement."""
    follow_orders(at=business_clock().at, statuses=SETTLING_STATUSES)


@shared_task(name="clearing.collect")
def collect() -> None:
    """Debit what members are called for and is due, and mark what stays unpaid overdue."""
    clock = business_clock()
    pay_calls.pay_calls(at=clock.at, business_date=clock.business_date)


@shared_task(name="clearing.evening")
def evening() -> None:
    """Mark to market, margin, calls, backtest, stress and fund of the business date, once."""
    clock = business_clock()
    run_evening(at=clock.at, business_date=clock.business_date)


@shared_task(name="clearing.intraday")
def intraday() -> None:
    """Run margin during the day if prices have moved beyond the trigger."""
    clock = business_clock()
    watch_prices(at=clock.at, business_date=clock.business_date)


@shared_task(name="clearing.liquidate")
def liquidate() -> None:
    """Write what the live store has decided, compare the two, and liquidate who stands below maintenance."""
    clock = business_clock()
    with suppress(LiveStateUnavailable):
        watch_derivatives(at=clock.at, business_date=clock.business_date)


@shared_task(name="clearing.fund_positions")
def fund() -> None:
    """Pay the funding that is due, and settle the futures that expire."""
    clock = business_clock()
    with suppress(LiveStateUnavailable):
        fund_positions(at=clock.at, business_date=clock.business_date)
