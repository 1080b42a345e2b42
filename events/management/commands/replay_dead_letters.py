"""Let consumers handle their dead letters again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from events.models import DeadLetter
from events.services.replay import replay_dead_letters
from reference.core.actor import SYSTEM
from reference.queries import business_clock
from reference.refusals import Refusal


class Command(BaseCommand):
    """The same as the button of /events/dead-letters/."""

    help = "Handle dead letters again: all of a consumer, or those named."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take which."""
        parser.add_argument("letters", nargs="*", type=int, help="numbers of dead letters; without any, all open ones")
        parser.add_argument("--consumer", help="only those of this consumer")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay, and say how it went. Raises CommandError where one failed again."""
        letters = DeadLetter.objects.filter(dead_at__isnull=False, replayed_at=None).order_by("event_id")
        if options["letters"]:
            letters = letters.filter(pk__in=options["letters"])
        if options["consumer"]:
            letters = letters.filter(consumer_id=options["consumer"])
        clock = business_clock()
        try:
            handled, failed = replay_dead_letters(
                letter_ids=list(letters.values_list("pk", flat=True)),
                now=timezone.now(),
                actor=SYSTEM,
                at=clock.at,
                business_date=clock.business_date,
            )
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{handled} handled.")
        if failed:
            raise CommandError(f"{failed} failed again; /events/dead-letters/ says why.")
