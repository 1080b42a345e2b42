"""Let what became of slices enter the quality of their venues, each once."""

from itertools import groupby

import msgspec
from django.db import connection, transaction

from trades.core.book.terms import OrderSide
from trades.core.routing import ExecutionQuality, Observation, update_quality
from trades.queries.routing_state import read_qualities

MOST_SLICES = 5_000

# What a client took back, or what stood until its time was over, says nothing of the venue.
ENDED_SQL = """
    WITH ended AS (
        SELECT s.id FROM trades_orderslice s
        WHERE NOT s.learned AND s.status IN ('FILLED', 'CANCELLED', 'EXPIRED', 'REJECTED')
        ORDER BY s.id LIMIT %s
    ), learned AS (
        UPDATE trades_orderslice s SET learned = true FROM ended WHERE s.id = ended.id
        RETURNING s.id, s.order_id, s.venue_id, s.quantity_units, s.filled_units, s.latency_ms, s.quoted_price,
            s.end_code
    )
    SELECT l.venue_id, o.security_id, o.side, l.quantity_units, l.filled_units, l.latency_ms, l.quoted_price, f.average,
           l.end_code IN ('withdrawn', 'replaced', 'expired', 'breaker-open', 'venue-closed') AS silent
    FROM learned l JOIN trades_order o ON o.id = l.order_id
    LEFT JOIN LATERAL (
        SELECT sum(price * quantity_units) / sum(quantity_units) AS average FROM trades_fill WHERE slice_id = l.id
    ) f ON l.filled_units > 0
    ORDER BY l.venue_id, o.security_id, l.id
"""

QUALITIES_SQL = """
    INSERT INTO trades_venuequality (venue_id, security_id, fill_ratio, improvement_bp, latency_ms, observations)
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS q (
        venue_id bigint, security_id bigint, fill_ratio double precision, improvement_bp double precision,
        latency_ms double precision, observations bigint)
    ON CONFLICT (venue_id, security_id) DO UPDATE SET fill_ratio = excluded.fill_ratio,
        improvement_bp = excluded.improvement_bp, latency_ms = excluded.latency_ms,
        observations = excluded.observations
"""


def learn_quality() -> int:
    """Fold the slices that have ended since the last time into the venues' qualities; return how many.

    In the order of their ids, since each new observation weighs most. Holding the routing lock.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ENDED_SQL, [MOST_SLICES])
        rows = cursor.fetchall()
        telling = [row for row in rows if not row[-1]]
        known = read_qualities(security_ids={row[1] for row in telling}) if telling else {}
        learned = []
        for (venue_id, security_id), seen in groupby(telling, key=lambda row: (row[0], row[1])):
            quality = known.get((venue_id, security_id), ExecutionQuality())
            for _, _, side, asked, filled, latency_ms, quoted, average, _ in seen:
                observation = Observation(
                    side=OrderSide(side),
                    asked_units=asked,
                    filled_units=filled,
                    latency_ms=float(latency_ms or 0),
                    quoted_price=None if quoted is None else float(quoted),
                    average_price=None if average is None else float(average),
                )
                quality = update_quality(quality=quality, seen=observation)
            learned.append(
                {
                    "venue_id": venue_id, "security_id": security_id, "fill_ratio": quality.fill_ratio,
                    "improvement_bp": quality.improvement_bp, "latency_ms": quality.latency_ms,
                    "observations": quality.observations,
                }
            )  # fmt: skip
        if learned:
            cursor.execute(QUALITIES_SQL, [msgspec.json.encode(learned).decode()])
    return len(rows)
