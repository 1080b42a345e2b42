"""What must hold of every default: its losses are borne in their order, by nobody's margin but its own."""

from collections.abc import Mapping

DEFAULT_INVARIANTS: Mapping[str, str] = {
    "a default's losses are what the layers bear, to the cent": """
        SELECT format('case %s currency %s: %s lost, %s borne', case_id, currency_id, coalesce(lost, 0),
                      coalesce(borne, 0))
        FROM (
            SELECT m.case_id, m.currency_id, greatest(sum(m.amount_minor), 0) AS lost FROM clearing_casemovement m
            WHERE m.kind IN ('VARIATION', 'PRICE', 'HEDGE') GROUP BY 1, 2
        ) m
        FULL JOIN (
            SELECT case_id, currency_id, sum(used_minor) AS borne FROM clearing_waterfalluse GROUP BY 1, 2
        ) u USING (case_id, currency_id)
        WHERE coalesce(lost, 0) <> coalesce(borne, 0)""",
    "no layer of the waterfall bears anything before those above it are used up": """
        SELECT format('case %s currency %s: layer %s bears %s, layer %s has %s of %s left', below.case_id,
                      below.currency_id, below.layer, below.used_minor, above.layer,
                      above.available_minor - above.used_minor, above.available_minor)
        FROM clearing_waterfalluse above JOIN clearing_waterfalluse below USING (case_id, currency_id)
        WHERE above.layer < below.layer AND above.used_minor < above.available_minor AND below.used_minor > 0""",
    "what a layer bears leaves its own account, in one entry": """
        SELECT format('use %s of %s by account %s: posted %s', u.id, u.used_minor, u.account_id, coalesce(p.amount, 0))
        FROM clearing_waterfalluse u
        LEFT JOIN ledger_journalentry e ON e.source = 'WATERFALL' AND e.source_id = u.id
        LEFT JOIN LATERAL (
            SELECT sum(p.amount) AS amount FROM ledger_posting p
            WHERE p.entry_id = e.id AND p.account_id = u.account_id AND p.asset_id = u.currency_id
        ) p ON true
        WHERE -u.used_minor <> coalesce(p.amount, 0)
        UNION ALL
        SELECT format('entry %s of %s %s, which is none', e.id, e.source, e.source_id) FROM ledger_journalentry e
        WHERE e.source = 'WATERFALL' AND NOT EXISTS (SELECT 1 FROM clearing_waterfalluse u WHERE u.id = e.source_id)
           OR e.source = 'DEFAULT' AND NOT EXISTS (SELECT 1 FROM clearing_casemovement m WHERE m.id = e.source_id)""",
    "a survivor's margin pays for no default": """
        SELECT format('account %s of member %s gave %s in %s %s', p.account_id, m.member_id, -p.amount, e.source,
                      e.source_id)
        FROM ledger_journalentry e
        JOIN ledger_posting p ON p.entry_id = e.id AND p.amount < 0
        JOIN clearing_membership m ON p.account_id IN (m.im_cash_id, m.im_securities_id)
        WHERE e.source IN ('DEFAULT', 'WATERFALL') AND m.member_id <> (
            SELECT c.member_id FROM clearing_defaultcase c WHERE c.id = coalesce(
                (SELECT case_id FROM clearing_casemovement d WHERE e.source = 'DEFAULT' AND d.id = e.source_id),
                (SELECT case_id FROM clearing_waterfalluse w WHERE e.source = 'WATERFALL' AND w.id = e.source_id)))""",
    "a default is declared by another person than the one who proposed it": """
        SELECT format('case %s is %s: proposed by %s, declared by %s', id, status, proposed_by, declared_by)
        FROM clearing_defaultcase
        WHERE status NOT IN ('PROPOSED', 'WITHDRAWN') AND (declared_by = '' OR declared_by = proposed_by)""",
    "the account that a default's money passes through holds nothing": """
        SELECT format('account %s holds %s of asset %s', a.code, b.balance, b.asset_id)
        FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id
        JOIN reference_participant o ON o.id = a.participant_id AND o.role = 'CCP'
        WHERE a.name = 'ESTATE' AND b.balance <> 0""",
    "a lot that is sold has moved to its winner, contract by contract, and its worth with it": """
        SELECT format('lot %s: position %s of %s units for %s minor, moved %s for %s; worth %s, paid %s', l.id, p.id,
                      p.quantity_units, p.cash_minor, c.quantity, c.cash, l.worth_minor, w.amount_minor)
        FROM clearing_auctionlot l
        JOIN clearing_bid b ON b.id = l.winning_bid_id
        JOIN clearing_lotposition p ON p.lot_id = l.id
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(c.quantity_units), 0) AS quantity, coalesce(sum(c.cash_minor), 0) AS cash
            FROM clearing_carriedcontract c JOIN ledger_account a ON a.id = c.account_id
            WHERE c.cause = 'TRANSFER' AND c.cause_id = p.id AND a.participant_id = b.member_id
        ) c ON true
        LEFT JOIN clearing_casemovement w ON w.lot_id = l.id AND w.kind = 'WORTH'
        WHERE (c.quantity, c.cash) <> (p.quantity_units, p.cash_minor)
           OR coalesce(-w.amount_minor, 0) <> l.worth_minor""",
}
