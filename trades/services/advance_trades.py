"""Move trades along their lifecycle, in sets. The database refuses a step the lifecycle does not hold."""

from collections.abc import Sequence

from django.db import connection

from trades.core.lifecycle import TradeStatus


def advance_trades(*, match_ids: Sequence[int], status: TradeStatus) -> int:
    """Move both reports of each match to a status; return how many reports moved.

    Reports that stand there already are left, so that the same call twice changes nothing. Raises
    IntegrityError (trade_legal_step) when one may not go there.
    """
    if not match_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS advanced_match")
        cursor.execute(
            "CREATE TEMP TABLE advanced_match ON COMMIT DROP AS SELECT * FROM unnest(%s::bigint[]) AS m(id)",
            [list(match_ids)],
        )
        cursor.execute("ANALYZE advanced_match")
    return set_status(
        trades_sql="SELECT m.buy_trade_id FROM trades_match m JOIN advanced_match USING (id)"
        " UNION SELECT m.sell_trade_id FROM trades_match m JOIN advanced_match USING (id)",
        status=status,
    )


def set_status(*, trades_sql: str, status: TradeStatus) -> int:
    """Move the trades that a query names to a status. trades_sql: a SELECT of ids, no values from outside."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE trades_trade SET status = %s WHERE id IN ({trades_sql}) AND status <> %s",
            [str(status), str(status)],
        )
        return int(cursor.rowcount)
