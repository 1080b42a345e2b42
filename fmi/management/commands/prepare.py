"""Bring a database to this version."""

from __future__ import annotations

from io import StringIO
from typing import Any

from django.core.management import BaseCommand, CommandParser, call_command

from fmi.app_role import grant_app_role
from settlement.services.load_schedule import load_schedule
from trades.services.compliance.load_compliance import load_compliance
from trades.services.venues.load_venues import load_venues


class Command(BaseCommand):
    """Migrate, load the reference data, and bring the day's schedule up to date. Safe to repeat."""

    help = "Migrate, load the reference data, bring the day's schedule up to date; safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--demo-users",
            action="store_true",
            help="also create the logins operator, supervisor, auditor and one for each participant: one's own machine",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the steps in order; the first that fails ends the command."""
        quiet = {"verbosity": 0}
        self._say("Migrating the database")
        call_command("migrate", interactive=False, **quiet)
        self._say("Loading the reference data")
        call_command("load_reference", demo_users=options["demo_users"], stdout=StringIO(), **quiet)
        load_schedule()
        load_venues()
        load_compliance()
        role = grant_app_role()
        if role is not None:
            self._say(f"The product's own role is {role}")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
