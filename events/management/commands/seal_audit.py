"""Seal what waits of the audit log, now."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from events.queries.seals import read_seals
from events.services.seal import HeadsDisagree, restart_heads, seal_records
from events.services.verify import signing_key


class Command(BaseCommand):
    """Seal, or begin a new file of heads after a restore."""

    help = "Seal what waits of the audit log; --restart-heads first writes all heads to a new file."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --restart-heads."""
        parser.add_argument(
            "--restart-heads", action="store_true",
            help="AUDIT_HEADS names a new file, because the database was restored or the old file is lost",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal and say how much."""
        if options["restart_heads"]:
            try:
                count = restart_heads(heads=settings.AUDIT_HEADS, seals=read_seals())
            except HeadsDisagree as error:
                raise CommandError(str(error)) from error
            self.stdout.write(f"{settings.AUDIT_HEADS} begins with the {count:,} heads of this database.")
        sealed = seal_records(key=signing_key(), heads=settings.AUDIT_HEADS, now=timezone.now())
        if sealed.fault:
            raise CommandError(f"Nothing is sealed: {sealed.fault}.")
        self.stdout.write(f"{sealed.records:,} records sealed in {sealed.batches:,} seals.")
