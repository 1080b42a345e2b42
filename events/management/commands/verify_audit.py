"""Verify the audit log, or one record's proof."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser

from events.core.proof import find_proof_fault
from events.services.verify import trusted_keys, verify_and_keep


class Command(BaseCommand):
    """Name the first bad range and exit 1, or say how much is as it was sealed."""

    help = "Hold the audit log against its seals and the heads outside; exit 1 at the first bad range."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the heads, where to begin, whom to trust, and a proof in place of the log."""
        parser.add_argument("--heads", type=Path, help="the file of heads kept outside; AUDIT_HEADS by default")
        parser.add_argument("--from", dest="first", type=int, default=1, help="the number of the first seal to verify")
        parser.add_argument(
            "--public-key", action="append", default=[], metavar="BASE64",
            help="trust only these keys; the machine's own and AUDIT_PUBLIC_KEYS by default",
        )  # fmt: skip
        parser.add_argument("--proof", type=Path, help="verify one record's proof instead; needs no database")

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify."""
        try:
            keys = trusted_keys(texts=options["public_key"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        if options["proof"]:
            proof = json.loads(options["proof"].read_text())
            fault = find_proof_fault(proof=proof, keys=keys)
            if fault:
                raise CommandError(f"The proof does not hold: {fault}.")
            self.stdout.write(
                f"The proof holds: position {proof['position']}, seal {proof['seal']['number']}, {proof['record']}"
            )
            return
        found = verify_and_keep(
            keys=keys, heads=options["heads"] or settings.AUDIT_HEADS, first=max(1, options["first"])
        )
        if found.fault:
            raise CommandError(f"The audit log is not as it was sealed: {found.fault}.")
        rate = round(found.records / max(float(found.seconds), 0.001))
        self.stdout.write(
            f"The audit log is as it was sealed: {found.records:,} records in {found.batches:,} seals,"
            f" {found.seconds} s ({rate:,} records a second)."
        )
