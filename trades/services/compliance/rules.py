"""Every compliance rule, once, in SQL over a set of measured subjects (measure.py): trades and tickets alike.

Sources: fat finger and price collar, Article 15 of Commission Delegated Regulation (EU) 2017/589 (pre-trade controls
on order entry); wash trade, Article 12(1)(a) of Regulation (EU) No 596/2014 (MAR) and Annex I A (c) there;
restricted list, Articles 8 and 14 there.
"""

from collections.abc import Collection

from reference.market_data import exchange_rate_sql
from trades.core.order_lifecycle import OrderStatus
from trades.models.compliance_rule import RuleKind

BASE_DIGITS = 2
# Those that may still trade, as the partial index on orders has them.
OPEN_STATUSES = (OrderStatus.VALIDATED, OrderStatus.ROUTING, OrderStatus.PARTIALLY_FILLED)

# Which rule holds for which subject. The parties of a locked-in trade are both its subjects.
HOLDS = """
    r.active AND r.valid_from <= m.business_date
    AND (r.security_id IS NULL OR r.security_id = m.security_id)
    AND (r.client_id IS NULL OR r.client_id = m.client_id)
    AND (r.participant_id IS NULL OR r.participant_id = m.participant_id
         OR m.side = 'BOTH' AND r.participant_id = m.counterparty_id)
"""

# In force on the business date, for everybody or for one of the parties.
RESTRICTED_SQL = f"""
    SELECT m.place, r.id AS rule_id, NULL::bigint AS figure, NULL::bigint AS allowed,
        'The security is on the restricted list: ' || e.reason AS words
    FROM {{measured}} m JOIN trades_compliancerule r ON r.kind = 'RESTRICTED_LIST' AND {HOLDS}
    CROSS JOIN LATERAL (
        SELECT reason FROM trades_restrictedentry e
        WHERE e.security_id = m.security_id
          AND m.business_date BETWEEN e.valid_from AND coalesce(e.valid_to, 'infinity')
          AND (e.participant_id IS NULL OR e.participant_id = m.participant_id
               OR m.side = 'BOTH' AND e.participant_id = m.counterparty_id)
        ORDER BY e.id LIMIT 1
    ) e
"""

# A quantity above a share of the average daily volume, or a notional above a ceiling.
FAT_FINGER_SQL = f"""
    SELECT m.place, r.id, b.figure, b.allowed, b.words
    FROM {{measured}} m JOIN trades_compliancerule r ON r.kind = 'FAT_FINGER' AND {HOLDS}
    CROSS JOIN LATERAL (
        SELECT m.size_bp / 100 AS figure, r.volume_percent::bigint AS allowed,
            format('The quantity is %%s %%%% of an average day''s volume; %%s %%%% is allowed', m.size_bp / 100,
                r.volume_percent) AS words
        WHERE m.quantity_units::numeric * 100 > m.average_volume_units::numeric * r.volume_percent
        UNION ALL
        SELECT m.notional_base_minor, r.ceiling_minor,
            format('The notional is EUR %%s; EUR %%s is allowed', round(m.notional_base_minor / 100.0, 2),
                round(r.ceiling_minor / 100.0, 2))
        WHERE m.notional_base_minor > r.ceiling_minor
        LIMIT 1
    ) b
"""

# An order that would pay too much or sell too cheaply; a trade at a price too far away on either side.
COLLAR_SQL = f"""
    SELECT m.place, r.id, c.figure, c.allowed,
        format('The price %%s is %%s basis points %%s the %%s of %%s; %%s are allowed', trim_scale(m.price), c.figure,
            CASE WHEN m.deviation_bp > 0 THEN 'above' ELSE 'below' END,
            CASE m.price_source WHEN 'QUOTE' THEN 'middle of the quote' ELSE 'last close' END,
            trim_scale(m.mid), c.allowed)
    FROM {{measured}} m JOIN trades_compliancerule r ON r.kind = 'PRICE_COLLAR' AND {HOLDS}
    CROSS JOIN LATERAL (
        SELECT CASE WHEN NOT m.is_order THEN abs(m.deviation_bp) WHEN m.side = 'BUY' THEN m.deviation_bp
               ELSE -m.deviation_bp END AS figure,
            CASE m.price_source WHEN 'QUOTE' THEN r.collar_bp WHEN 'CLOSE' THEN r.close_collar_bp END::bigint AS allowed
    ) c
    WHERE c.figure > c.allowed
"""

# An opposite open order of the same client at a price at which the two would meet. Orders of one set meet too.
WASH_ORDER_SQL = f"""
    SELECT m.place, r.id, NULL, NULL,
        format('It would meet the client''s own order %%s on the other side', o.reference)
    FROM {{measured}} m JOIN trades_compliancerule r ON r.kind = 'WASH_TRADE' AND {HOLDS}
    CROSS JOIN LATERAL (
        SELECT o.client_order_id AS reference, o.limit_price AS price FROM trades_order o
        WHERE o.security_id = m.security_id AND o.client_id = m.client_id AND o.side <> m.side
          AND o.status IN ({", ".join(f"'{status}'" for status in OPEN_STATUSES)})
          AND (m.price IS NULL OR o.limit_price IS NULL
               OR CASE m.side WHEN 'BUY' THEN m.price >= o.limit_price ELSE m.price <= o.limit_price END)
        UNION ALL
        SELECT 'of the same set', o.price FROM {{measured}} o
        WHERE o.security_id = m.security_id AND o.client_id = m.client_id AND o.side <> m.side AND o.place < m.place
          AND (m.price IS NULL OR o.price IS NULL
               OR CASE m.side WHEN 'BUY' THEN m.price >= o.price ELSE m.price <= o.price END)
        LIMIT 1
    ) o
    WHERE m.is_order
"""

# The same quantity back between the same two, at nearly the same price, soon after: nobody's position has changed.
WASH_TRADE_SQL = f"""
    SELECT DISTINCT ON (m.place, r.id) m.place, r.id, found.minutes, r.window_minutes::bigint,
        format('The same quantity went the other way between the same two %%s minutes before, at %%s (%%s)',
            found.minutes, trim_scale(o.price), o.trade_id)
    FROM {{measured}} m
    JOIN trades_trade o ON o.security_id = m.security_id AND o.quantity_units = m.quantity_units
        AND o.id >= %(wash_from)s AND o.id < m.place
        AND o.buyer_id = CASE m.side WHEN 'SELL' THEN m.participant_id ELSE m.counterparty_id END
        AND o.seller_id = CASE m.side WHEN 'SELL' THEN m.counterparty_id ELSE m.participant_id END
        AND o.status <> 'CANCELLED' AND o.received_at <= m.at
    JOIN trades_compliancerule r ON r.kind = 'WASH_TRADE' AND {HOLDS}
    CROSS JOIN LATERAL (
        SELECT (extract(epoch FROM m.at - o.received_at) / 60)::bigint AS minutes
    ) found
    WHERE NOT m.is_order AND o.received_at >= m.at - r.window_minutes * interval '1 minute'
      AND abs(m.price - o.price) * 10000 <= r.tolerance_bp * m.price
    ORDER BY m.place, r.id, o.id DESC
"""

# What the account holds of the issuer after the purchase, of all it holds, cash included, at the last closes.
CONCENTRATION_SQL = f"""
    SELECT m.place, r.id, c.figure, r.share_percent::bigint,
        format('%%s would be %%s %%%% of the portfolio; %%s %%%% is allowed', m.issuer_name, c.figure, r.share_percent)
    FROM {{measured}} m JOIN trades_compliancerule r ON r.kind = 'CONCENTRATION' AND {HOLDS}
        AND m.notional_base_minor >= r.least_minor AND m.account_id IS NOT NULL
    JOIN portfolio p ON p.account_id = m.account_id AND p.business_date = m.business_date
    LEFT JOIN held h ON h.account_id = m.account_id AND h.business_date = m.business_date
        AND h.issuer_name = m.issuer_name
    CROSS JOIN LATERAL (
        SELECT coalesce(h.worth_minor, 0) + m.notional_base_minor AS issuer_minor
    ) after
    CROSS JOIN LATERAL (
        SELECT round(after.issuer_minor * 100 / greatest(p.worth_minor, after.issuer_minor))::bigint AS figure,
            after.issuer_minor * 100 > greatest(p.worth_minor, after.issuer_minor) * r.share_percent AS broken
    ) c
    WHERE c.broken
"""

# What the accounts hold that buy enough to be looked at, in EUR at the last closes before the business date.
HOLDINGS_SQL = f"""
    looked_at AS MATERIALIZED (
        SELECT DISTINCT m.account_id, m.business_date FROM {{measured}} m
        WHERE m.account_id IS NOT NULL AND m.notional_base_minor >= (
            SELECT min(r.least_minor) FROM trades_compliancerule r WHERE r.kind = 'CONCENTRATION' AND r.active)
    ), unit AS MATERIALIZED (
        SELECT k.asset_id, k.business_date, e.issuer_name,
            CASE WHEN e.asset_ptr_id IS NULL THEN x.value / 10::numeric ^ a.digits
                 ELSE x.value * p.close * CASE e.quotation WHEN 'PERCENT' THEN 0.01 ELSE 1 END
            END * 10::numeric ^ {BASE_DIGITS} AS worth_minor
        FROM (
            SELECT DISTINCT b.asset_id, l.business_date FROM looked_at l
            JOIN ledger_account own ON own.id = l.account_id
            JOIN ledger_balance b ON b.account_id IN (own.id, own.linked_cash_id) AND b.balance > 0
        ) k
        JOIN reference_asset a ON a.id = k.asset_id
        LEFT JOIN reference_security e ON e.asset_ptr_id = k.asset_id
        LEFT JOIN {exchange_rate_sql(currency="coalesce(e.currency_id, k.asset_id)", on="k.business_date")} x ON true
        LEFT JOIN LATERAL (
            SELECT p.close FROM reference_dailyprice p
            WHERE p.security_id = e.asset_ptr_id AND p.date < k.business_date ORDER BY p.date DESC LIMIT 1
        ) p ON true
    ), held AS MATERIALIZED (
        SELECT l.account_id, l.business_date, u.issuer_name, sum(b.balance * u.worth_minor) AS worth_minor
        FROM looked_at l
        JOIN ledger_account own ON own.id = l.account_id
        JOIN ledger_balance b ON b.account_id IN (own.id, own.linked_cash_id) AND b.balance > 0
        JOIN unit u ON u.asset_id = b.asset_id AND u.business_date = l.business_date
        GROUP BY 1, 2, 3
    ), portfolio AS MATERIALIZED (
        SELECT l.account_id, l.business_date, coalesce(sum(h.worth_minor), 0) AS worth_minor
        FROM looked_at l LEFT JOIN held h USING (account_id, business_date) GROUP BY 1, 2
    )
"""


def judge_sql(*, measured: str, orders: bool, kinds: Collection[str] = tuple(RuleKind)) -> str:
    """Return the CTEs `broken`: which subject of `measured` breaks which rule, with figure, limit and words.

    measured: a relation with the columns of measure.py. orders: whether they are orders; of the two forms of the wash
    trade only theirs is then asked. kinds: of the rules asked, one at least. Trades need the parameter %(wash_from)s,
    an id under which no trade is in any rule's window.
    """
    rules = {
        RuleKind.RESTRICTED_LIST: RESTRICTED_SQL,
        RuleKind.FAT_FINGER: FAT_FINGER_SQL,
        RuleKind.PRICE_COLLAR: COLLAR_SQL,
        RuleKind.CONCENTRATION: CONCENTRATION_SQL,
        RuleKind.WASH_TRADE: WASH_ORDER_SQL if orders else WASH_TRADE_SQL,
    }
    union = " UNION ALL ".join(f"({rule.format(measured=measured)})" for kind, rule in rules.items() if kind in kinds)
    holdings = f"{HOLDINGS_SQL.format(measured=measured)}, " if RuleKind.CONCENTRATION in kinds else ""
    return f"{holdings}broken (place, rule_id, figure, allowed, words) AS ({union})"


ALERTS_SQL = """
    INSERT INTO trades_compliancealert (rule_id, trade_id, order_id, participant_id, security_id, severity, words,
        figure, allowed, at, business_date, status, handled_by, note)
    SELECT b.rule_id, {trade}, {order}, m.participant_id, m.security_id,
        CASE r.action WHEN 'REJECT' THEN 'HIGH' WHEN 'WARN' THEN 'MEDIUM' ELSE 'LOW' END,
        b.words, b.figure, b.allowed, %(at)s::timestamptz, %(business_date)s::date, 'OPEN', '', ''
    FROM broken b JOIN {measured} m USING (place) JOIN trades_compliancerule r ON r.id = b.rule_id
    ORDER BY b.place, b.rule_id
    ON CONFLICT DO NOTHING
"""
