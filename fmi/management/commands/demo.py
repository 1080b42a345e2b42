"""`make demo`: twenty business days from September 2008, headless, with a report."""

from typing import Any

from django.core.management import BaseCommand, CommandParser, call_command

from fmi.management.commands.play_days import FIRST_DATE
from settlement.models import BusinessDay


class Command(BaseCommand):
    """Prepare the database, play, report; exit 0 only if every invariant holds."""

    help = "Prepare the database and play 20 business days; exit 0 only if every invariant holds."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the number of days and the seed."""
        parser.add_argument("--days", type=int, default=20)
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare and play."""
        call_command("migrate", verbosity=0)
        call_command("load_reference", verbosity=0)
        first = {} if BusinessDay.objects.exists() else {"first_date": FIRST_DATE}
        call_command("play_days", days=options["days"], seed=options["seed"], **first)
