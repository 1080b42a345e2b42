"""The end of the venues' sessions: DAY orders and quotes expire, what is good till cancelled stands over."""

from datetime import date, datetime
from typing import Final

from django.db import connection, transaction

from reference.core.calendar import BUSINESS_ZONE
from trades.services.venues.open_books import lock_books, save_books

OVER: Final = f"""
    b.session_date IS NOT NULL
    AND (b.session_date < %s OR (b.session_date + v.closes_at) AT TIME ZONE '{BUSINESS_ZONE.key}' <= %s)
"""
ANY_OVER_SQL = f"""
    SELECT EXISTS (SELECT FROM trades_venuebook b JOIN trades_venue v ON v.id = b.venue_id WHERE {OVER})
"""


def end_sessions(*, at: datetime, business_date: date) -> int:
    """End every session whose closing time has come; return how many books were closed. Twice changes nothing.

    Whoever asks a book first after its closing ends its session too, so that this may come late, or never.
    """
    parameters = [business_date, at]
    with connection.cursor() as cursor:
        cursor.execute(ANY_OVER_SQL, parameters)
        if not cursor.fetchone()[0]:
            return 0
    with transaction.atomic(durable=True):
        opened = lock_books(which=OVER, parameters=parameters)
        for entry in opened:
            entry.end_session()
        save_books(opened=opened, business_date=business_date)
    return len(opened)
