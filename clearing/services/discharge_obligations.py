"""Discharge obligations whose instructions settled, and advance the trades that stand on them."""

from datetime import datetime

from django.db import connection, transaction

from clearing.contracts import ObligationsDischarged
from clearing.queries.allocated import ALLOCATED_SQL
from clearing.services.novate_trades import CLEARING_LOCK
from events.services.outbox import record_fact
from events.services.shares import read_shares
from reference.locks import take_lock
from reference.tracing import traced
from trades.core.lifecycle import TradeStatus
from trades.services.advance_trades import advance_trades

DISCHARGE_SQL = """
    CREATE TEMP TABLE discharged ON COMMIT DROP AS
    WITH done AS (
        UPDATE clearing_obligation o SET discharged_at = coalesce(i.settled_at, %(at)s)
        FROM clearing_obligation open
        LEFT JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = open.id
        WHERE o.id = open.id AND open.discharged_at IS NULL
          AND open.cancelled_at IS NULL AND open.carried_at IS NULL
          AND (i.status = 'SETTLED' OR (i.id IS NULL AND open.quantity_units = 0 AND open.cash_minor = 0))
        RETURNING o.id, o.kind, o.match_id, o.netting_run_id
    )
    SELECT * FROM done
"""

# What rolled on is discharged with the obligation it went into; what was transferred, with the transfer.
CARRIED_SQL = """
    WITH done AS (
        UPDATE clearing_obligation o SET discharged_at = %(at)s
        FROM clearing_obligation gone
        WHERE o.id = gone.id AND gone.carried_at IS NOT NULL AND gone.discharged_at IS NULL
          AND NOT EXISTS (
            SELECT FROM clearing_carriedcontract c
            LEFT JOIN clearing_obligation into_ ON into_.netting_run_id = c.netting_run_id
                AND into_.account_id = c.account_id AND into_.security_id = c.security_id
                AND into_.currency_id = c.currency_id
            WHERE c.cause = 'ROLL' AND c.cause_id = gone.id AND c.account_id = gone.account_id
              AND into_.discharged_at IS NULL)
        RETURNING o.id, o.kind, o.match_id, o.netting_run_id
    )
    INSERT INTO discharged SELECT * FROM done
"""

# The discharged obligations of the runs that are concerned, those of earlier cycles too. A table of its own,
# since the statistics of clearing_obligation still tell the planner that hardly one is discharged.
DONE_SQL = """
    CREATE TEMP TABLE done_obligation ON COMMIT DROP AS
    SELECT netting_run_id, account_id, security_id, currency_id, id IN (SELECT id FROM discharged) AS is_new
    FROM clearing_obligation
    WHERE netting_run_id IN (SELECT DISTINCT netting_run_id FROM discharged) AND discharged_at IS NOT NULL
"""

# The trades of these runs that were allocated, with whether each account's obligation is discharged, and was it now.
ALLOCATED_MATCHES_SQL = f"""
    CREATE TEMP TABLE allocated_match ON COMMIT DROP AS
    SELECT share.match_id, bool_and(d.account_id IS NOT NULL) AS is_done, bool_or(coalesce(d.is_new, false)) AS is_new
    FROM ({
    ALLOCATED_SQL.format(
        which='''settlement_date IN (
            SELECT settlement_date FROM clearing_nettingrun
            WHERE id IN (SELECT DISTINCT netting_run_id FROM discharged))'''
    )
}) share
    JOIN clearing_novation n ON n.match_id = share.match_id
    JOIN trades_match m ON m.id = share.match_id
    LEFT JOIN done_obligation d ON d.netting_run_id = n.netting_run_id AND d.account_id = share.account_id
        AND d.security_id = m.security_id AND d.currency_id = m.currency_id
    GROUP BY share.match_id
"""

# A cleared trade is settled when both its sides' obligations are discharged, and those of all it was allocated to.
SETTLED_MATCHES_SQL = """
    CREATE TEMP TABLE settled_match ON COMMIT DROP AS
    SELECT match_id AS id FROM discharged WHERE kind = 'GROSS'
    UNION ALL
    SELECT m.id
    FROM clearing_novation n
    JOIN trades_match m ON m.id = n.match_id
    JOIN done_obligation b ON b.netting_run_id = n.netting_run_id AND b.account_id = m.buyer_account_id
        AND b.security_id = m.security_id AND b.currency_id = m.currency_id
    JOIN done_obligation s ON s.netting_run_id = n.netting_run_id AND s.account_id = m.seller_account_id
        AND s.security_id = m.security_id AND s.currency_id = m.currency_id
    LEFT JOIN allocated_match a ON a.match_id = m.id
    WHERE n.settlement_date IN (
            SELECT settlement_date FROM clearing_nettingrun
            WHERE id IN (SELECT DISTINCT netting_run_id FROM discharged))
      AND (b.is_new OR s.is_new OR a.is_new) AND a.is_done IS NOT FALSE
"""


PARTIES_SQL = """
    SELECT a.participant_id, sum(n)::bigint
    FROM (
        SELECT o.account_id, count(*) AS n FROM discharged d JOIN clearing_obligation o ON o.id = d.id GROUP BY 1
    ) owed
    JOIN ledger_account a ON a.id = owed.account_id GROUP BY 1
"""


@traced("clearing.discharge")
def discharge_obligations(*, at: datetime) -> int:
    """Discharge what has settled, and what nets to nothing; return how many obligations.

    Called twice, it finds nothing the second time.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=CLEARING_LOCK)
        cursor.execute("DROP TABLE IF EXISTS discharged, done_obligation, allocated_match, settled_match")
        cursor.execute(DISCHARGE_SQL, {"at": at})
        discharged = int(cursor.rowcount)
        cursor.execute(CARRIED_SQL, {"at": at})
        while cursor.rowcount > 0:  # Each time round, what has rolled once more.
            discharged += int(cursor.rowcount)
            cursor.execute(CARRIED_SQL, {"at": at})
        if discharged <= 0:
            return 0
        cursor.execute("ANALYZE discharged")
        cursor.execute(DONE_SQL)
        cursor.execute("ANALYZE done_obligation")
        cursor.execute(ALLOCATED_MATCHES_SQL)
        cursor.execute("ANALYZE allocated_match")
        cursor.execute(SETTLED_MATCHES_SQL)
        cursor.execute("ANALYZE settled_match")
        advanced = advance_trades(matches_sql="SELECT id FROM settled_match", status=TradeStatus.SETTLED)
        record_fact(fact=ObligationsDischarged(count=discharged, trades=advanced), shares=read_shares(sql=PARTIES_SQL))
    return discharged
