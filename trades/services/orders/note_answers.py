"""Write what venues have answered: the slices' statuses, and the breakers before the venues."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

import msgspec
from django.db import connection, transaction

from trades.core.retry import Breaker
from trades.core.slice_lifecycle import SliceStatus
from trades.core.venue_messages import VenueAnswer, VenueOrderStatus
from trades.queries.routing_state import moment_of_ms

STATUS_OF: Final = {
    # A fill is told by the tape alone: a slice is FILLED with its last fill, in record_fills.
    VenueOrderStatus.RESTING: SliceStatus.RESTING,
    VenueOrderStatus.FILLED: SliceStatus.RESTING,
    VenueOrderStatus.CANCELLED: SliceStatus.CANCELLED,
    VenueOrderStatus.EXPIRED: SliceStatus.EXPIRED,
    VenueOrderStatus.REFUSED: SliceStatus.REJECTED,
    VenueOrderStatus.UNKNOWN: SliceStatus.REJECTED,
}
CODE_OF: Final = {
    VenueOrderStatus.CANCELLED: "ended-by-venue",
    VenueOrderStatus.EXPIRED: "expired",
    VenueOrderStatus.UNKNOWN: "unknown-to-venue",
}

LOCK_SQL = """
    SELECT id FROM trades_order WHERE id IN (SELECT order_id FROM trades_orderslice WHERE id = ANY(%s))
    ORDER BY id FOR UPDATE
"""

# What is filled meanwhile keeps its status. A slice that ends gives its rest back to the order, to be routed again;
# one that stood in the book cannot be rejected any more.
NOTES_SQL = """
    WITH noted AS (
        UPDATE trades_orderslice s SET attempts = n.attempts, due_at = n.due_at,
            latency_ms = coalesce(n.latency_ms, s.latency_ms),
            status = CASE WHEN s.status = 'FILLED' THEN s.status
                          WHEN s.status = 'RESTING' AND n.status = 'REJECTED' THEN 'CANCELLED'
                          WHEN s.status = 'RESTING' AND n.status = 'WAITING' THEN s.status ELSE n.status END,
            end_code = CASE WHEN s.status = 'FILLED' THEN '' ELSE n.end_code END,
            note = CASE WHEN s.status = 'FILLED' THEN s.note ELSE n.note END
        FROM jsonb_to_recordset(%s::jsonb) AS n (
            slice_id bigint, attempts integer, due_at timestamptz, latency_ms integer, status text, end_code text,
            note text)
        WHERE s.id = n.slice_id AND s.status IN ('WAITING', 'RESTING', 'FILLED')
        RETURNING s.order_id, CASE WHEN s.status IN ('CANCELLED', 'EXPIRED', 'REJECTED')
                                   THEN s.quantity_units - s.filled_units ELSE 0 END AS freed_units
    )
    UPDATE trades_order o SET routed_units = o.routed_units - f.units
    FROM (SELECT order_id, sum(freed_units) AS units FROM noted GROUP BY 1 HAVING sum(freed_units) > 0) f
    WHERE o.id = f.order_id
"""

BREAKERS_SQL = """
    INSERT INTO trades_venuebreaker (venue_id, status, failures, successes, since, probing)
    SELECT venue_id, status, failures, successes, since, probing FROM jsonb_to_recordset(%s::jsonb) AS b (
        venue_id bigint, status text, failures integer, successes integer, since timestamptz, probing boolean)
    ORDER BY venue_id
    ON CONFLICT (venue_id) DO UPDATE SET status = excluded.status, failures = excluded.failures,
        successes = excluded.successes, since = excluded.since, probing = excluded.probing
"""


@dataclass(frozen=True, slots=True)
class SliceNote:
    """What is written of a slice. due_at: of one that waits, its next attempt.

    latency_ms: from the first call until now; None leaves it.
    """

    slice_id: int
    attempts: int
    due_at: datetime
    status: SliceStatus
    latency_ms: int | None = None
    end_code: str = ""
    note: str = ""


def note_answer(
    *,
    answer: VenueAnswer,
    slice_id: int,
    attempts: int,
    due_at: datetime,
    latency_ms: int | None = None,
    code: str = "",
) -> SliceNote:
    """Return what to write of an answer. code: why we asked to end it, which then is why it ended."""
    status = STATUS_OF[answer.status]
    ends = status not in (SliceStatus.RESTING, SliceStatus.WAITING)
    end_code = (code or answer.code or CODE_OF.get(answer.status, "")) if ends else ""
    return SliceNote(slice_id, attempts, due_at, status, latency_ms, end_code, answer.message)


def write_notes(*, notes: Sequence[SliceNote]) -> None:
    """Write notes on slices, each at most once, in one statement; orders are locked before slices, as by fills."""
    if notes:
        rows = [asdict(note) for note in sorted(notes, key=lambda note: note.slice_id)]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LOCK_SQL, [[note.slice_id for note in notes]])
            cursor.execute(NOTES_SQL, [msgspec.json.encode(rows).decode()])


def write_breakers(*, breakers: Mapping[int, Breaker]) -> None:
    """Write how breakers stand, by venue."""
    if breakers:
        rows = [
            {
                "venue_id": venue_id,
                "status": breaker.status,
                "failures": breaker.failures,
                "successes": breaker.successes,
                "since": moment_of_ms(ms=breaker.since_ms) if breaker.since_ms else None,
                "probing": breaker.probing,
            }
            for venue_id, breaker in sorted(breakers.items())
        ]
        with connection.cursor() as cursor:
            cursor.execute(BREAKERS_SQL, [msgspec.json.encode(rows).decode()])
