"""What must hold at any moment, each invariant a query that returns its violations."""

from typing import NamedTuple

from django.db import connection, transaction

from ledger.queries import INVARIANTS as LEDGER_INVARIANTS

SHOWN = 5

CHAIN_INVARIANTS = {
    "cash leg if and only if securities leg": """
        SELECT format('instruction %s is %s with %s securities and %s cash postings, %s and %s expected',
                      coalesce(i.id, p.source_id), coalesce(i.status, 'missing'), coalesce(p.securities, 0),
                      coalesce(p.cash, 0),
                      CASE WHEN i.status = 'SETTLED' AND i.quantity_units <> 0 THEN 2 ELSE 0 END,
                      CASE WHEN i.status = 'SETTLED' AND i.cash_minor <> 0 THEN 2 ELSE 0 END)
        FROM settlement_instruction i
        FULL JOIN (
            SELECT e.source_id, count(*) FILTER (WHERE a.kind = 'SECURITY') AS securities,
                   count(*) FILTER (WHERE a.kind = 'CASH') AS cash
            FROM ledger_journalentry e
            JOIN ledger_posting l ON l.entry_id = e.id
            JOIN reference_asset a ON a.id = l.asset_id
            WHERE e.source = 'INSTRUCTION' GROUP BY e.source_id
        ) p ON p.source_id = i.id
        WHERE coalesce(p.securities, 0) <> CASE WHEN i.status = 'SETTLED' AND i.quantity_units <> 0 THEN 2 ELSE 0 END
           OR coalesce(p.cash, 0) <> CASE WHEN i.status = 'SETTLED' AND i.cash_minor <> 0 THEN 2 ELSE 0 END""",
    "each report in at most one match": """
        SELECT format('report %s is in %s matches', trade_id, count(*)) FROM (
            SELECT buy_trade_id AS trade_id FROM trades_match
            UNION ALL SELECT sell_trade_id FROM trades_match WHERE sell_trade_id <> buy_trade_id
        ) side GROUP BY trade_id HAVING count(*) > 1""",
    "a report is matched if and only if it has a match": """
        SELECT format('report %s is %s, match %s', t.id, t.status, m.id) FROM trades_trade t
        LEFT JOIN (SELECT buy_trade_id AS trade_id, id FROM trades_match
                   UNION ALL SELECT sell_trade_id, id FROM trades_match WHERE sell_trade_id <> buy_trade_id) m
            ON m.trade_id = t.id
        WHERE (t.status IN ('MATCHED', 'CLEARED', 'SETTLED') AND m.id IS NULL)
           OR (t.status = 'NEW' AND m.id IS NOT NULL)""",
    "the unmatched pool is the reports that are new": """
        SELECT format('report %s is %s, in the pool: %s', coalesce(t.id, u.trade_id), t.status, u.trade_id IS NOT NULL)
        FROM (SELECT * FROM trades_trade WHERE status = 'NEW'
              UNION SELECT t.* FROM trades_trade t JOIN trades_unmatchedtrade u ON u.trade_id = t.id) t
        LEFT JOIN trades_unmatchedtrade u ON u.trade_id = t.id
        WHERE (t.status = 'NEW') <> (u.trade_id IS NOT NULL)""",
    "trade status agrees with its obligations": """
        WITH standing AS (
            SELECT m.id, m.buy_trade_id, m.sell_trade_id, CASE
                WHEN m.cleared AND n.match_id IS NULL THEN 'MATCHED'
                WHEN m.cleared AND n.cancelled_at IS NOT NULL THEN 'CANCELLED'
                WHEN m.cleared AND b.discharged_at IS NOT NULL AND s.discharged_at IS NOT NULL THEN 'SETTLED'
                WHEN m.cleared THEN 'CLEARED'
                WHEN g.cancelled_at IS NOT NULL THEN 'CANCELLED'
                WHEN g.discharged_at IS NOT NULL THEN 'SETTLED'
                ELSE 'MATCHED' END AS status
            FROM trades_match m
            LEFT JOIN clearing_novation n ON n.match_id = m.id
            LEFT JOIN clearing_obligation b ON b.netting_run_id = n.netting_run_id
                AND b.account_id = m.buyer_account_id AND b.security_id = m.security_id
                AND b.currency_id = m.currency_id
            LEFT JOIN clearing_obligation s ON s.netting_run_id = n.netting_run_id
                AND s.account_id = m.seller_account_id AND s.security_id = m.security_id
                AND s.currency_id = m.currency_id
            LEFT JOIN clearing_obligation g ON g.match_id = m.id
        )
        SELECT format('trade %s is %s, its obligations say %s', t.id, t.status, side.status)
        FROM (SELECT buy_trade_id AS trade_id, status FROM standing
              UNION ALL SELECT sell_trade_id, status FROM standing WHERE sell_trade_id <> buy_trade_id) side
        JOIN trades_trade t ON t.id = side.trade_id
        WHERE t.status <> side.status AND NOT (t.status = 'CANCELLED' AND side.status = 'MATCHED')""",
    "a discharged obligation has settled": """
        SELECT format('obligation %s discharged, its instruction is %s', o.id, coalesce(i.status, 'missing'))
        FROM clearing_obligation o
        LEFT JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = o.id
        WHERE o.discharged_at IS NOT NULL AND coalesce(i.status, '') <> 'SETTLED'
          AND (o.quantity_units <> 0 OR o.cash_minor <> 0)""",
    "netting conserves: obligations of a run sum to zero": """
        SELECT format('run %s security %s: %s units, %s minor', netting_run_id, security_id, sum(quantity_units),
                      sum(cash_minor))
        FROM clearing_obligation WHERE kind = 'NET' GROUP BY netting_run_id, security_id, currency_id
        HAVING sum(quantity_units) <> 0 OR sum(cash_minor) <> 0""",
}

INVARIANTS = {**LEDGER_INVARIANTS, **CHAIN_INVARIANTS}


class Finding(NamedTuple):
    """One invariant, how often it is violated, and the first violations in words."""

    name: str
    violations: int
    examples: list[str]


def check_invariants() -> list[Finding]:
    """Check every invariant over all the data there is. One query each."""
    findings = []
    with transaction.atomic(), connection.cursor() as cursor:
        # A million trades are joined in memory.
        cursor.execute("SET LOCAL work_mem = '256MB'")
        for name, sql in INVARIANTS.items():
            cursor.execute(
                f"SELECT count(*), coalesce((array_agg(violation))[1:{SHOWN}], '{{}}') FROM ({sql}) v(violation)"
            )
            violations, examples = cursor.fetchone()
            findings.append(Finding(name, violations, list(examples)))
    return findings
