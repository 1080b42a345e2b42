"""What must hold between credits, pledges and the central bank's accounts, each a query that returns violations."""

from collections.abc import Mapping

CREDIT_INVARIANTS: Mapping[str, str] = {
    "credit owed is what the central bank's credit accounts have lent": """
        SELECT format('account %s currency %s: balance %s, credits say %s', account_id, asset_id,
                      coalesce(held.balance, 0), coalesce(owed.amount, 0))
        FROM (
            SELECT CASE d.status WHEN 'OPEN' THEN l.credit_account_id ELSE l.overnight_account_id END AS account_id,
                   l.currency_id AS asset_id, -sum(d.amount_minor) AS amount
            FROM settlement_creditdraw d JOIN settlement_creditline l ON l.id = d.line_id
            WHERE d.status <> 'REIMBURSED' GROUP BY 1, 2
        ) owed
        FULL JOIN (
            SELECT account_id, asset_id, balance FROM ledger_balance
            WHERE account_id IN (SELECT unnest(ARRAY[credit_account_id, overnight_account_id])
                                 FROM settlement_creditline)
        ) held USING (account_id, asset_id)
        WHERE coalesce(held.balance, 0) <> coalesce(owed.amount, 0)""",
    "collateral held by the central bank is what is pledged for open credits": """
        SELECT format('account %s security %s: balance %s, pledged %s', account_id, asset_id,
                      coalesce(held.balance, 0), coalesce(pledged.units, 0))
        FROM (
            SELECT CASE d.status WHEN 'OPEN' THEN l.collateral_account_id ELSE l.overnight_collateral_account_id END
                   AS account_id, p.security_id AS asset_id, sum(p.units) AS units
            FROM settlement_collateralpledge p
            JOIN settlement_creditdraw d ON d.id = p.credit_id JOIN settlement_creditline l ON l.id = d.line_id
            WHERE d.status <> 'REIMBURSED' GROUP BY 1, 2
        ) pledged
        FULL JOIN (
            SELECT account_id, asset_id, balance FROM ledger_balance
            WHERE account_id IN (SELECT unnest(ARRAY[collateral_account_id, overnight_collateral_account_id])
                                 FROM settlement_creditline)
        ) held USING (account_id, asset_id)
        WHERE coalesce(held.balance, 0) <> coalesce(pledged.units, 0)""",
    "each credit is covered, within its line, and booked as its state says": """
        SELECT format('credit %s of %s is %s: pledged for %s; entries %s', d.id, d.amount_minor, d.status, p.value,
                      e.sources)
        FROM settlement_creditdraw d
        CROSS JOIN LATERAL (SELECT coalesce(sum(units::numeric * unit_value_minor), 0) AS value
                            FROM settlement_collateralpledge WHERE credit_id = d.id) p
        CROSS JOIN LATERAL (SELECT coalesce(string_agg(source, ' ' ORDER BY source), '') AS sources
                            FROM ledger_journalentry WHERE source IN ('CREDIT', 'REIMBURSE', 'RELOCATE')
                            AND source_id = d.id) e
        WHERE p.value < d.amount_minor
           OR e.sources <> 'CREDIT' || CASE WHEN d.status = 'REIMBURSED' THEN ' REIMBURSE' ELSE '' END
                           || CASE WHEN d.relocated_at IS NOT NULL THEN ' RELOCATE' ELSE '' END
        UNION ALL
        SELECT format('line %s: %s owed, limit %s', l.id, sum(d.amount_minor), l.limit_minor)
        FROM settlement_creditline l JOIN settlement_creditdraw d ON d.line_id = l.id
        WHERE d.status <> 'REIMBURSED' GROUP BY l.id HAVING sum(d.amount_minor) > l.limit_minor""",
}
