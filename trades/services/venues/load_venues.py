"""Bring the venues and their books in; what stands already stays as it is."""

import csv
from pathlib import Path
from typing import Final

from django.db import connection, transaction

from reference.locks import take_lock
from trades.refusals.venues import VenueFileInvalid

VENUE_FILE: Final = Path(__file__).resolve().parent.parent.parent / "venues.csv"
LOAD_LOCK: Final = "trades.load_venues"
TICK: Final = "0.01"

VENUES_SQL = """
    INSERT INTO trades_venue (
        participant_id, mic, name, market_maker_id, opens_at, closes_at, maker_ppm, taker_ppm, minimum_fee_minor,
        success_ppm, price_deviation_ticks, spread_ticks, share_ppm, active)
    SELECT participant.id, staged.mic, staged.name, maker.id, opens_at, closes_at, maker_ppm, taker_ppm,
        minimum_fee_minor, success_ppm, price_deviation_ticks, spread_ticks, share_ppm, true
    FROM unnest(
        %s::text[], %s::text[], %s::text[], %s::text[], %s::time[], %s::time[], %s::int[], %s::int[], %s::bigint[],
        %s::int[], %s::float8[], %s::float8[], %s::int[]) WITH ORDINALITY
        AS staged (mic, participant, name, market_maker, opens_at, closes_at, maker_ppm, taker_ppm, minimum_fee_minor,
                   success_ppm, price_deviation_ticks, spread_ticks, share_ppm, line)
    JOIN reference_participant participant ON participant.code = staged.participant AND participant.role = 'VENUE'
    JOIN reference_participant maker ON maker.code = staged.market_maker AND maker.role = 'CLEARING_MEMBER'
    ORDER BY line
    ON CONFLICT (mic) DO NOTHING
"""
KNOWN_SQL = "SELECT count(*) FROM trades_venue WHERE mic = ANY(%s)"

BOOKS_SQL = """
    INSERT INTO trades_venuebook (venue_id, security_id, tick)
    SELECT venue.id, security.asset_ptr_id, %s::numeric
    FROM trades_venue venue CROSS JOIN reference_security security
    WHERE security.active AND security.liquid AND security.security_type IN ('EQUITY', 'FUND')
    ORDER BY security.asset_ptr_id, venue.id
    ON CONFLICT (venue_id, security_id) DO NOTHING
"""


def load_venues() -> int:
    """Load the venues of venues.csv, and open a book at each for every equity and liquid fund that has none.

    Returns how many venues and books are new: none the second time. Raises VenueFileInvalid where the file names a
    participant that is no venue, or a market maker that is no clearing member: load the reference data first.
    """
    with VENUE_FILE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [[row[name] for row in rows] for name in rows[0]]
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=LOAD_LOCK)
        cursor.execute(VENUES_SQL, columns)
        added = int(cursor.rowcount)
        cursor.execute(KNOWN_SQL, [columns[0]])
        if cursor.fetchone()[0] != len(rows):
            raise VenueFileInvalid()
        cursor.execute(BOOKS_SQL, [TICK])
        added += int(cursor.rowcount)
        if added:
            cursor.execute("ANALYZE trades_venue, trades_venuebook")
    return added
