"""What must hold of derivatives accounts at any moment, each a query that returns its violations."""

DERIVATIVES_INVARIANTS = {
    "a derivatives balance is what the ledger holds for it": """
        SELECT format('account %s: movements %s, ledger %s', a.id, coalesce(m.total, 0), coalesce(b.balance, 0))
        FROM clearing_derivativeaccount a
        LEFT JOIN (SELECT account_id, sum(amount_minor) AS total FROM clearing_balancemovement GROUP BY 1) m
            ON m.account_id = a.id
        LEFT JOIN ledger_balance b ON b.account_id = a.cash_account_id AND b.asset_id = a.currency_id
        WHERE coalesce(m.total, 0) <> coalesce(b.balance, 0)""",
    "what open derivatives positions cost is the other side of what was realised": """
        SELECT format('currency %s: positions cost %s, DV-OPEN holds %s', c.id, coalesce(p.cost, 0),
                      coalesce(b.balance, 0))
        FROM reference_currency r JOIN reference_asset c ON c.id = r.asset_ptr_id
        LEFT JOIN (
            SELECT k.currency_id, sum(p.cost_minor) AS cost FROM clearing_positionchange p
            JOIN clearing_derivativecontract k ON k.id = p.contract_id GROUP BY 1
        ) p ON p.currency_id = c.id
        LEFT JOIN ledger_account o ON o.name = 'DV-OPEN' AND o.kind = 'CASH'
        LEFT JOIN ledger_balance b ON b.account_id = o.id AND b.asset_id = c.id
        WHERE coalesce(p.cost, 0) <> -coalesce(b.balance, 0)""",
    "open derivatives positions are long as much as short, and none that cost something is nothing": """
        SELECT format('contract %s: %s steps long beyond short', contract_id, sum(quantity_steps))
        FROM clearing_positionchange GROUP BY contract_id HAVING sum(quantity_steps) <> 0
        UNION ALL
        SELECT format('account %s holds nothing of contract %s, at a cost of %s', account_id, contract_id,
                      sum(cost_minor))
        FROM clearing_positionchange GROUP BY account_id, contract_id
        HAVING sum(quantity_steps) = 0 AND sum(cost_minor) <> 0""",
    "the position changes of derivatives trades are the trades": """
        SELECT format('event %s account %s contract %s: traded %s, changed %s', event_id, account_id, contract_id,
                      coalesce(t.steps, 0), coalesce(c.steps, 0))
        FROM (
            SELECT event_id, account_id, contract_id, sum(steps) AS steps FROM (
                SELECT event_id, buyer_id AS account_id, contract_id, quantity_steps AS steps
                FROM clearing_derivativetrade
                UNION ALL
                SELECT event_id, seller_id, contract_id, -quantity_steps FROM clearing_derivativetrade
            ) side GROUP BY 1, 2, 3
        ) t
        FULL JOIN (
            SELECT p.event_id, p.account_id, p.contract_id, p.quantity_steps AS steps FROM clearing_positionchange p
            JOIN clearing_derivativeevent e ON e.sequence = p.event_id AND e.kind <> 'EXPIRY'
        ) c USING (event_id, account_id, contract_id)
        WHERE coalesce(t.steps, 0) <> coalesce(c.steps, 0)""",
    "agreed derivatives trades are worth quantity × price": """
        SELECT format('trade %s: %s for %s × %s', t.id, t.value_minor, t.quantity_steps, t.price_ticks)
        FROM clearing_derivativetrade t JOIN clearing_derivativecontract c ON c.id = t.contract_id
        WHERE t.cause = 'TRADE'
          AND abs(t.value_minor::numeric * c.value_divisor
                  - t.quantity_steps::numeric * t.price_ticks * c.value_multiplier) >= c.value_divisor""",
    "the derivatives history is numbered without gaps": """
        SELECT format('%s events, the last is number %s', count(*), max(sequence))
        FROM clearing_derivativeevent HAVING count(*) <> coalesce(max(sequence), 0)""",
    "the money of all derivatives accounts together is not below zero": """
        SELECT format('currency %s: %s', b.asset_id, sum(b.balance))
        FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id
        WHERE a.kind = 'CASH' AND (a.name = 'DV-OPEN' OR a.id IN (
            SELECT cash_account_id FROM clearing_derivativeaccount))
        GROUP BY b.asset_id HAVING sum(b.balance) < 0""",
    "an expired derivatives contract is held by nobody": """
        SELECT format('account %s holds %s of contract %s', p.account_id, sum(p.quantity_steps), c.symbol)
        FROM clearing_positionchange p JOIN clearing_derivativecontract c ON c.id = p.contract_id
        WHERE c.status = 'EXPIRED' GROUP BY p.account_id, c.symbol HAVING sum(p.quantity_steps) <> 0""",
}
