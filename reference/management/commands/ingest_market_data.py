"""Take in a CSV file of quotes, daily prices or exchange rates."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reference.market_ingest import ingest_market_data, read_csv
from reference.market_lines import LINE_KINDS
from reference.queries import business_clock
from reference.refusals import Refusal

MOST_SHOWN = 20


class Command(BaseCommand):
    """Take in a CSV file of quotes, daily prices or exchange rates; a second run changes nothing."""

    help = "Take in a CSV file of quotes, daily prices or exchange rates; a second run changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the kind, the file and the source."""
        parser.add_argument("kind", choices=sorted(LINE_KINDS))
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", default="FILE", help="who gave the data, at most 16 characters")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the file in, and tell what came of it; fails where a line was refused."""
        try:
            text = options["file"].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['file']}: {error}") from error
        try:
            outcome = ingest_market_data(
                kind=options["kind"], lines=read_csv(text), source=options["source"], at=business_clock().at
            )
        except Refusal as refusal:
            raise CommandError(f"{refusal.code}: {refusal.message}") from refusal
        self.stdout.write(f"{outcome.accepted} new, {outcome.repeated} as they stood, {len(outcome.refused)} refused")
        for number, why in outcome.refused[:MOST_SHOWN]:
            self.stderr.write(f"line {number}: {why.code}: {why.message}")
        if outcome.refused:
            raise CommandError(f"{len(outcome.refused)} lines were refused.")
