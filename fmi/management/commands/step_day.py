"""Step the business day by hand, while its clock stands."""

import time
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser

from fmi.business_day import carry_out, day_lock
from fmi.demo.feed import demo_feed
from reference.core.actor import SYSTEM
from reference.queries import business_clock
from reference.refusals import Refusal
from settlement.models import DayOrder
from settlement.services.order_steps import END_OF_DAY, NEXT, order_steps


class Command(BaseCommand):
    """Order the steps and do them here, or wait for the worker that does."""

    help = "Step the business day by hand, while its clock stands."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how far to go."""
        to = parser.add_mutually_exclusive_group()
        to.add_argument("--to", metavar="STEP_CODE", help="up to and with this step of the schedule")
        to.add_argument("--next", action="store_true", help="the next step (this is also done without an option)")
        to.add_argument("--end-of-day", action="store_true", help="all the steps that are left of the day")

    def handle(self, *args: Any, **options: Any) -> None:
        """Step, and name each step that is done."""
        to = END_OF_DAY if options["end_of_day"] else options["to"] or NEXT
        try:
            order = order_steps(to=to, actor=SYSTEM, clock=business_clock())
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        self._carry_out(order)
        clock = business_clock()
        self.stdout.write(f"Business time is {clock.at:%Y-%m-%d %H:%M}, the business date {clock.business_date}.")

    def _carry_out(self, order: DayOrder) -> None:
        """Carry the order out unless a worker does, and then wait for that."""
        feed = demo_feed(seed=settings.DEMO_SEED) if settings.DEMO_SEED is not None else None
        while order.ended_at is None:
            with day_lock() as had:
                order.refresh_from_db()
                if had and order.ended_at is None:
                    carry_out(order=order, feed=feed, note=self.stdout.write)
                    order.refresh_from_db()
            if order.ended_at is None:
                time.sleep(0.2)
        if order.problem:
            raise CommandError(order.problem)
