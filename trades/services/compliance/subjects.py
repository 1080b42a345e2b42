"""What is measured and judged: trades, orders and tickets in one form, so that each rule is written once.

A subject is one row:

    place            the id of the trade or order, or the number of the ticket in its set
    is_order         whether it is an order or a ticket: it can be refused, and its price is a limit
    side             BUY, SELL, or BOTH where a trade was locked in
    price            the trade's, or the limit; NULL for a market order
    notional_minor   the trade's amount; NULL for an order, whose notional follows from price and market
    participant_id   whose it is: the broker of an order, the reporting party of a trade (locked in: the buyer)
    counterparty_id  the other party of a trade
    account_id       where what is bought goes; NULL where the subject only sells
    at               when it came, in business time
"""

# What has no enrichment yet, above the floor under which there is none such.
NEW_TRADES_SQL = """
    SELECT t.id AS place, false AS is_order, t.security_id, t.currency_id, t.side, t.quantity_units, t.price,
        t.amount_minor AS notional_minor,
        CASE t.side WHEN 'SELL' THEN t.seller_id ELSE t.buyer_id END AS participant_id,
        CASE t.side WHEN 'SELL' THEN t.buyer_id ELSE t.seller_id END AS counterparty_id,
        NULL::bigint AS client_id, t.buyer_account_id AS account_id,
        t.received_at AS at, t.business_date, t.settlement_date - t.trade_date AS settlement_days
    FROM trades_trade t
    LEFT JOIN trades_tradeenrichment e ON e.trade_id = t.id AND e.trade_id > %(floor)s
    WHERE t.id > %(floor)s AND e.trade_id IS NULL
    ORDER BY t.id LIMIT %(limit)s
"""

ORDER_FIELDS = """
    true AS is_order, o.security_id, o.currency_id, o.side, o.quantity_units, o.limit_price AS price,
    NULL::bigint AS notional_minor, o.broker_id AS participant_id, NULL::bigint AS counterparty_id, o.client_id,
    CASE o.side WHEN 'BUY' THEN o.account_id END AS account_id
"""

NEW_ORDERS_SQL = f"""
    SELECT o.id AS place, {ORDER_FIELDS}, o.received_at AS at, o.business_date,
        s.settlement_lag_days::integer AS settlement_days
    FROM trades_order o
    LEFT JOIN trades_orderenrichment e ON e.order_id = o.id AND e.order_id > %(floor)s
    JOIN reference_security s ON s.asset_ptr_id = o.security_id
    WHERE o.id > %(floor)s AND e.order_id IS NULL
    ORDER BY o.id LIMIT %(limit)s
"""

# Tickets that are not written yet, from JSON: `ticket`, with the order's public id, and its subjects.
TICKETS_SQL = """
    ticket AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(%(tickets)s::jsonb) AS o (
            place bigint, public_id uuid, security_id bigint, currency_id bigint, side text, quantity_units bigint,
            limit_price numeric, broker_id bigint, client_id bigint, account_id bigint)
    )
"""
TICKET_SUBJECTS_SQL = f"""
    SELECT o.place, {ORDER_FIELDS}, %(at)s::timestamptz AS at, %(business_date)s::date AS business_date,
        0 AS settlement_days
    FROM ticket o
"""
