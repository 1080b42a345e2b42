"""Check everything that must hold at any moment."""

import json
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from fmi.invariants import check_invariants


class Command(BaseCommand):
    """One line an invariant; exit 1 when one fails."""

    help = "Check every invariant over all data: one line each, exit 1 when one fails."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --json."""
        parser.add_argument("--json", action="store_true", help="print JSON instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings."""
        findings = check_invariants()
        if options["json"]:
            self.stdout.write(json.dumps([finding._asdict() for finding in findings]))
        else:
            for finding in findings:
                verdict = "holds" if not finding.violations else f"FAILS {finding.violations} times"
                self.stdout.write(f"{verdict:<18} {finding.name}")
                for example in finding.examples:
                    self.stdout.write(f"{'':<18}   {example}")
        broken = sum(1 for finding in findings if finding.violations)
        if broken:
            raise CommandError(f"{broken} of {len(findings)} invariants do not hold")
