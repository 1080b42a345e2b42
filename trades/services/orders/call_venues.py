"""Call the venues for slices that wait: draw whether a call gets through, ask, and write what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import connection

from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.retry import Breaker, let_through, plan_waits, record_failure, record_success
from trades.core.slice_lifecycle import SliceStatus
from trades.core.venue_messages import RequestKind, VenueAnswer, VenueRequest
from trades.core.venue_model import Response, draw_response
from trades.queries.routing_state import (
    BREAKER_RULES,
    RETRY_RULES,
    RoutedVenue,
    moment_of_ms,
    read_breakers,
    read_venues,
)
from trades.services.orders.note_answers import SliceNote, note_answer, write_breakers, write_notes
from trades.services.orders.record_fills import record_fills
from trades.services.venues.answer_requests import answer_requests

MOST_CALLS: Final = 2_000
AHEAD: Final = timedelta(minutes=1)
"""Waits are simulated: what is due this soon is done now, with the time it would have."""

# Those due first are called first; the moment of a call is the slice's due_at.
WAITING_SQL = """
    SELECT s.id, s.order_id, s.venue_id, o.security_id, o.side, s.quantity_units,
           coalesce(o.limit_price, o.protection_price), o.order_type = 'MARKET', o.time_in_force, o.broker_id,
           o.expires_on, s.attempts, greatest(s.due_at, %(at)s) AS due_at, s.created_at,
           concat_ws(' ', c.code, o.client_order_id,
                     (SELECT count(*) FROM trades_orderslice e WHERE e.order_id = s.order_id AND e.id < s.id))
    FROM trades_orderslice s JOIN trades_order o ON o.id = s.order_id JOIN trades_client c ON c.id = o.client_id
    WHERE s.status = 'WAITING' AND s.due_at <= %(until)s
    ORDER BY s.due_at, s.id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class WaitingSlice:
    """A slice that is to be sent, with what a venue must know of its order. limit: a market order's protection.

    name: whose, and the how manieth of its order; unlike the id, the same each time the same market is played.
    """

    id: int
    order_id: int
    venue_id: int
    security_id: int
    side: str
    quantity_units: int
    limit: Decimal | None
    takes_only: bool
    time_in_force: str
    owner: int
    expires_on: date | None
    attempts: int
    due_at: datetime
    created_at: datetime
    name: str

    def count_ms(self, *, response: Response) -> int:
        """Return the milliseconds from the first call until this one is answered or has failed."""
        return round((self.due_at - self.created_at) / timedelta(milliseconds=1)) + response.latency_ms

    @property
    def due_ms(self) -> int:
        """The moment of the call, in milliseconds since 1970."""
        return round(self.due_at.timestamp() * 1000)


class CallRound(NamedTuple):
    """How many slices were worked on, and of how many something is to be called or routed again."""

    made: int
    unsettled: int


@dataclass(frozen=True, slots=True)
class _Calls:
    """A round of calls: who is called and how it goes, who is given up, who may not be called at all."""

    made: list[tuple[WaitingSlice, Response]]
    refused: list[WaitingSlice]
    breakers: dict[int, Breaker]


def call_venues(*, at: datetime, business_date: date, seed: int) -> CallRound:
    """Make one attempt for each slice that waits. Holding the routing lock. seed: of how the venues answer.

    A call that fails may have reached the venue or not: nobody knows, and it is made again after a wait, under the
    same id, which the venue takes once. After the last attempt, and where the breaker has opened in between, the
    venue is asked over its supervision line (the cancel-on-disconnect of real venues), which always answers, to
    take the order back; only then its rest may go elsewhere.
    """
    with connection.cursor() as cursor:
        cursor.execute(WAITING_SQL, {"at": at, "until": at + AHEAD, "most": MOST_CALLS})
        waiting = [WaitingSlice(*row) for row in cursor.fetchall()]
    if not waiting:
        return CallRound(0, 0)
    venues = read_venues()
    before = read_breakers()
    calls = _draw_calls(waiting=waiting, venues=venues, breakers=before, seed=seed)
    arrival = max((_arrive(part, response) for part, response in calls.made), default=at)
    asked = [part for part, response in calls.made if response.reached]
    answers = _ask(parts=asked, kind=RequestKind.NEW, venues=venues, at=arrival, business_date=business_date)
    given_up = [part for part in calls.refused if part.attempts] + [
        part for part, response in calls.made if not response.succeeds and part.attempts + 1 >= RETRY_RULES.attempts
    ]
    taken_back = _ask(parts=given_up, kind=RequestKind.CANCEL, venues=venues, at=arrival, business_date=business_date)
    # The fills first: an end that a venue has told is then an end of what we have recorded.
    record_fills(at=at, business_date=business_date)
    notes = [_note_call(part, response, answers.get(part.id), taken_back.get(part.id)) for part, response in calls.made]
    notes += [_note_refused(part, taken_back.get(part.id)) for part in calls.refused]
    write_notes(notes=notes)
    write_breakers(
        breakers={venue_id: breaker for venue_id, breaker in calls.breakers.items() if before.get(venue_id) != breaker}
    )
    more = len(waiting) == MOST_CALLS
    return CallRound(len(waiting), more + sum(note.status != SliceStatus.RESTING for note in notes))


def _draw_calls(
    *, waiting: Sequence[WaitingSlice], venues: Mapping[int, RoutedVenue], breakers: Mapping[int, Breaker], seed: int
) -> _Calls:
    """Draw each call in turn, the breaker before it and after it."""
    now = dict(breakers)
    made: list[tuple[WaitingSlice, Response]] = []
    refused: list[WaitingSlice] = []
    for part in waiting:
        passes, breaker = let_through(
            breaker=now.get(part.venue_id, Breaker()), rules=BREAKER_RULES, now_ms=part.due_ms
        )
        if not passes:
            refused.append(part)
            continue
        response = draw_response(
            profile=venues[part.venue_id].profile, seed=seed, order=part.name, attempt=part.attempts
        )
        if response.succeeds:
            breaker = record_success(breaker=breaker, rules=BREAKER_RULES)
        else:
            breaker = record_failure(breaker=breaker, rules=BREAKER_RULES, now_ms=part.due_ms + response.latency_ms)
        now[part.venue_id] = breaker
        made.append((part, response))
    return _Calls(made, refused, now)


def _arrive(part: WaitingSlice, response: Response) -> datetime:
    return part.due_at + timedelta(milliseconds=response.latency_ms)


def _ask(
    *, parts: Sequence[WaitingSlice], kind: RequestKind, venues: Mapping[int, RoutedVenue], at: datetime,
    business_date: date,
) -> dict[int, VenueAnswer]:  # fmt: skip
    """Ask the venues the same of many slices; return the answers by slice."""
    requests = [_request(part, kind, venues[part.venue_id]) for part in parts]
    answers = answer_requests(requests=requests, at=at, business_date=business_date)
    return {part.id: answer for part, answer in zip(parts, answers, strict=True)}


def _request(part: WaitingSlice, kind: RequestKind, venue: RoutedVenue) -> VenueRequest:
    """Return what a venue is asked. A market order goes as IOC with its protection as limit, and never rests."""
    if kind != RequestKind.NEW:
        return VenueRequest(kind, part.venue_id, part.security_id, part.id)
    force = TimeInForce(part.time_in_force)
    if part.takes_only and force != TimeInForce.FOK:
        force = TimeInForce.IOC
    expires_at = None
    if part.expires_on is not None and force == TimeInForce.GTC:
        expires_at = venue.closing_on(day=part.expires_on)
    return VenueRequest(
        kind=kind,
        venue_id=part.venue_id,
        security_id=part.security_id,
        order_id=part.id,
        side=OrderSide(part.side),
        quantity_units=part.quantity_units,
        limit=part.limit,
        time_in_force=force,
        owner=part.owner,
        expires_at=expires_at,
    )


def _note_call(
    part: WaitingSlice, response: Response, answer: VenueAnswer | None, taken_back: VenueAnswer | None
) -> SliceNote:
    """Return what to write of a call: its answer, its next attempt, or that the venue was given up."""
    note: dict[str, Any] = {"slice_id": part.id, "attempts": part.attempts + 1, "due_at": part.due_at}
    if response.succeeds:
        assert answer is not None
        return note_answer(answer=answer, latency_ms=part.count_ms(response=response), **note)
    waits = plan_waits(rules=RETRY_RULES, seed=f"{part.name} {part.venue_id}")
    if part.attempts < len(waits):
        wait_ms = waits[part.attempts] + response.latency_ms
        due_at = moment_of_ms(ms=part.due_ms + wait_ms)
        latency_ms = part.count_ms(response=response)
        return SliceNote(**(note | {"due_at": due_at}), status=SliceStatus.WAITING, latency_ms=latency_ms)
    assert taken_back is not None
    return note_answer(answer=taken_back, latency_ms=part.count_ms(response=response), code="given-up", **note)


def _note_refused(part: WaitingSlice, taken_back: VenueAnswer | None) -> SliceNote:
    """Return what to write of a slice that the breaker kept from its venue."""
    note: dict[str, Any] = {"slice_id": part.id, "attempts": part.attempts, "due_at": part.due_at}
    if taken_back is not None:
        return note_answer(answer=taken_back, code="breaker-open", **note)
    return SliceNote(**note, status=SliceStatus.REJECTED, end_code="breaker-open", note="The venue was not called.")
