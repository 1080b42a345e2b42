"""Let business time run from where it stands."""

from typing import Any

from django.core.management import BaseCommand, CommandParser
from django.utils import timezone

from fmi.clock import start_clock
from reference.queries import business_clock


class Command(BaseCommand):
    """Start the business clock; beat follows it."""

    help = "Let business time run from where it stands; beat and a worker follow it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the pace."""
        parser.add_argument(
            "--day-seconds",
            type=int,
            default=86_400,
            help="wall seconds a business day takes; 86400 is real time",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start it and say where it stands."""
        clock = business_clock()
        start_clock(clock=clock, seconds_per_day=options["day_seconds"], now=timezone.now())
        self.stdout.write(f"Business time runs from {clock.at:%Y-%m-%d %H:%M}; a day takes {options['day_seconds']} s.")
