"""Allegement: telling a participant that the other side has instructed with it."""

from datetime import date, datetime, time

from django.db import connection, transaction

from reference.core.allegement import ALLEGED_AFTER, latest_date_at_once
from reference.locks import take_lock
from settlement.services.resolve_links import PARTY_LOCK

FREE_CUT_OFF = time(18)


def allege_instructions(*, at: datetime, business_date: date) -> int:
    """Allege what is due; return how many.

    CSDR RTS (EU) 2018/1229 Article 11: within one hour of the entry, or at once in the last five hours before
    the cut-off (16:00 CET against payment, 18:00 free of it) of the intended settlement date and after it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=PARTY_LOCK)
        cursor.execute(
            "UPDATE settlement_partyinstruction SET alleged_at = %s"
            " WHERE status = 'UNMATCHED' AND alleged_at IS NULL AND checked AND (created_at <= %s"
            "   OR intended_date <= CASE payment WHEN 'FREE' THEN %s::date ELSE %s::date END)",
            [
                at,
                at - ALLEGED_AFTER,
                latest_date_at_once(at=at, business_date=business_date, cut_off=FREE_CUT_OFF),
                latest_date_at_once(at=at, business_date=business_date),
            ],
        )
        return int(cursor.rowcount)
