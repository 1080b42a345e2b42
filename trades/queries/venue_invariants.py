"""What must hold of the venues' books, each a query that returns violations."""

from collections.abc import Mapping

VENUE_INVARIANTS: Mapping[str, str] = {
    "a venue's book stands where its log and its tape end, both without a gap": """
        SELECT format('book %s stands at event %s and execution %s; %s events up to %s, %s executions up to %s', b.id,
                      b.event_number, b.execution_number, coalesce(e.count, 0), coalesce(e.last, 0),
                      coalesce(x.count, 0), coalesce(x.last, 0))
        FROM trades_venuebook b
        LEFT JOIN (SELECT book_id, count(*), max(number) AS last FROM trades_venueevent GROUP BY 1) e
            ON e.book_id = b.id
        LEFT JOIN (SELECT book_id, count(*), max(number) AS last FROM trades_venueexecution GROUP BY 1) x
            ON x.book_id = b.id
        WHERE (b.event_number, b.event_number, b.execution_number, b.execution_number)
           <> (coalesce(e.count, 0), coalesce(e.last, 0), coalesce(x.count, 0), coalesce(x.last, 0))""",
    # The largest it ever was: it may have been replaced by a smaller one since. Quotes are made anew all day.
    "no order is executed at a venue above its quantity": """
        SELECT format('order %s at book %s: %s units executed of %s', x.order_id, x.book_id, x.units, e.units)
        FROM (SELECT book_id, order_id, sum(quantity_units) AS units FROM (
                  SELECT book_id, maker_order_id AS order_id, quantity_units FROM trades_venueexecution
                  UNION ALL SELECT book_id, taker_order_id, quantity_units FROM trades_venueexecution) sides
              GROUP BY 1, 2) x
        LEFT JOIN LATERAL (
            SELECT max(e.quantity_units) AS units FROM trades_venueevent e
            WHERE e.order_id = x.order_id AND e.book_id = x.book_id AND e.kind IN ('ADD', 'REPLACE')
        ) e ON true
        WHERE x.order_id > 0 AND x.units > coalesce(e.units, 0)""",
}
