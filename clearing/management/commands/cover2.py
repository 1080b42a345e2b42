"""Cover-2 of a file of stress losses, without the database."""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from clearing.core.stress import CoverTwo
from clearing.files.portfolio import Losses
from clearing.files.risk import cover_two_file
from reference.refusals import Refusal

CONVENTIONS = """\
Find the two groups whose losses beyond margin are the largest together, without the database.

The two largest losses are added up IN EACH scenario, then the worst scenario is taken (EMIR Article 43(2)); a
gain, below zero, counts as no loss; what the file does not name is zero. Besides, the least that the default
fund must cover alone: max over scenarios of max(largest, second + third largest) (Article 42(3))."""


class Command(BaseCommand):
    """Run Cover-2 on anyone's losses."""

    help = CONVENTIONS
    # Nothing of what Django checks takes part.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the file."""
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument(
            "--losses", type=Path, required=True, metavar="FILE.csv",
            help="columns scenario, group, loss (beyond margin); a line for each pair; also .csv.gz",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compute and print."""
        try:
            losses, worst = cover_two_file(path=options["losses"])
        except Refusal as refusal:
            raise CommandError(f"{refusal.message} ({refusal.code})") from refusal
        report = build_report(losses=losses, worst=worst)
        self.stdout.write(json.dumps(report) if options["json"] else describe(report))


def build_report(*, losses: Losses, worst: CoverTwo) -> dict[str, Any]:
    """Return what is printed, with amounts in the currency of the losses, not rounded."""
    return {
        "scenarios": len(losses.scenarios),
        "groups": len(losses.groups),
        "cover_2": worst.amount,
        "scenario": losses.scenarios[worst.scenario],
        "two_largest": [
            {"group": losses.groups[group], "loss": float(losses.losses[worst.scenario, group])}
            for group in worst.groups
        ],
        "cover_1": worst.largest,
        "default_fund_least": worst.default_fund_least,
    }


def describe(report: dict[str, Any]) -> str:
    """Return the report as lines to read."""
    two = " + ".join(f"{each['group']} {each['loss']:,.2f}" for each in report["two_largest"]) or "nobody loses"
    return "\n".join(
        [
            f"Cover-2 over {report['scenarios']:,} scenarios and {report['groups']:,} groups:"
            f" {report['cover_2']:,.2f}, in scenario {report['scenario']} ({two}).",
            f"The largest alone: {report['cover_1']:,.2f}. Least of the default fund, max(largest, second + third):"
            f" {report['default_fund_least']:,.2f}.",
        ]
    )
