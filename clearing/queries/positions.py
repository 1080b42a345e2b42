"""Open positions of every portfolio: what is novated, not cancelled, and not yet discharged.

A portfolio is one securities account in one currency. Netted obligations count for what is left of them once parts
have settled; contracts that wait for their netting, carried ones too, count whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.db import connection

from clearing.core.arrays import Ints
from reference.bulk import fetch_arrays

# Capture refuses settlement dates more than 90 days back, and netting takes what is due.
OLDEST_UNNETTED = timedelta(days=100)

OPEN_SQL = """
    SELECT o.account_id, o.security_id, o.currency_id,
           o.quantity_units - sign(o.quantity_units)::bigint * coalesce(i.settled_units, 0) AS quantity,
           o.cash_minor - CASE WHEN i.deliverer_account_id = o.account_id THEN 1 ELSE -1 END
               * coalesce(i.settled_minor, 0) AS cash, 0 AS contracts, true AS netted
    FROM clearing_obligation o
    LEFT JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = o.id
    WHERE o.kind = 'NET' AND o.discharged_at IS NULL AND o.cancelled_at IS NULL AND o.carried_at IS NULL
    UNION ALL
    SELECT s.account_id, m.security_id, m.currency_id, s.sign * m.quantity_units, -s.sign * m.amount_minor, 1, false
    FROM clearing_novation n
    JOIN trades_match m ON m.id = n.match_id
    CROSS JOIN LATERAL (VALUES (m.buyer_account_id, 1), (m.seller_account_id, -1)) AS s (account_id, sign)
    WHERE n.settlement_date > %(oldest)s AND n.netting_run_id IS NULL AND n.cancelled_at IS NULL
    UNION ALL
    SELECT c.account_id, c.security_id, c.currency_id, c.quantity_units, c.cash_minor, 1, false
    FROM clearing_carriedcontract c WHERE c.netting_run_id IS NULL
"""

# The CCP's own account is the other side of all of them and no portfolio.
POSITIONS_SQL = f"""
    SELECT open.currency_id, open.account_id, open.security_id, a.member_id, open.quantity, open.cash
    FROM (
        SELECT currency_id, account_id, security_id, sum(quantity)::bigint AS quantity, sum(cash)::bigint AS cash
        FROM ({OPEN_SQL}) position
        WHERE %(accounts)s::bigint[] IS NULL OR account_id = ANY(%(accounts)s::bigint[])
        GROUP BY currency_id, account_id, security_id
    ) open
    JOIN (
        SELECT a.id, CASE p.role WHEN 'CLEARING_MEMBER' THEN p.id ELSE p.clearing_member_id END AS member_id
        FROM ledger_account a JOIN reference_participant p ON p.id = a.participant_id
    ) a ON a.id = open.account_id AND a.member_id IS NOT NULL
    WHERE open.quantity <> 0 OR open.cash <> 0
    ORDER BY open.currency_id, open.account_id, open.security_id
"""


@dataclass(frozen=True, slots=True, eq=False)
class OpenPositions:
    """One element a position, (n,) each, sorted by currency, account and security; starts: where portfolios begin.

    Positive: the account receives; negative: it delivers or pays.
    """

    currency: Ints
    account: Ints
    security: Ints
    member: Ints
    quantity_units: Ints
    cash_minor: Ints

    @property
    def starts(self) -> Ints:
        """Return where each portfolio begins, (p,)."""
        if not len(self.account):
            return np.zeros(0, dtype=np.int64)
        changes = (np.diff(self.account) != 0) | (np.diff(self.currency) != 0)
        return np.concatenate(([0], np.flatnonzero(changes) + 1)).astype(np.int64)

    def of_currency(self, currency_id: int) -> "OpenPositions":
        """Return the positions of one segment."""
        begin, end = np.searchsorted(self.currency, [currency_id, currency_id + 1])
        return OpenPositions(*(getattr(self, name)[begin:end] for name in self.__slots__))


def open_positions(*, business_date: date, accounts: Sequence[int] | None = None) -> OpenPositions:
    """Return the open positions of all portfolios, or of these securities accounts. One query."""
    parameters = {
        "oldest": business_date - OLDEST_UNNETTED,
        "accounts": None if accounts is None else list(accounts),
    }
    with connection.cursor() as cursor:
        return OpenPositions(*fetch_arrays(cursor, POSITIONS_SQL, parameters).values())
