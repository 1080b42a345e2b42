"""Let business time run from where it stands, or follow the wall clock."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from fmi.clock import ClockTooFarOff, follow_wall, start_clock
from reference.queries import business_clock


class Command(BaseCommand):
    """Start the business clock; beat follows it."""

    help = "Let business time run from where it stands, or follow the wall clock; beat and a worker follow it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the pace."""
        pace = parser.add_mutually_exclusive_group()
        pace.add_argument(
            "--day-seconds",
            type=int,
            default=86_400,
            help="wall seconds a business day takes; 86400 is real time",
        )
        pace.add_argument(
            "--wall", action="store_true", help="follow the wall clock, in Central European time, and catch up with it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start it and say where it stands."""
        clock, now = business_clock(), timezone.now()
        if options["wall"]:
            try:
                clock = follow_wall(clock=clock, now=now)
            except ClockTooFarOff as refusal:
                raise CommandError(refusal.message) from refusal
            self.stdout.write(f"Business time follows the wall clock, from {clock.at:%Y-%m-%d %H:%M} on.")
            return
        start_clock(clock=clock, seconds_per_day=options["day_seconds"], now=now)
        self.stdout.write(f"Business time runs from {clock.at:%Y-%m-%d %H:%M}; a day takes {options['day_seconds']} s.")
