"""Read events as a consumer of one's own, and print them."""

import json
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from events.core.envelope import PublishedFact, build_event
from events.services.consume import Handle, consume_events, handler_of
from reference.refusals import Refusal


class Command(BaseCommand):
    """A consumer keeps its place in the database: run again, it goes on where it stopped."""

    help = "Handle events in their order: by a consumer of the product, or printed, one CloudEvents JSON a line."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the consumer's name and what to do."""
        parser.add_argument("--consumer", required=True, help="its name; its place is kept under it")
        parser.add_argument("--print", action="store_true", help="print each event instead of handling it")
        parser.add_argument("--follow", action="store_true", help="go on until interrupted")

    def handle(self, *args: Any, **options: Any) -> None:
        """Handle what there is, or all that comes. Raises CommandError for an unknown consumer."""
        name = options["consumer"]
        if options["print"]:
            if name in settings.EVENT_CONSUMERS:
                raise CommandError(f"{name} is the product's own consumer; print under another name.")
            act: Handle = self.print_event
        else:
            try:
                act = handler_of(consumer=name)
            except Refusal as refusal:
                raise CommandError(refusal.message) from refusal
        try:
            while consume_events(consumer=name, handle=act, now=timezone.now()) or options["follow"]:
                time.sleep(0.2 if options["follow"] else 0)
        except KeyboardInterrupt:
            return

    def print_event(self, fact: PublishedFact) -> None:
        """Write one event."""
        self.stdout.write(json.dumps(build_event(fact=fact, source=settings.EVENT_SOURCE), ensure_ascii=False))
