"""What beat runs: deliver facts and follow the business clock every second, sweep every half minute."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from fmi.business_day import advance, carry_out, day_lock, deliver_and_wake, sweep
from fmi.clock import count_anew, target_time
from fmi.demo.feed import demo_feed
from reference.queries import business_clock
from reference.refusals import BusinessClockNotSet
from settlement.queries.day import open_order


@shared_task(name="fmi.deliver", expires=5)
def deliver() -> None:
    """Wake the workers for the facts that wait."""
    deliver_and_wake()


@shared_task(name="fmi.sweep", expires=30)
def sweep_up() -> None:
    """Do whatever a lost message left undone."""
    sweep()


@shared_task(name="fmi.follow_clock", expires=5)
def follow_clock() -> None:
    """Carry out an order to move the day, or bring business time to where the clock says it is.

    Nothing is done while another process moves it.
    """
    with day_lock() as had:
        if not had:
            return
        try:
            clock = business_clock()
        except BusinessClockNotSet:
            return
        feed = demo_feed(seed=settings.DEMO_SEED) if settings.DEMO_SEED is not None else None
        order = open_order()
        if order is not None:
            carry_out(order=order, feed=feed)
        elif clock.running:
            now = timezone.now()
            advance(until=target_time(clock=count_anew(clock=clock, now=now), now=now), feed=feed)
