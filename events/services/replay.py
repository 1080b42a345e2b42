"""Dead letters are handled again because somebody says so."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from events.models import DeadLetter
from events.services.audit import record_action
from events.services.consume import handler_of, replay_letters
from reference.core.actor import Actor
from reference.refusals import Refusal

MOST_AT_ONCE = 1_000


class NothingToReplay(Refusal):
    """None of these is an open dead letter: it was handled meanwhile, or is still being tried."""

    code = "nothing-to-replay"
    status = 409


def replay_dead_letters(
    *, letter_ids: Collection[int], now: datetime, actor: Actor, at: datetime, business_date: date
) -> tuple[int, int]:
    """Handle open dead letters again, at most a thousand at once; return how many succeeded and how many failed.

    Who asked is recorded before anything is done. now: wall time. Raises NothingToReplay, UnknownConsumer.
    """
    letters = DeadLetter.objects.filter(pk__in=letter_ids, dead_at__isnull=False, replayed_at=None)
    found = list(letters.order_by("event_id").values_list("pk", "consumer_id", "event_id")[:MOST_AT_ONCE])
    if not found:
        raise NothingToReplay
    consumers = sorted({consumer for _, consumer, _ in found})
    for consumer in consumers:
        handler_of(consumer=consumer)
    record_action(
        actor=actor,
        action="dead-letter.replayed",
        at=at,
        business_date=business_date,
        summary=f"{len(found)} dead letter{'' if len(found) == 1 else 's'} of {', '.join(consumers)} handled again",
        object_type="dead-letter",
        object_id=found[0][0] if len(found) == 1 else None,
        detail={"letters": [letter for letter, _, _ in found], "events": [event for _, _, event in found]},
    )
    return replay_letters(letter_ids=[letter for letter, _, _ in found], now=now)
