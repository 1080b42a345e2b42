"""What must hold between orders, slices, fills and the venues' tapes, each a query that returns violations."""

from collections.abc import Mapping

OPEN = "('VALIDATED', 'ROUTING', 'PARTIALLY_FILLED')"

ORDER_INVARIANTS: Mapping[str, str] = {
    # An execution above the mark waits for its fill; one below it has one for each slice of ours in it.
    "fills are what the venues executed of our slices, once each": """
        SELECT format('execution %s of book %s: %s slices, %s fills of %s units', x.number, x.book_id,
                      ours.slices, count(f.id), coalesce(sum(f.quantity_units), 0))
        FROM trades_venueexecution x
        JOIN trades_executionmark m ON m.book_id = x.book_id AND x.number <= m.number
        JOIN trades_venuebook b ON b.id = x.book_id
        JOIN trades_venue v ON v.id = b.venue_id
        JOIN reference_asset a ON a.id = b.security_id
        CROSS JOIN LATERAL (
            SELECT count(*) AS slices FROM trades_orderslice s WHERE s.id IN (x.maker_order_id, x.taker_order_id)
        ) ours
        LEFT JOIN trades_fill f ON f.venue_id = b.venue_id
            AND f.execution_id = v.mic || '-' || a.code || '#' || x.number
            AND f.slice_id IN (x.maker_order_id, x.taker_order_id)
            AND f.quantity_units = x.quantity_units AND f.price = x.price_ticks * b.tick
        GROUP BY x.id, ours.slices HAVING count(f.id) <> ours.slices
        UNION ALL
        SELECT format('%s fills at books, %s executions of slices recorded', f.fills, x.slices)
        FROM (SELECT count(*) AS fills FROM trades_fill f
              JOIN trades_order o ON o.id = f.order_id
              JOIN trades_venuebook b ON b.venue_id = f.venue_id AND b.security_id = o.security_id) f
        CROSS JOIN (SELECT count(*) AS slices FROM trades_venueexecution x
              JOIN trades_executionmark m ON m.book_id = x.book_id AND x.number <= m.number
              JOIN trades_orderslice s ON s.id IN (x.maker_order_id, x.taker_order_id)) x
        WHERE f.fills <> x.slices""",
    "no execution waits for its fills longer than two sweeps": """
        SELECT format('execution %s of book %s waits since %s', x.number, x.book_id, x.recorded_at)
        FROM trades_venuebook b
        LEFT JOIN trades_executionmark m ON m.book_id = b.id
        JOIN trades_venueexecution x ON x.book_id = b.id AND x.number > coalesce(m.number, 0)
        WHERE b.execution_number > coalesce(m.number, 0)
          AND x.recorded_at < clock_timestamp() - interval '5 minutes'""",
    "an order has filled what its fills say, and no more than its quantity": """
        SELECT format('order %s: %s of %s units, %s minor, %s fees; fills say %s, %s, %s', o.id, o.filled_units,
                      o.quantity_units, o.filled_minor, o.fees_minor, coalesce(f.units, 0), coalesce(f.minor, 0),
                      coalesce(f.fees, 0))
        FROM trades_order o
        LEFT JOIN (SELECT order_id, sum(quantity_units) AS units, sum(amount_minor) AS minor, sum(fee_minor) AS fees
                   FROM trades_fill GROUP BY 1) f ON f.order_id = o.id
        WHERE (o.filled_units, o.filled_minor, o.fees_minor)
           <> (coalesce(f.units, 0), coalesce(f.minor, 0), coalesce(f.fees, 0)) OR o.filled_units > o.quantity_units""",
    "a slice has filled what its fills say": """
        SELECT format('slice %s: %s units, fills say %s', s.id, s.filled_units, coalesce(f.units, 0))
        FROM trades_orderslice s
        LEFT JOIN (SELECT slice_id, sum(quantity_units) AS units FROM trades_fill GROUP BY 1) f ON f.slice_id = s.id
        WHERE s.filled_units <> coalesce(f.units, 0)""",
    "an order is routed as far as its slices are open or filled": f"""
        SELECT format('order %s is %s with %s units routed, its slices say %s', o.id, o.status, o.routed_units,
                      coalesce(s.units, 0))
        FROM trades_order o
        LEFT JOIN (
            SELECT order_id, sum(CASE WHEN status IN ('WAITING', 'RESTING') THEN quantity_units ELSE filled_units END)
                   AS units
            FROM trades_orderslice GROUP BY 1
        ) s ON s.order_id = o.id
        WHERE o.routed_units <> coalesce(s.units, 0) OR (o.status IN {OPEN} AND o.routed_units > o.quantity_units)""",
    "no slice is open of an order that has ended": f"""
        SELECT format('slice %s is %s, its order %s is %s', s.id, s.status, o.id, o.status)
        FROM trades_orderslice s JOIN trades_order o ON o.id = s.order_id
        WHERE s.status IN ('WAITING', 'RESTING') AND o.status NOT IN {OPEN}""",
    "every fill has its trade, with the same terms, matched and locked in": """
        SELECT format('fill %s of order %s: trade %s is %s', f.id, f.order_id, t.id, t.status)
        FROM trades_fill f
        JOIN trades_order o ON o.id = f.order_id
        JOIN trades_venue v ON v.id = f.venue_id
        JOIN trades_trade t ON t.id = f.trade_id
        LEFT JOIN trades_match m ON m.buy_trade_id = t.id AND m.sell_trade_id = t.id AND m.rule = 'LOCKED_IN'
        WHERE m.id IS NULL OR t.side <> 'BOTH' OR t.reporter_id <> v.participant_id
           OR (t.trade_id, t.security_id, t.quantity_units, t.price, t.amount_minor, t.trading_venue)
           <> (f.execution_id, o.security_id, f.quantity_units, f.price, f.amount_minor, v.mic)
           OR o.broker_id <> CASE o.side WHEN 'BUY' THEN t.buyer_id ELSE t.seller_id END""",
    "no fill is beyond its order's limit": """
        SELECT format('fill %s at %s, the order''s limit is %s', f.id, f.price, o.limit_price)
        FROM trades_fill f JOIN trades_order o ON o.id = f.order_id
        WHERE o.order_type = 'LIMIT' AND NOT EXISTS (
                  SELECT FROM trades_orderstep s WHERE s.order_id = o.id AND s.note LIKE '%replaced by%')
          AND CASE o.side WHEN 'BUY' THEN f.price > o.limit_price ELSE f.price < o.limit_price END""",
    "an order stands where its last step says": """
        SELECT format('order %s is %s, its last step says %s', o.id, o.status, last.status)
        FROM trades_order o
        LEFT JOIN LATERAL (
            SELECT status FROM trades_orderstep s WHERE s.order_id = o.id ORDER BY s.id DESC LIMIT 1
        ) last ON true
        WHERE o.status IS DISTINCT FROM last.status""",
    "an order is as filled as its status says": """
        SELECT format('order %s is %s with %s of %s units filled', id, status, filled_units, quantity_units)
        FROM trades_order
        WHERE CASE WHEN status IN ('RECEIVED', 'VALIDATED', 'ROUTING', 'REJECTED', 'EXPIRED') THEN filled_units <> 0
                   WHEN status = 'PARTIALLY_FILLED' THEN filled_units NOT BETWEEN 1 AND quantity_units - 1
                   WHEN status = 'FILLED' THEN filled_units <> quantity_units
                   WHEN status IN ('CLEARING', 'CLEARED', 'SETTLING', 'SETTLED') THEN filled_units = 0 END""",
}
