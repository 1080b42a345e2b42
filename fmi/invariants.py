"""What must hold at any moment, each invariant a query that returns its violations."""

from typing import NamedTuple

from django.db import connection, transaction

from clearing.queries.allocated import ALLOCATED_SQL
from clearing.queries.allocation_invariants import ALLOCATION_INVARIANTS
from clearing.queries.derivatives_invariants import DERIVATIVES_INVARIANTS
from clearing.queries.position_invariants import POSITION_INVARIANTS
from clearing.queries.risk_invariants import RISK_INVARIANTS
from events.queries.invariants import EVENT_INVARIANTS
from ledger.queries import INVARIANTS as LEDGER_INVARIANTS
from settlement.queries.credit_invariants import CREDIT_INVARIANTS
from trades.queries.compliance_invariants import COMPLIANCE_INVARIANTS
from trades.queries.limit_invariants import LIMIT_INVARIANTS
from trades.queries.order_invariants import ORDER_INVARIANTS
from trades.queries.venue_invariants import VENUE_INVARIANTS

SHOWN = 5

CHAIN_INVARIANTS = {
    # Of both sources: what settled whole, or last, is posted for the instruction, a part for the part.
    "cash leg if and only if securities leg, both on their accounts and as much as has settled": """
        SELECT format('instruction %s is %s with %s units and %s minor settled; posted: %s from the deliverer and'
                      ' %s to the receiver, %s to the deliverer''s cash and %s from the receiver''s, %s elsewhere',
                      id, status, settled_units, settled_minor, -given, taken, earned, -paid, elsewhere)
        FROM (
            SELECT i.id, i.status, i.settled_units, i.settled_minor,
                   CASE WHEN d.linked_cash_id = r.linked_cash_id THEN 0 ELSE i.settled_minor END AS cash,
                   coalesce(sum(p.amount) FILTER (WHERE p.account_id = i.deliverer_account_id
                                                  AND p.asset_id = i.security_id), 0) AS given,
                   coalesce(sum(p.amount) FILTER (WHERE p.account_id = i.receiver_account_id
                                                  AND p.asset_id = i.security_id), 0) AS taken,
                   coalesce(sum(p.amount) FILTER (WHERE p.account_id = d.linked_cash_id
                                                  AND p.asset_id = i.currency_id), 0) AS earned,
                   coalesce(sum(p.amount) FILTER (WHERE p.account_id = r.linked_cash_id
                                                  AND p.asset_id = i.currency_id), 0) AS paid,
                   count(p.id) FILTER (WHERE (
                       p.asset_id = i.security_id AND p.account_id IN (i.deliverer_account_id, i.receiver_account_id)
                       OR p.asset_id = i.currency_id AND p.account_id IN (d.linked_cash_id, r.linked_cash_id)
                   ) IS NOT TRUE) AS elsewhere
            FROM settlement_instruction i
            JOIN ledger_account d ON d.id = i.deliverer_account_id
            JOIN ledger_account r ON r.id = i.receiver_account_id
            LEFT JOIN (
                SELECT e.id, e.source_id AS instruction_id FROM ledger_journalentry e WHERE e.source = 'INSTRUCTION'
                UNION ALL
                SELECT e.id, t.instruction_id FROM ledger_journalentry e
                JOIN settlement_partialsettlement t ON t.id = e.source_id WHERE e.source = 'PARTIAL'
            ) e ON e.instruction_id = i.id
            LEFT JOIN ledger_posting p ON p.entry_id = e.id
            GROUP BY i.id, d.linked_cash_id, r.linked_cash_id
        ) posted
        WHERE given <> -settled_units OR taken <> settled_units OR earned <> cash OR paid <> -cash OR elsewhere <> 0
        UNION ALL
        SELECT format('entry %s of %s %s, which is none', e.id, e.source, e.source_id) FROM ledger_journalentry e
        WHERE e.source = 'INSTRUCTION'
          AND NOT EXISTS (SELECT 1 FROM settlement_instruction i WHERE i.id = e.source_id)
           OR e.source = 'PARTIAL'
          AND NOT EXISTS (SELECT 1 FROM settlement_partialsettlement t WHERE t.id = e.source_id)""",
    # The cash of each part is the share of what remained, rounded towards zero; the last rest takes what is left.
    "parts of an instruction add up to what has settled of it": """
        SELECT format('instruction %s is %s with %s units and %s minor settled, %s and %s of it in parts', i.id,
                      i.status, i.settled_units, i.settled_minor, coalesce(t.units, 0), coalesce(t.minor, 0))
        FROM settlement_instruction i
        LEFT JOIN (
            SELECT instruction_id, sum(settled_units) AS units, sum(settled_minor) AS minor
            FROM settlement_partialsettlement GROUP BY 1
        ) t ON t.instruction_id = i.id
        WHERE CASE i.status WHEN 'SETTLED' THEN t.units >= i.settled_units
              ELSE (i.settled_units, i.settled_minor) <> (coalesce(t.units, 0), coalesce(t.minor, 0)) END
        UNION ALL
        SELECT format('part %s is %s units of %s for %s of %s minor, posted %s units', t.id, t.settled_units,
                      t.units_before, t.settled_minor, t.minor_before, coalesce(p.amount, 0))
        FROM (
            SELECT t.id, t.settled_units, t.settled_minor, i.receiver_account_id, i.security_id,
                   i.quantity_units - sum(t.settled_units) OVER w + t.settled_units AS units_before,
                   i.cash_minor - sum(t.settled_minor) OVER w + t.settled_minor AS minor_before
            FROM settlement_partialsettlement t JOIN settlement_instruction i ON i.id = t.instruction_id
            WINDOW w AS (PARTITION BY t.instruction_id ORDER BY t.id)
        ) t
        LEFT JOIN ledger_journalentry e ON e.source = 'PARTIAL' AND e.source_id = t.id
        LEFT JOIN ledger_posting p ON p.entry_id = e.id AND p.account_id = t.receiver_account_id
            AND p.asset_id = t.security_id
        WHERE t.settled_units >= t.units_before OR coalesce(p.amount, 0) <> t.settled_units
           OR t.settled_minor <> div(t.minor_before * t.settled_units, nullif(t.units_before, 0))""",
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
    "trade status agrees with its obligations": f"""
        WITH unsettled AS MATERIALIZED (
            SELECT DISTINCT share.match_id FROM ({ALLOCATED_SQL.format(which="true")}) share
            JOIN clearing_novation n ON n.match_id = share.match_id
            JOIN trades_match m ON m.id = share.match_id
            LEFT JOIN clearing_obligation o ON o.netting_run_id = n.netting_run_id AND o.account_id = share.account_id
                AND o.security_id = m.security_id AND o.currency_id = m.currency_id
            WHERE o.discharged_at IS NULL
        ), standing AS (
            SELECT m.id, m.buy_trade_id, m.sell_trade_id, CASE
                WHEN m.cleared AND n.match_id IS NULL THEN 'MATCHED'
                WHEN m.cleared AND n.cancelled_at IS NOT NULL THEN 'CANCELLED'
                WHEN m.cleared AND b.discharged_at IS NOT NULL AND s.discharged_at IS NOT NULL
                     AND u.match_id IS NULL THEN 'SETTLED'
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
            LEFT JOIN unsettled u ON u.match_id = m.id
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
          AND (o.quantity_units <> 0 OR o.cash_minor <> 0)
          AND (o.carried_at IS NULL OR EXISTS (
              SELECT FROM clearing_carriedcontract c
              LEFT JOIN clearing_obligation into_ ON into_.netting_run_id = c.netting_run_id
                  AND into_.account_id = c.account_id AND into_.security_id = c.security_id
                  AND into_.currency_id = c.currency_id
              WHERE c.cause = 'ROLL' AND c.cause_id = o.id AND c.account_id = o.account_id
                AND into_.discharged_at IS NULL))""",
    # What is carried balances against the CCP's own row, which is netted into no obligation.
    "netting conserves: obligations of a run, with the CCP's side of what was carried into it, sum to zero": """
        SELECT format('run %s security %s: %s units, %s minor', netting_run_id, security_id, sum(quantity_units),
                      sum(cash_minor))
        FROM (
            SELECT netting_run_id, security_id, currency_id, quantity_units, cash_minor
            FROM clearing_obligation WHERE kind = 'NET'
            UNION ALL
            SELECT c.netting_run_id, c.security_id, c.currency_id, c.quantity_units, c.cash_minor
            FROM clearing_carriedcontract c
            JOIN ledger_account a ON a.id = c.account_id
            JOIN reference_participant p ON p.id = a.participant_id AND p.role = 'CCP'
            WHERE c.netting_run_id IS NOT NULL
        ) side
        GROUP BY netting_run_id, security_id, currency_id
        HAVING sum(quantity_units) <> 0 OR sum(cash_minor) <> 0""",
    "what leaves an obligation is carried, and no more than was left of it": """
        SELECT format('obligation %s carried: %s of %s units, %s settled in parts', o.id, coalesce(c.units, 0),
                      o.quantity_units, coalesce(i.settled_units, 0))
        FROM clearing_obligation o
        LEFT JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = o.id
        LEFT JOIN (
            SELECT cause_id, account_id, sum(quantity_units) AS units FROM clearing_carriedcontract
            WHERE cause = 'ROLL' GROUP BY 1, 2
        ) c ON c.cause_id = o.id AND c.account_id = o.account_id
        WHERE o.carried_at IS NULL AND c.units IS NOT NULL
           OR o.carried_at IS NOT NULL AND (coalesce(i.status, 'CANCELLED') <> 'CANCELLED'
              OR abs(c.units) + coalesce(i.settled_units, 0) <> abs(o.quantity_units))""",
    "a corporate action pays its holders what they are entitled to, and only once it is paid": """
        SELECT format('corporate action %s: account %s is entitled to %s, paid %s', action_id, account_id,
                      coalesce(e.amount, 0), coalesce(p.amount, 0))
        FROM (
            SELECT e.action_id, CASE c.kind WHEN 'SPLIT' THEN a.id ELSE a.linked_cash_id END AS account_id,
                   coalesce(c.currency_id, c.security_id) AS asset_id, sum(e.amount) AS amount
            FROM settlement_entitlement e
            JOIN settlement_corporateaction c ON c.id = e.action_id AND c.status = 'PAID'
            JOIN ledger_account a ON a.id = e.account_id
            GROUP BY 1, 2, 3
        ) e
        FULL JOIN (
            SELECT j.source_id AS action_id, p.account_id, p.asset_id, sum(p.amount) AS amount
            FROM ledger_journalentry j JOIN ledger_posting p ON p.entry_id = j.id
            WHERE j.source = 'CORPORATE' AND p.amount > 0 GROUP BY 1, 2, 3
        ) p USING (action_id, account_id, asset_id)
        WHERE e.amount IS DISTINCT FROM p.amount""",
    "a market claim is one instruction, which settles after its delivery": """
        SELECT format('claim %s is instructed %s times, %s too early', m.id, count(i.id),
                      count(i.id) FILTER (WHERE i.status = 'SETTLED' AND d.status <> 'SETTLED'))
        FROM settlement_marketclaim m
        JOIN settlement_instruction d ON d.id = m.instruction_id
        LEFT JOIN settlement_instruction i ON i.source = 'CORPORATE' AND i.source_id = m.id
            AND m.amount IN (i.cash_minor, i.quantity_units)
        GROUP BY m.id HAVING count(i.id) <> 1
            OR count(i.id) FILTER (WHERE i.status = 'SETTLED' AND d.status <> 'SETTLED') > 0""",
}

INVARIANTS = {
    **LEDGER_INVARIANTS,
    **CHAIN_INVARIANTS,
    **CREDIT_INVARIANTS,
    **RISK_INVARIANTS,
    **DERIVATIVES_INVARIANTS,
    **ALLOCATION_INVARIANTS,
    **POSITION_INVARIANTS,
    **ORDER_INVARIANTS,
    **LIMIT_INVARIANTS,
    **VENUE_INVARIANTS,
    **COMPLIANCE_INVARIANTS,
    **EVENT_INVARIANTS,
}


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
        # Whole tables are compared: where statistics are old, a loop that looked cheap would take hours.
        cursor.execute("SET LOCAL enable_nestloop = off")
        for name, sql in INVARIANTS.items():
            cursor.execute(
                f"SELECT count(*), coalesce((array_agg(violation))[1:{SHOWN}], '{{}}') FROM ({sql}) v(violation)"
            )
            violations, examples = cursor.fetchone()
            findings.append(Finding(name, violations, list(examples)))
        cursor.execute("SET LOCAL enable_nestloop TO DEFAULT")
    return findings
