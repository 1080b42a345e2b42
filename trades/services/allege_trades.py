"""Allegement: telling a participant that the other side has reported a trade with it."""

from datetime import date, datetime

from django.db import connection, transaction

from reference.core.allegement import ALLEGED_AFTER, latest_date_at_once
from reference.locks import take_lock
from trades.services.match_trades import POOL_LOCK


def allege_trades(*, at: datetime, business_date: date) -> int:
    """Allege what is due; return how many.

    CSDR RTS (EU) 2018/1229 Art 11: within one hour of the report, or at once in the last five hours
    before the cut-off (16:00 CET) of the intended settlement date and after it.
    """
    latest_date = latest_date_at_once(at=at, business_date=business_date)
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=POOL_LOCK)
        cursor.execute(
            "UPDATE trades_unmatchedtrade u SET alleged_at = %s FROM trades_trade t"
            " WHERE t.id = u.trade_id AND u.alleged_at IS NULL AND u.checked"
            " AND (t.received_at <= %s OR t.settlement_date <= %s)",
            [at, at - ALLEGED_AFTER, latest_date],
        )
        return int(cursor.rowcount)
