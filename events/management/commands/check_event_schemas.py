"""Hold every contract against its published JSON Schema."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events.queries.schemas import find_problems, write_schemas


class Command(BaseCommand):
    """Refuse a contract whose readers would fail: `events/schemas/` holds what was promised to them."""

    help = "Check that every event's schema is published and compatible."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to write."""
        parser.add_argument("--write", action="store_true", help="Write new schemas and compatible changes.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write if told to, then judge. Raises CommandError where a schema is missing or broken."""
        if options["write"]:
            for name in write_schemas():
                self.stdout.write(f"Wrote events/schemas/{name}")
        problems = find_problems()
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write("Every event has its schema.")
