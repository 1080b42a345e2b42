"""Move trades along their lifecycle, in sets. The database refuses a step the lifecycle does not hold."""

from django.db import connection

from trades.core.lifecycle import TradeStatus


def advance_trades(*, matches_sql: str, status: TradeStatus) -> int:
    """Move both reports of each match that a query names to a status; return how many reports moved.

    matches_sql: a SELECT of distinct `id`, no values from outside. Reports that stand there already are
    left, so that the same call twice changes nothing. Raises IntegrityError (trade_legal_step) when one
    may not go there.
    """
    return set_status(
        trades_sql=f"SELECT m.buy_trade_id AS id FROM trades_match m JOIN ({matches_sql}) moved USING (id) UNION ALL"
        f" SELECT m.sell_trade_id FROM trades_match m JOIN ({matches_sql}) moved USING (id)"
        " WHERE m.sell_trade_id <> m.buy_trade_id",
        status=status,
    )


def set_status(*, trades_sql: str, status: TradeStatus) -> int:
    """Move the trades that a query names to a status; return how many moved.

    trades_sql: a SELECT of distinct `id`, no values from outside.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            # In the order of the ids, which is the order in which the rows lie on the disk.
            f"UPDATE trades_trade t SET status = %s FROM (SELECT id FROM ({trades_sql}) ids ORDER BY id) moved"
            " WHERE t.id = moved.id AND t.status <> %s",
            [str(status), str(status)],
        )
        return int(cursor.rowcount)
