"""What must hold of positions: what was traded is held or still to be settled, and a close holds what was traded."""

from collections.abc import Mapping

from trades.queries.position_moves import CANCELLED, PAID_IN

# By trade date: both sides of every trade that stands, what was allocated, what was paid in. {until} bounds each.
TRADED_SQL = f"""
    SELECT s.account_id, m.security_id, s.sign * m.quantity_units AS units
    FROM trades_match m
    LEFT JOIN ({CANCELLED}) c ON c.match_id = m.id AND c.business_date <= {{until}}
    CROSS JOIN LATERAL (VALUES (m.buyer_account_id, 1), (m.seller_account_id, -1)) AS s (account_id, sign)
    WHERE m.business_date <= {{until}} AND c.match_id IS NULL
    UNION ALL
    SELECT s.account_id, a.security_id, s.sign * h.quantity_units
    FROM trades_allocation a
    JOIN trades_allocationshare h ON h.allocation_id = a.id
    CROSS JOIN LATERAL (SELECT CASE a.side WHEN 'BUY' THEN 1 ELSE -1 END AS sign) d
    CROSS JOIN LATERAL (VALUES (a.account_id, -d.sign), (h.account_id, d.sign)) AS s (account_id, sign)
    WHERE a.applied_on <= {{until}} AND (a.ended_on IS NULL OR a.ended_on > {{until}})
    UNION ALL
    SELECT p.account_id, p.asset_id, p.amount
    FROM ledger_journalentry e JOIN ledger_posting p ON p.entry_id = e.id
    WHERE e.source IN {PAID_IN} AND e.business_date <= {{until}}
"""

# What is to be received (+) or delivered: obligations, contracts that wait for their netting, trades before either.
PENDING_SQL = """
    SELECT o.account_id, o.security_id, o.quantity_units - sign(o.quantity_units)::bigint * coalesce(i.settled_units, 0)
        AS units
    FROM clearing_obligation o
    LEFT JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = o.id
    WHERE o.discharged_at IS NULL AND o.cancelled_at IS NULL AND o.carried_at IS NULL
    UNION ALL
    SELECT o.counterparty_account_id, o.security_id,
           -o.quantity_units + sign(o.quantity_units)::bigint * coalesce(i.settled_units, 0)
    FROM clearing_obligation o
    LEFT JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = o.id
    WHERE o.kind = 'GROSS' AND o.discharged_at IS NULL AND o.cancelled_at IS NULL
    UNION ALL
    SELECT c.account_id, c.security_id, c.quantity_units FROM clearing_carriedcontract c WHERE c.netting_run_id IS NULL
    UNION ALL
    SELECT s.account_id, m.security_id, s.sign * m.quantity_units
    FROM trades_match m
    LEFT JOIN clearing_novation n ON n.match_id = m.id
    LEFT JOIN clearing_obligation g ON g.match_id = m.id
    JOIN trades_trade t ON t.id = m.buy_trade_id AND t.status <> 'CANCELLED'
    CROSS JOIN LATERAL (VALUES (m.buyer_account_id, 1), (m.seller_account_id, -1)) AS s (account_id, sign)
    WHERE n.netting_run_id IS NULL AND n.cancelled_at IS NULL AND g.id IS NULL
"""

# What moved holdings or contracts without a trade: collateral, lending, a party's own instructions, buy-ins, a
# defaulter's positions given to others. It is no part of a position.
ELSEWHERE_SQL = f"""
    SELECT p.account_id, p.asset_id AS security_id, p.amount AS units
    FROM ledger_journalentry e
    JOIN ledger_posting p ON p.entry_id = e.id
    LEFT JOIN settlement_partialsettlement t ON e.source = 'PARTIAL' AND t.id = e.source_id
    LEFT JOIN settlement_instruction i ON i.id = CASE e.source WHEN 'INSTRUCTION' THEN e.source_id
                                                              WHEN 'PARTIAL' THEN t.instruction_id END
    WHERE e.source NOT IN {PAID_IN} AND coalesce(i.source, '') <> 'OBLIGATION'
    UNION ALL
    SELECT c.account_id, c.security_id, c.quantity_units FROM clearing_carriedcontract c
    WHERE c.cause IN ('TRANSFER', 'CLOSE_OUT')
    UNION ALL
    SELECT o.account_id, o.security_id,
           -o.quantity_units + sign(o.quantity_units)::bigint * coalesce(i.settled_units, 0)
    FROM clearing_obligation o
    LEFT JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = o.id
    WHERE o.carried_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM clearing_carriedcontract c
        WHERE c.cause = 'ROLL' AND c.cause_id = o.id AND c.account_id = o.account_id)
"""

POSITION_INVARIANTS: Mapping[str, str] = {
    "what an account has traded is in its holdings or still to be settled, security by security": f"""
        SELECT format('account %s security %s: traded %s, without a trade %s, held %s, pending %s', account_id,
                      security_id, sum(traded), sum(elsewhere), sum(held), sum(pending))
        FROM (
            SELECT account_id, security_id, units AS traded, 0::bigint AS elsewhere, 0::bigint AS held,
                   0::bigint AS pending
            FROM ({TRADED_SQL.format(until="'infinity'::date")}) traded
            UNION ALL
            SELECT account_id, security_id, 0, units, 0, 0 FROM ({ELSEWHERE_SQL}) elsewhere
            UNION ALL
            SELECT account_id, asset_id, 0, 0, balance, 0 FROM ledger_balance
            UNION ALL
            SELECT account_id, security_id, 0, 0, 0, units FROM ({PENDING_SQL}) pending
        ) side
        JOIN ledger_account a ON a.id = side.account_id AND a.kind = 'SECURITIES'
        JOIN reference_participant p ON p.id = a.participant_id
            AND p.role NOT IN ('CCP', 'CSD', 'CENTRAL_BANK', 'VENUE')
        GROUP BY account_id, security_id
        HAVING sum(traded) + sum(elsewhere) <> sum(held) + sum(pending)""",
    # A day that has grown since it was closed is closed anew in the next evening, and waits until then.
    "the last close holds what was traded up to its day": f"""
        WITH latest AS (
            SELECT DISTINCT ON (business_date) id, business_date, moves FROM trades_positionrun
            ORDER BY business_date DESC, id DESC
        ), happened AS (
            SELECT day, count(*) AS moves FROM (
                SELECT business_date AS day FROM trades_match
                UNION ALL SELECT business_date FROM ({CANCELLED}) c
                UNION ALL SELECT applied_on FROM trades_allocation WHERE applied_on IS NOT NULL
                UNION ALL SELECT ended_on FROM trades_allocation WHERE ended_on IS NOT NULL AND applied_on IS NOT NULL
                UNION ALL SELECT business_date FROM ledger_journalentry WHERE source IN {PAID_IN}
            ) one GROUP BY day
        ), last AS (
            SELECT id, business_date FROM latest l
            WHERE NOT EXISTS (
                SELECT FROM latest one LEFT JOIN happened h ON h.day = one.business_date
                WHERE coalesce(h.moves, 0) <> one.moves)
            ORDER BY business_date DESC LIMIT 1
        )
        SELECT format('account %s security %s: closed at %s, traded %s', account_id, security_id, sum(closed),
                      sum(traded))
        FROM (
            SELECT account_id, security_id, quantity_units AS closed, 0::bigint AS traded
            FROM trades_position WHERE run_id = (SELECT id FROM last)
            UNION ALL
            SELECT account_id, security_id, 0, units
            FROM ({TRADED_SQL.format(until="(SELECT business_date FROM last)")}) traded
        ) side
        JOIN ledger_account a ON a.id = side.account_id AND a.kind = 'SECURITIES'
        JOIN reference_participant p ON p.id = a.participant_id
            AND p.role NOT IN ('CCP', 'CSD', 'CENTRAL_BANK', 'VENUE')
        GROUP BY account_id, security_id HAVING sum(closed) <> sum(traded)""",
}
