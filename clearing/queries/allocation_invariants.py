"""What must hold of every allocation: all of the block, to the last unit and cent, and moved exactly once."""

from collections.abc import Mapping

from trades.queries.blocks import BLOCK_MATCHES

ALLOCATION_INVARIANTS: Mapping[str, str] = {
    "an allocation shares out its block, to the last unit and cent": f"""
        SELECT format('allocation %s of %s units, %s minor, fees %s: traded %s, %s, %s; shared %s, %s, %s', a.id,
                      a.quantity_units, a.amount_minor, a.fee_minor, b.quantity, b.amount, b.fee, s.quantity,
                      s.amount, s.fee)
        FROM trades_allocation a
        LEFT JOIN (
            SELECT key, sum(quantity_units) AS quantity, sum(amount_minor) AS amount, sum(fee_minor) AS fee
            FROM (
                WITH asked AS (
                    SELECT id AS key, trade_id, order_id, side, trade_date FROM trades_allocation
                    WHERE status = 'APPLIED')
                {BLOCK_MATCHES}
            ) m GROUP BY key
        ) b ON b.key = a.id
        LEFT JOIN (
            SELECT allocation_id, sum(quantity_units) AS quantity, sum(amount_minor) AS amount, sum(fee_minor) AS fee
            FROM trades_allocationshare GROUP BY 1
        ) s ON s.allocation_id = a.id
        WHERE a.status = 'APPLIED' AND ((a.quantity_units, a.amount_minor, a.fee_minor) IS DISTINCT FROM
              (b.quantity, b.amount, b.fee)
           OR (a.quantity_units, a.amount_minor, a.fee_minor) IS DISTINCT FROM (s.quantity, s.amount, s.fee))""",
    "a share moves its contracts once, and back if and only if it is cancelled": """
        SELECT format('share %s of allocation %s (%s): %s to the account, %s from the block, %s back', s.id, a.id,
                      a.status, count(c.id) FILTER (WHERE c.cause = 'ALLOCATION' AND c.account_id = s.account_id),
                      count(c.id) FILTER (WHERE c.cause = 'ALLOCATION' AND c.account_id = a.account_id),
                      count(c.id) FILTER (WHERE c.cause = 'REVERSAL'))
        FROM trades_allocationshare s
        JOIN trades_allocation a ON a.id = s.allocation_id
        CROSS JOIN LATERAL (SELECT CASE a.side WHEN 'BUY' THEN 1 ELSE -1 END AS sign) side
        LEFT JOIN clearing_carriedcontract c ON c.cause_id = s.id AND c.cause IN ('ALLOCATION', 'REVERSAL')
            AND c.settlement_date = a.settlement_date AND c.security_id = a.security_id
            AND c.currency_id = a.currency_id
            AND (c.quantity_units, -c.cash_minor) = (
                SELECT way * s.quantity_units, way * s.amount_minor
                FROM (SELECT side.sign * CASE c.account_id WHEN s.account_id THEN 1 WHEN a.account_id THEN -1 END
                             * CASE c.cause WHEN 'ALLOCATION' THEN 1 ELSE -1 END AS way) w)
        GROUP BY s.id, a.id
        HAVING (count(c.id) FILTER (WHERE c.cause = 'ALLOCATION'), count(c.id) FILTER (WHERE c.cause = 'REVERSAL'))
            <> CASE WHEN s.account_id = a.account_id THEN (0::bigint, 0::bigint)
                    WHEN a.status = 'APPLIED' THEN (2::bigint, 0::bigint) ELSE (2::bigint, 2::bigint) END
        UNION ALL
        SELECT format('contract %s of share %s, which is none', c.id, c.cause_id) FROM clearing_carriedcontract c
        WHERE c.cause IN ('ALLOCATION', 'REVERSAL')
          AND NOT EXISTS (SELECT FROM trades_allocationshare s WHERE s.id = c.cause_id)""",
    "an allocated trade and what was allocated of it are netted together": f"""
        SELECT format('share %s of allocation %s: match %s is in netting %s, its contract in %s', s.id, a.id,
                      n.match_id, n.netting_run_id, c.netting_run_id)
        FROM (
            WITH asked AS (
                SELECT id AS key, trade_id, order_id, side, trade_date FROM trades_allocation WHERE status = 'APPLIED')
            {BLOCK_MATCHES}
        ) b
        JOIN trades_allocation a ON a.id = b.key
        JOIN trades_allocationshare s ON s.allocation_id = a.id
        JOIN clearing_novation n ON n.match_id = b.match_id
        JOIN clearing_carriedcontract c ON c.cause = 'ALLOCATION' AND c.cause_id = s.id
        WHERE c.netting_run_id IS DISTINCT FROM n.netting_run_id""",
}
