"""What must hold of enrichments, each a query that returns violations."""

from collections.abc import Mapping

COMPLIANCE_INVARIANTS: Mapping[str, str] = {
    "nothing is left without an enrichment under the id up to which all are enriched": """
        SELECT format('%s %s has no enrichment, and the next search begins above %s', kind, id, floor_id)
        FROM (SELECT coalesce(max(floor_id) FILTER (WHERE subject = 'TRADES'), 0) AS trades,
                     coalesce(max(floor_id) FILTER (WHERE subject = 'ORDERS'), 0) AS orders
              FROM trades_enrichmentrun) floors
        CROSS JOIN LATERAL (
            SELECT 'trade' AS kind, t.id, floors.trades AS floor_id FROM trades_trade t
            LEFT JOIN trades_tradeenrichment e ON e.trade_id = t.id
            WHERE t.id <= floors.trades AND e.trade_id IS NULL
            UNION ALL
            SELECT 'order', o.id, floors.orders FROM trades_order o
            LEFT JOIN trades_orderenrichment e ON e.order_id = o.id
            WHERE o.id <= floors.orders AND e.order_id IS NULL
        ) missing""",
    "what participants traded with one another is the sum of their trades' notionals": """
        SELECT format('%s: participant %s with %s: %s stands, %s was enriched', business_date, participant_id,
                      counterparty_id, coalesce(v.notional_base_minor, 0), coalesce(e.notional_base_minor, 0))
        FROM trades_counterpartyvolume v
        FULL JOIN (
            SELECT t.business_date, sum(e.notional_base_minor) AS notional_base_minor,
                CASE t.side WHEN 'SELL' THEN t.seller_id ELSE t.buyer_id END AS participant_id,
                CASE t.side WHEN 'SELL' THEN t.buyer_id ELSE t.seller_id END AS counterparty_id
            FROM trades_tradeenrichment e JOIN trades_trade t ON t.id = e.trade_id
            WHERE e.notional_base_minor IS NOT NULL GROUP BY 1, 3, 4
        ) e USING (business_date, participant_id, counterparty_id)
        WHERE v.notional_base_minor IS DISTINCT FROM e.notional_base_minor""",
}
