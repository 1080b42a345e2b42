"""Hold every contract against its published JSON Schema."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events.queries.schemas import committed_schemas, find_problems, find_rewrites, write_schemas


class Command(BaseCommand):
    """Refuse a contract whose readers would fail: `events/schemas/` holds what was promised to them.

    A promise that was rewritten together with its contract is found against the repository, where there is one.
    """

    help = "Check that every event's schema is published and compatible."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to write, and what was published before."""
        parser.add_argument("--write", action="store_true", help="Write new schemas and compatible changes.")
        parser.add_argument("--since", default="HEAD", help="The repository's revision that keeps what was promised.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write if told to, then judge. Raises CommandError where a schema is missing or broken."""
        if options["write"]:
            for name in write_schemas():
                self.stdout.write(f"Wrote events/schemas/{name}")
        try:
            committed = committed_schemas(revision=options["since"])
        except ValueError as problem:
            raise CommandError(str(problem)) from problem
        problems = [*find_problems(), *find_rewrites(committed=committed or {})]
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write("Every event has its schema.")
        if committed is None:
            self.stdout.write("There is no repository: a promise that was rewritten would not be found.")
