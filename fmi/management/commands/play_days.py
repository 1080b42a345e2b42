"""Play business days of the demo's market on real prices."""

import json
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from events.services.seal import seal_records
from events.services.verify import signing_key
from fmi.demo.play import SCENARIOS, play_days, prepare_books, steps_in_a_day
from fmi.demo.summary import print_report
from fmi.invariants import check_invariants
from fmi.reports import run_report
from reference.refusals import Refusal
from settlement.models import BusinessDay

FIRST_DATE = date(2008, 9, 8)
DAYS = 20
# From FIRST_DATE until two business days after the scenario's default.
SCENARIO_DAYS = 27


class Command(BaseCommand):
    """Play, with a progress bar, and end with a report; exit 1 when an invariant fails."""

    help = "Play business days of the demo's market on real prices, and report in figures."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the first date, the number of days, the seed and the form of the report."""
        parser.add_argument("--from", dest="first_date", type=date.fromisoformat, help="first business date")
        parser.add_argument("--days", type=int, help="20; with a scenario, as many as it takes")
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument(
            "--scenario", choices=list(SCENARIOS), default="", help="default: a member defaults on 2008-10-10"
        )
        parser.add_argument("--json", action="store_true", help="print only the report, as JSON")
        parser.add_argument(
            "--resume", action="store_true", help="play only the days that are missing to --days in all"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Play and report."""
        scenario = options["scenario"]
        days = options["days"] or (SCENARIO_DAYS if scenario else DAYS)
        try:
            if options["first_date"] is not None or not BusinessDay.objects.exists():
                prepare_books(first_date=options["first_date"] or FIRST_DATE)
            if options["resume"]:
                days = max(0, days - BusinessDay.objects.exclude(closed_at=None).count())
            if days > 0:
                self._play(days=days, seed=options["seed"], scenario=scenario, quiet=options["json"])
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        sealed = seal_records(key=signing_key(), heads=settings.AUDIT_HEADS, now=timezone.now())
        if sealed.fault:
            raise CommandError(f"The audit log is not sealed: {sealed.fault}.")
        findings = check_invariants()
        report = run_report(findings=findings)
        if options["json"]:
            self.stdout.write(json.dumps(report, indent=2))
        else:
            print_report(report=report)
        if any(report["invariants"].values()):
            raise CommandError("an invariant does not hold")

    @staticmethod
    def _play(*, days: int, seed: int, scenario: str, quiet: bool) -> None:
        """Play with one bar that moves with every step of every day."""
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[step]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
            bar = progress.add_task("Business days", total=days * steps_in_a_day(), step="")

            def note(day: date, step: str) -> None:
                progress.update(bar, advance=1, step=f"{day} {step}")

            play_days(days=days, seed=seed, scenario=scenario, note=note)
