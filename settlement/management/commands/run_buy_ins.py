"""manage.py run_buy_ins: list the fails that may be bought in, or buy them in."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from reference.core.actor import SYSTEM
from reference.queries import business_clock
from settlement.services.run_buy_ins import find_buy_ins, run_buy_ins


class Command(BaseCommand):
    """List the fails that have lasted 4 business days (liquid shares) or 7; with --run, buy them in."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --run."""
        parser.add_argument("--run", action="store_true", help="Buy them in; without it they are only listed.")

    def handle(self, *args: Any, **options: Any) -> None:
        """List, or run."""
        clock = business_clock()
        due = find_buy_ins(business_date=clock.business_date)
        self.stdout.write(f"{len(due)} fail{'' if len(due) == 1 else 's'} can be bought in on {clock.business_date}")
        for row in due:
            self.stdout.write(
                f"  {row.instruction.pk} {row.instruction.reference}: due since {row.due_date}, "
                f"compensation {row.compensation_minor} minor"
            )
        if options["run"]:
            made = run_buy_ins(business_date=clock.business_date, at=clock.at, actor=SYSTEM)
            self.stdout.write(f"{len(made)} bought in")
