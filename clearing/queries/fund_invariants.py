"""What must hold of backtests, stress losses and the default fund: queries that return violations."""

from collections.abc import Mapping

FUND_INVARIANTS: Mapping[str, str] = {
    "a member's default fund account holds what it paid in, less what was returned and used": """
        SELECT format('member %s currency %s: %s on the account; paid %s, returned %s, used %s', member_id, currency_id,
                      balance, paid, returned, used)
        FROM (
            SELECT m.member_id, b.asset_id AS currency_id, b.balance,
                   coalesce((SELECT sum(y.amount_minor) FROM clearing_callpayment y
                             JOIN clearing_margincall c ON c.id = y.call_id
                             WHERE c.member_id = m.member_id AND c.currency_id = b.asset_id
                               AND c.kind IN ('FUND', 'ASSESSMENT')), 0) AS paid,
                   coalesce((SELECT -sum(p.amount) FROM ledger_posting p
                             JOIN ledger_journalentry e ON e.id = p.entry_id AND e.source = 'FUND'
                             WHERE p.account_id = m.fund_cash_id AND p.asset_id = b.asset_id), 0) AS returned,
                   coalesce((SELECT -sum(p.amount) FROM ledger_posting p
                             JOIN ledger_journalentry e ON e.id = p.entry_id AND e.source IN ('WATERFALL', 'DEFAULT')
                             WHERE p.account_id = m.fund_cash_id AND p.asset_id = b.asset_id), 0) AS used
            FROM clearing_membership m JOIN ledger_balance b ON b.account_id = m.fund_cash_id
        ) fund WHERE balance <> paid - returned - used""",
    "what is returned of the default fund is one entry, from the member's fund account to its house cash": """
        SELECT format('contribution %s: %s returned, posted %s and %s', c.id, c.returned_minor, p.given, p.taken)
        FROM clearing_fundcontribution c
        JOIN clearing_membership m ON m.member_id = c.member_id
        JOIN ledger_journalentry e ON e.source = 'FUND' AND e.source_id = c.id
        CROSS JOIN LATERAL (
            SELECT coalesce(-sum(p.amount) FILTER (WHERE p.account_id = m.fund_cash_id), 0) AS given,
                   coalesce(sum(p.amount) FILTER (WHERE a.participant_id = c.member_id AND a.name = 'HOUSE'), 0)
                       AS taken
            FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id WHERE p.entry_id = e.id
        ) p
        WHERE (p.given, p.taken) <> (c.returned_minor, c.returned_minor)
        UNION ALL
        SELECT format('entry %s of FUND %s, which is no contribution', e.id, e.source_id) FROM ledger_journalentry e
        WHERE e.source = 'FUND'
          AND NOT EXISTS (SELECT 1 FROM clearing_fundcontribution c WHERE c.id = e.source_id)""",
    "nothing is returned of the default fund before what is called of others is paid": """
        SELECT format('contribution %s: returned at %s, call %s then open', c.id, e.at, k.id)
        FROM clearing_fundcontribution c
        JOIN ledger_journalentry e ON e.source = 'FUND' AND e.source_id = c.id
        JOIN clearing_fundcontribution o ON o.sizing_id = c.sizing_id
        JOIN clearing_margincall k ON k.id = o.call_id
        WHERE coalesce(k.paid_at, k.withdrawn_at) IS NULL OR coalesce(k.paid_at, k.withdrawn_at) > e.at""",
    "contributions to the default fund sum to its size": """
        SELECT format('sizing %s of %s: contributions %s', s.id, s.size_minor, coalesce(sum(c.contribution_minor), 0))
        FROM clearing_fundsizing s LEFT JOIN clearing_fundcontribution c ON c.sizing_id = s.id
        GROUP BY s.id HAVING coalesce(sum(c.contribution_minor), 0) <> s.size_minor""",
    "what a contribution is short of is called of its member": """
        SELECT format('contribution %s of member %s: %s called, call %s of %s on member %s', c.id, c.member_id,
                      c.called_minor, m.id, m.amount_minor, m.member_id)
        FROM clearing_fundcontribution c
        JOIN clearing_fundsizing s ON s.id = c.sizing_id
        LEFT JOIN clearing_margincall m ON m.id = c.call_id
        WHERE c.called_minor > 0 AND (m.member_id, m.currency_id, m.amount_minor, m.kind)
              IS DISTINCT FROM (c.member_id, s.currency_id, c.called_minor, 'FUND')""",
    "a backtest day has the margin of its portfolio in its evening run": """
        SELECT format('backtest day %s: margin %s of run %s, which required %s', b.id, b.margin_minor, b.run_id,
                      m.requirement_minor)
        FROM clearing_backtestday b
        JOIN clearing_marginrun r ON r.id = b.run_id
        LEFT JOIN clearing_portfoliomargin m ON m.run_id = b.run_id AND m.account_id = b.account_id
            AND m.currency_id = b.currency_id
        WHERE b.margin_minor IS DISTINCT FROM m.requirement_minor OR b.member_id <> m.member_id
           OR r.kind <> 'EVENING' OR b.business_date <= r.business_date""",
    "stress losses have the margin of their run, and no scenario that was not known then": """
        SELECT format('run %s scenario %s member %s: margin %s, required %s', l.run_id, l.scenario_id, l.member_id,
                      l.margin_minor, m.required)
        FROM clearing_stressloss l
        JOIN clearing_marginrun r ON r.id = l.run_id
        JOIN clearing_stressscenario s ON s.id = l.scenario_id
        LEFT JOIN (
            SELECT run_id, member_id, currency_id, sum(requirement_minor) AS required
            FROM clearing_portfoliomargin GROUP BY 1, 2, 3
        ) m ON (m.run_id, m.member_id, m.currency_id) = (l.run_id, l.member_id, l.currency_id)
        WHERE l.margin_minor IS DISTINCT FROM m.required OR s.to_date > r.business_date""",
}
