"""Counts per state and what waits, in one statement. %(today)s: the business date; %(at)s: business time.

Each part walks an index: of the business date, or a partial one of what is open. Rows are (metric, label, count,
seconds that the oldest has waited in business time or NULL).
"""

STATE_SQL = """
SELECT 'fmi_trades', status, count(*), NULL::float8 FROM trades_trade WHERE business_date = %(today)s GROUP BY status
UNION ALL
SELECT 'fmi_orders', status, count(*), NULL FROM trades_order WHERE business_date = %(today)s GROUP BY status
UNION ALL
SELECT 'fmi_obligations', CASE WHEN cancelled_at IS NOT NULL THEN 'CANCELLED' WHEN discharged_at IS NOT NULL
    THEN 'DISCHARGED' WHEN carried_at IS NOT NULL THEN 'CARRIED' ELSE 'OPEN' END AS status, count(*), NULL
FROM clearing_obligation WHERE settlement_date = %(today)s GROUP BY 2
UNION ALL
SELECT 'fmi_instructions', status, count(*), NULL FROM settlement_instruction WHERE intended_date = %(today)s
GROUP BY status
UNION ALL
SELECT 'fmi_submission_lines', outcome, lines, NULL
FROM (SELECT sum(accepted) AS accepted, sum(repeated) AS repeated, sum(refused) AS refused FROM trades_submission
      WHERE business_date = %(today)s) s,
    LATERAL (VALUES ('accepted', s.accepted), ('repeated', s.repeated), ('refused', s.refused)) v (outcome, lines)
UNION ALL
SELECT 'fmi_waiting', 'submissions', count(*), extract(epoch FROM %(at)s - min(received_at)) FROM trades_submission
WHERE finished_at IS NULL
UNION ALL
SELECT 'fmi_waiting', 'trades to match', count(*), extract(epoch FROM %(at)s - (
    SELECT received_at FROM trades_trade WHERE id = (SELECT min(trade_id) FROM trades_unmatchedtrade)))
FROM trades_unmatchedtrade
UNION ALL
SELECT 'fmi_waiting', 'orders to route', count(*), extract(epoch FROM %(at)s - min(received_at)) FROM trades_order
WHERE status IN ('VALIDATED', 'ROUTING', 'PARTIALLY_FILLED') AND routed_units < quantity_units
UNION ALL
SELECT 'fmi_waiting', 'obligations to discharge', count(*), extract(epoch FROM %(at)s - (
    SELECT created_at FROM clearing_obligation WHERE discharged_at IS NULL AND cancelled_at IS NULL
    ORDER BY id LIMIT 1))
FROM clearing_obligation WHERE discharged_at IS NULL AND cancelled_at IS NULL
UNION ALL
SELECT 'fmi_waiting', CASE WHEN intended_date < %(today)s THEN 'instructions failing' ELSE 'instructions pending' END,
    count(*), greatest(extract(epoch FROM %(at)s - min(intended_date)::timestamptz), 0)
FROM settlement_instruction WHERE status = 'PENDING' GROUP BY 2
UNION ALL
SELECT 'fmi_waiting', 'party instructions to match', count(*), extract(epoch FROM %(at)s - min(created_at))
FROM settlement_partyinstruction WHERE status = 'UNMATCHED'
UNION ALL
SELECT 'fmi_waiting', 'proposals to approve', count(*), extract(epoch FROM %(at)s - min(proposed_at))
FROM reference_proposal WHERE status = 'PROPOSED'
UNION ALL
SELECT 'fmi_waiting', 'margin calls overdue', count(*), extract(epoch FROM %(at)s - min(deadline))
FROM clearing_margincall WHERE status = 'OVERDUE'
"""
