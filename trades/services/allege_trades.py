"""Allegement: telling a participant that the other side has reported a trade with it."""

from datetime import date, datetime, timedelta

from django.db import connection, transaction

from reference.core.calendar import BUSINESS_ZONE
from reference.locks import take_lock
from trades.services.match_trades import POOL_LOCK

# Sweeps come at least every half hour, so that half an hour's patience keeps the hour of Art 11.
ALLEGED_AFTER = timedelta(minutes=30)
AT_ONCE_BEFORE_CUT_OFF = timedelta(hours=5)
CUT_OFF_HOUR = 16


def allege_trades(*, at: datetime, business_date: date) -> int:
    """Allege what is due; return how many.

    CSDR RTS (EU) 2018/1229 Art 11: within one hour of the report, or at once in the last five hours
    before the cut-off (16:00 CET) of the intended settlement date and after it.
    """
    cut_off = at.astimezone(BUSINESS_ZONE).replace(
        year=business_date.year, month=business_date.month, day=business_date.day,
        hour=CUT_OFF_HOUR, minute=0, second=0, microsecond=0,
    )  # fmt: skip
    latest_date = business_date if at >= cut_off - AT_ONCE_BEFORE_CUT_OFF else business_date - timedelta(days=1)
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=POOL_LOCK)
        cursor.execute(
            "UPDATE trades_unmatchedtrade u SET alleged_at = %s FROM trades_trade t"
            " WHERE t.id = u.trade_id AND u.alleged_at IS NULL AND u.checked"
            " AND (t.received_at <= %s OR t.settlement_date <= %s)",
            [at, at - ALLEGED_AFTER, latest_date],
        )
        return int(cursor.rowcount)
