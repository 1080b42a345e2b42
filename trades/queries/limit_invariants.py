"""What must hold between the limits of clients and their orders, each a query that returns violations."""

from collections.abc import Mapping

LIMIT_INVARIANTS: Mapping[str, str] = {
    "a client's limits are used as its orders say, and never above": """
        SELECT format('client %s holds %s of %s credit, its orders say %s', coalesce(u.client_id, o.client_id),
                      u.used_minor, u.limit_minor, o.minor)
        FROM trades_credituse u
        FULL JOIN (SELECT client_id, sum(reserved_minor) AS minor FROM trades_order GROUP BY 1) o USING (client_id)
        WHERE coalesce(u.used_minor, 0) <> coalesce(o.minor, 0) OR u.used_minor > u.limit_minor
        UNION ALL
        SELECT format('client %s has ordered %s and replaced %s of %s on %s, its orders say %s',
                      coalesce(u.client_id, o.client_id), u.ordered_minor, u.replaced_minor, u.limit_minor,
                      coalesce(u.business_date, o.business_date), o.minor)
        FROM trades_dailyuse u
        FULL JOIN (SELECT client_id, business_date, sum(ordered_minor) AS minor FROM trades_order GROUP BY 1, 2) o
            USING (client_id, business_date)
        WHERE coalesce(u.ordered_minor, 0) <> coalesce(o.minor, 0)
           OR u.ordered_minor + u.replaced_minor > u.limit_minor""",
    # A limit order trades at its limit or better and a market order no worse than its protection price.
    "a purchase has cost no more than it reserved, and reserves its cost until it settles": """
        SELECT format('order %s is %s, holds %s and owes %s', o.id, o.status, o.reserved_minor, owed.minor)
        FROM trades_order o
        LEFT JOIN (
            SELECT f.order_id, sum(f.amount_minor) AS minor
            FROM trades_fill f JOIN trades_trade t ON t.id = f.trade_id AND t.status IN ('SETTLED', 'CANCELLED')
            GROUP BY 1
        ) done ON done.order_id = o.id
        CROSS JOIN LATERAL (SELECT ceil((o.filled_minor - coalesce(done.minor, 0)) * o.credit_rate) AS minor) owed
        WHERE o.side = 'BUY' AND o.status NOT IN ('SETTLED', 'CANCELLED', 'EXPIRED', 'REJECTED')
          AND o.reserved_minor < owed.minor
        UNION ALL
        SELECT format('order %s at %s has a fill at %s', o.id, o.protection_price, f.price)
        FROM trades_order o JOIN trades_fill f ON f.order_id = o.id
        WHERE o.order_type = 'MARKET'
          AND CASE o.side WHEN 'BUY' THEN f.price > o.protection_price ELSE f.price < o.protection_price END""",
}
