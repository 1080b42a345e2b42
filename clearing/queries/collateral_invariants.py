"""What must hold between collateral, calls and the CCP's accounts in members' names: queries that return violations."""

from collections.abc import Mapping

COLLATERAL_INVARIANTS: Mapping[str, str] = {
    "a movement of collateral is one entry between the member's house account and its own at the CCP": """
        SELECT format('movement %s of %s: posted %s at the CCP, %s to the house, %s elsewhere', c.id, c.amount, p.own,
                      p.house, p.elsewhere)
        FROM clearing_collateralmovement c
        LEFT JOIN clearing_membership m ON m.member_id = c.member_id
        LEFT JOIN ledger_journalentry e ON e.source = 'COLLATERAL' AND e.source_id = c.id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(p.amount) FILTER (WHERE p.account_id IN (m.im_cash_id, m.im_securities_id)), 0) AS own,
                   coalesce(sum(p.amount) FILTER (WHERE a.participant_id = c.member_id AND a.name = 'HOUSE'), 0)
                       AS house,
                   count(*) FILTER (WHERE NOT coalesce(p.asset_id = c.asset_id AND (
                       p.account_id IN (m.im_cash_id, m.im_securities_id)
                       OR a.participant_id = c.member_id AND a.name = 'HOUSE'), false)) AS elsewhere
            FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id WHERE p.entry_id = e.id
        ) p
        WHERE (p.own, p.house, p.elsewhere) <> (c.amount, -c.amount, 0)
        UNION ALL
        SELECT format('entry %s of COLLATERAL %s, which is no movement', e.id, e.source_id)
        FROM ledger_journalentry e WHERE e.source = 'COLLATERAL'
          AND NOT EXISTS (SELECT 1 FROM clearing_collateralmovement c WHERE c.id = e.source_id)""",
    "a payment of a margin call goes from the member's house cash to where its kind says": """
        SELECT format('payment %s of %s for call %s of kind %s: posted %s from the house, %s where it belongs,'
                      ' %s elsewhere', y.id, y.amount_minor, c.id, c.kind, p.house, p.there, p.elsewhere)
        FROM clearing_callpayment y
        JOIN clearing_margincall c ON c.id = y.call_id
        LEFT JOIN clearing_membership m ON m.member_id = c.member_id
        LEFT JOIN ledger_journalentry e ON e.source = 'CALL' AND e.source_id = y.id
        CROSS JOIN LATERAL (
            SELECT coalesce(-sum(amount) FILTER (WHERE is_house), 0) AS house,
                   coalesce(sum(amount) FILTER (WHERE is_there), 0) AS there,
                   count(*) FILTER (WHERE NOT (is_house OR is_there) OR asset_id <> c.currency_id) AS elsewhere
            FROM (
                SELECT p.amount, p.asset_id, a.participant_id = c.member_id AND a.name = 'HOUSE' AS is_house,
                       CASE WHEN c.kind IN ('INITIAL', 'INTRADAY') THEN a.id = m.im_cash_id
                            WHEN c.kind = 'VARIATION' THEN a.name = 'VM' AND o.role = 'CCP'
                            ELSE a.id = m.fund_cash_id END AS is_there
                FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id AND a.kind = 'CASH'
                JOIN reference_participant o ON o.id = a.participant_id WHERE p.entry_id = e.id
            ) posted
        ) p
        WHERE (p.house, p.there, p.elsewhere) <> (y.amount_minor, y.amount_minor, 0)
        UNION ALL
        SELECT format('entry %s of CALL %s, which is no payment', e.id, e.source_id)
        FROM ledger_journalentry e WHERE e.source = 'CALL'
          AND NOT EXISTS (SELECT 1 FROM clearing_callpayment y WHERE y.id = e.source_id)""",
    "a margin call is paid as its payments say: in full where it is PAID, never more than it asks": """
        SELECT format('call %s of %s is %s: says %s paid, payments %s', c.id, c.amount_minor, c.status, c.paid_minor,
                      coalesce(y.paid, 0))
        FROM clearing_margincall c
        LEFT JOIN (SELECT call_id, sum(amount_minor) AS paid FROM clearing_callpayment GROUP BY 1) y ON y.call_id = c.id
        WHERE c.paid_minor <> coalesce(y.paid, 0) OR coalesce(y.paid, 0) > c.amount_minor
           OR (c.status = 'PAID') <> (coalesce(y.paid, 0) = c.amount_minor)""",
    # Beside its own movements and payments: what was given back of the fund, the income of its own securities,
    # and, once it is in default, the default.
    "what stands at the CCP in a member's name came by that member, and margin goes only for its own default": """
        SELECT format('account %s of member %s: %s of asset %s by %s %s', p.account_id, m.member_id, p.amount,
                      p.asset_id, e.source, e.source_id)
        FROM clearing_membership m
        JOIN ledger_posting p ON p.account_id IN (m.im_cash_id, m.im_securities_id, m.fund_cash_id)
        JOIN ledger_journalentry e ON e.id = p.entry_id
        WHERE NOT CASE e.source
            WHEN 'COLLATERAL' THEN EXISTS (
                SELECT 1 FROM clearing_collateralmovement c WHERE c.id = e.source_id AND c.member_id = m.member_id)
            WHEN 'CALL' THEN EXISTS (
                SELECT 1 FROM clearing_callpayment y JOIN clearing_margincall c ON c.id = y.call_id
                WHERE y.id = e.source_id AND c.member_id = m.member_id)
            WHEN 'FUND' THEN p.account_id = m.fund_cash_id
            WHEN 'CORPORATE' THEN p.account_id <> m.fund_cash_id
            -- A ported client's margin comes to the member that takes it over.
            WHEN 'DEFAULT' THEN p.amount > 0 OR m.status IN ('DEFAULTED', 'TERMINATED')
            WHEN 'WATERFALL' THEN p.account_id = m.fund_cash_id OR m.status IN ('DEFAULTED', 'TERMINATED')
            ELSE false END""",
}
