"""What must hold between positions, margins and the money of the CCP, each a query that returns violations."""

from collections.abc import Mapping

from clearing.queries.collateral_invariants import COLLATERAL_INVARIANTS
from clearing.queries.default_invariants import DEFAULT_INVARIANTS
from clearing.queries.fund_invariants import FUND_INVARIANTS

RISK_INVARIANTS: Mapping[str, str] = {
    **COLLATERAL_INVARIANTS,
    **DEFAULT_INVARIANTS,
    **FUND_INVARIANTS,
    "variation margin is paid as the portfolios changed, by the member and through the VM account": """
        SELECT format('portfolio margin %s: %s by %s; posted %s to the house cash, %s to VM, %s elsewhere', m.id,
                      m.variation_minor, m.variation_by, p.house, p.vm, p.elsewhere)
        FROM clearing_portfoliomargin m
        LEFT JOIN ledger_journalentry e ON e.source = 'VARIATION' AND e.source_id = m.id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(p.amount) FILTER (WHERE a.participant_id = m.member_id AND a.name = 'HOUSE'), 0)
                       AS house,
                   coalesce(sum(p.amount) FILTER (WHERE a.name = 'VM' AND o.role = 'CCP'), 0) AS vm,
                   count(*) FILTER (WHERE NOT (p.asset_id = m.currency_id AND a.kind = 'CASH' AND (
                       a.participant_id = m.member_id AND a.name = 'HOUSE' OR a.name = 'VM' AND o.role = 'CCP')))
                       AS elsewhere
            FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
            JOIN reference_participant o ON o.id = a.participant_id
            WHERE p.entry_id = e.id
        ) p
        WHERE (p.house, p.vm, p.elsewhere) <> (
            CASE m.variation_by WHEN 'JOURNAL' THEN m.variation_minor ELSE 0 END,
            CASE m.variation_by WHEN 'JOURNAL' THEN -m.variation_minor ELSE 0 END, 0)
        UNION ALL
        SELECT format('entry %s of VARIATION %s, which is no portfolio''s', e.id, e.source_id)
        FROM ledger_journalentry e WHERE e.source = 'VARIATION'
          AND NOT EXISTS (SELECT 1 FROM clearing_portfoliomargin m WHERE m.id = e.source_id)""",
    "variation margin that was not paid is called, to the cent": """
        SELECT format('run %s member %s currency %s: %s not paid, %s called', run_id, member_id, currency_id,
                      coalesce(m.unpaid, 0), coalesce(c.called, 0))
        FROM (
            SELECT run_id, member_id, currency_id, -sum(variation_minor) AS unpaid FROM clearing_portfoliomargin
            WHERE variation_by = 'CALL' GROUP BY 1, 2, 3
        ) m
        FULL JOIN (
            SELECT run_id, member_id, currency_id, sum(amount_minor) AS called FROM clearing_margincall
            WHERE kind = 'VARIATION' GROUP BY 1, 2, 3
        ) c USING (run_id, member_id, currency_id)
        WHERE coalesce(m.unpaid, 0) <> coalesce(c.called, 0)""",
    "a portfolio was margined before for what it was worth in the run before": """
        SELECT format('run %s account %s currency %s: worth %s before, margined for %s', run_id, account_id,
                      currency_id, coalesce(worth_before, 0), worth_before_minor)
        FROM (
            SELECT m.run_id, m.account_id, m.currency_id, m.worth_before_minor, b.worth_minor AS worth_before
            FROM clearing_portfoliomargin m
            JOIN (SELECT id, lag(id) OVER (ORDER BY id) AS before FROM clearing_marginrun) r ON r.id = m.run_id
            LEFT JOIN clearing_portfoliomargin b ON b.run_id = r.before AND b.account_id = m.account_id
                AND b.currency_id = m.currency_id
        ) chain
        WHERE worth_before_minor <> coalesce(worth_before, 0)
        UNION ALL
        SELECT format('run %s leaves out account %s currency %s, worth %s in the run before', r.next, m.account_id,
                      m.currency_id, m.worth_minor)
        FROM clearing_portfoliomargin m
        JOIN (SELECT id, lead(id) OVER (ORDER BY id) AS next FROM clearing_marginrun) r ON r.id = m.run_id
        WHERE r.next IS NOT NULL AND m.worth_minor <> 0 AND NOT EXISTS (
            SELECT 1 FROM clearing_portfoliomargin n
            WHERE n.run_id = r.next AND n.account_id = m.account_id AND n.currency_id = m.currency_id)""",
    # Each market value is rounded on its own, the worth once.
    "what a portfolio is worth is its positions at their marks and its cash": """
        SELECT format('portfolio margin %s: worth %s, cash %s, marks %s, gross %s', m.id, worth_minor, cash_minor,
                      p.net, gross_minor)
        FROM clearing_portfoliomargin m
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(mark), 0) AS net, coalesce(sum(abs(mark)), 0) AS gross FROM unnest(m.mark_minor) AS mark
        ) p
        WHERE abs(worth_minor - cash_minor - p.net) > cardinality(mark_minor) + 1
           OR abs(gross_minor - p.gross) > cardinality(mark_minor) + 1""",
    "a margin run has the portfolios that it says": """
        SELECT format('run %s of %s: %s portfolios, says %s', r.id, r.business_date, count(m.id), r.portfolios)
        FROM clearing_marginrun r LEFT JOIN clearing_portfoliomargin m ON m.run_id = r.id
        GROUP BY r.id HAVING count(m.id) <> r.portfolios""",
}
