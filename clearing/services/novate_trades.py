"""Novation: the CCP steps in between; trades that are not to be cleared become gross obligations."""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from clearing.contracts import ObligationsNetted, TradesNovated
from clearing.queries.defaults import barred_accounts
from events.services.outbox import record_fact
from events.services.shares import read_shares
from reference.locks import take_lock
from reference.tracing import traced
from trades.core.lifecycle import TradeStatus
from trades.services.advance_trades import advance_trades

CLEARING_LOCK = "clearing"
# Matches are novated seconds after they are made; a week bounds the search after any standstill.
LOOK_BACK = timedelta(days=7)

NOVATE_SQL = """
    CREATE TEMP TABLE novated ON COMMIT DROP AS
    WITH made AS (
        INSERT INTO clearing_novation (match_id, settlement_date, novated_at, business_date)
        SELECT m.id, m.settlement_date, %(at)s, %(business_date)s
        FROM trades_match m
        WHERE m.business_date >= %(since)s AND m.cleared
          AND m.buyer_account_id <> ALL(%(barred)s) AND m.seller_account_id <> ALL(%(barred)s)
          AND NOT EXISTS (SELECT 1 FROM clearing_novation n WHERE n.match_id = m.id)
          AND EXISTS (SELECT 1 FROM trades_trade t WHERE t.id = m.sell_trade_id AND t.status = 'MATCHED')
        ORDER BY m.id
        RETURNING match_id
    )
    SELECT match_id AS id FROM made
"""

# Counted by pairs of accounts first: they are few, and so is what is joined.
PARTIES_SQL = """
    WITH sides AS (
        SELECT m.buyer_account_id, m.seller_account_id, count(*) AS pairs
        FROM novated n JOIN trades_match m ON m.id = n.id GROUP BY 1, 2
    )
    SELECT a.participant_id, sum(pairs)::bigint
    FROM (SELECT buyer_account_id AS id, pairs FROM sides
          UNION ALL SELECT seller_account_id, pairs FROM sides) side
    JOIN ledger_account a ON a.id = side.id
    GROUP BY 1
"""

GROSS_SQL = """
    INSERT INTO clearing_obligation (
        kind, match_id, account_id, counterparty_account_id, security_id, currency_id, settlement_date,
        quantity_units, cash_minor, trades, bought_minor, sold_minor, created_at)
    SELECT 'GROSS', m.id, m.seller_account_id, m.buyer_account_id, m.security_id, m.currency_id,
        m.settlement_date, -m.quantity_units, m.amount_minor, 1, 0, m.amount_minor, %(at)s
    FROM trades_match m
    WHERE m.business_date >= %(since)s AND NOT m.cleared
      AND NOT EXISTS (SELECT 1 FROM clearing_obligation o WHERE o.match_id = m.id)
      AND EXISTS (SELECT 1 FROM trades_trade t WHERE t.id = m.sell_trade_id AND t.status = 'MATCHED')
    ORDER BY m.id
"""


@traced("clearing.novate")
def novate_trades(*, at: datetime, business_date: date) -> int:
    """Novate every match that is to be cleared, and oblige the parties of those that are not, gross.

    What a suspended member or a defaulter traded, or who clears through it, stays matched and is not novated: the
    CCP takes no new position of it. Returns how many matches were novated. Called twice, it finds nothing the
    second time.
    """
    parameters: dict[str, Any] = {
        "at": at, "business_date": business_date, "since": business_date - LOOK_BACK, "barred": barred_accounts(),
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=CLEARING_LOCK)
        cursor.execute("DROP TABLE IF EXISTS novated")
        cursor.execute(NOVATE_SQL, parameters)
        novated = int(cursor.rowcount)
        if novated > 0:
            cursor.execute("ANALYZE novated")
            advance_trades(matches_sql="SELECT id FROM novated", status=TradeStatus.CLEARED)
            record_fact(fact=TradesNovated(count=novated), shares=read_shares(sql=PARTIES_SQL))
        cursor.execute(GROSS_SQL, parameters)
        if cursor.rowcount:
            record_fact(fact=ObligationsNetted(count=cursor.rowcount))
    return novated
