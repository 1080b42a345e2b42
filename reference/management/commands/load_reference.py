"""Load the reference data and, when asked, the demo's logins."""

import secrets
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from reference.services import create_demo_users, load_reference

# No secret: it is set only under DEBUG, and the demo prints it.
DEMO_PASSWORD = "demo"  # noqa: S105


class Command(BaseCommand):
    """Load calendars, currencies, participants, securities and prices; a second run changes nothing."""

    help = "Load calendars, currencies, participants, securities and prices; a second run changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --demo-users."""
        parser.add_argument(
            "--demo-users",
            action="store_true",
            help="also create the logins operator, supervisor, auditor and one for each participant",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, and say what came."""
        for name, rows in asdict(load_reference()).items():
            self.stdout.write(f"{name:<12} {rows:>6} new")
        if options["demo_users"]:
            self.create_users()

    def create_users(self) -> None:
        """Create the logins: password `demo` under DEBUG, else a random one, printed this once."""
        password = settings.DEMO_PASSWORD or (DEMO_PASSWORD if settings.DEBUG else secrets.token_urlsafe(12))
        created = create_demo_users(password=password, now=timezone.now())
        self.stdout.write(f"{'users':<12} {len(created):>6} new")
        if created:
            self.stdout.write(f"login {', '.join(created)} with password {password}")
