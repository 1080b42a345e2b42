"""What moves positions by trade date: trades, cancellations, allocations, and what is paid in without a trade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from reference.bulk import fetch_arrays

Ints = NDArray[np.int64]

# What was paid in without a trade comes in at the last close on its day, and what a split adds at nothing. Holdings
# that a party gives as collateral, lends or delivers by an instruction of its own stay its position.
PAID_IN = "('OPENING', 'CORPORATE')"

CANCELLED = """
    SELECT r.match_id, m.business_date AS matched_on, max(r.business_date) AS business_date, max(r.requested_at) AS at
    FROM trades_cancellationrequest r
    JOIN trades_match m ON m.id = r.match_id
    JOIN trades_trade t ON t.id = m.buy_trade_id AND t.status = 'CANCELLED'
    GROUP BY r.match_id, m.business_date
"""

# kind: of moves at the same moment, trades come before allocations, and both before what takes them back. What is
# taken back within the days that are read was never there; later it goes the other way, at its own amount.
MOVES_SQL = f"""
    WITH cancelled AS MATERIALIZED ({CANCELLED})
    SELECT move.account_id, move.security_id, move.currency_id, move.units, move.minor, move.fee
    FROM (
        SELECT s.account_id, m.security_id, m.currency_id, s.sign * m.quantity_units AS units,
               s.sign * m.amount_minor AS minor, 0::bigint AS fee, m.business_date, m.matched_at AS at, 1 AS kind, m.id
        FROM trades_match m
        LEFT JOIN cancelled c ON c.match_id = m.id AND c.business_date <= %(until)s
        CROSS JOIN LATERAL (VALUES (m.buyer_account_id, 1), (m.seller_account_id, -1)) AS s (account_id, sign)
        WHERE m.business_date > %(after)s AND m.business_date <= %(until)s AND c.match_id IS NULL
        UNION ALL
        SELECT s.account_id, m.security_id, m.currency_id, s.sign * m.quantity_units, s.sign * m.amount_minor, 0,
               c.business_date, c.at, 3, m.id
        FROM cancelled c
        JOIN trades_match m ON m.id = c.match_id
        CROSS JOIN LATERAL (VALUES (m.buyer_account_id, -1), (m.seller_account_id, 1)) AS s (account_id, sign)
        WHERE c.business_date > %(after)s AND c.business_date <= %(until)s AND c.matched_on <= %(after)s
        UNION ALL
        SELECT o.account_id, m.security_id, m.currency_id, 0, 0, f.fee_minor, m.business_date, m.matched_at, 1, m.id
        FROM trades_match m
        JOIN trades_fill f ON f.trade_id = m.buy_trade_id
        JOIN trades_order o ON o.id = f.order_id
        LEFT JOIN cancelled c ON c.match_id = m.id AND c.business_date <= %(until)s
        WHERE m.business_date > %(after)s AND m.business_date <= %(until)s AND c.match_id IS NULL
        UNION ALL
        SELECT o.account_id, m.security_id, m.currency_id, 0, 0, -f.fee_minor, c.business_date, c.at, 3, m.id
        FROM cancelled c
        JOIN trades_match m ON m.id = c.match_id
        JOIN trades_fill f ON f.trade_id = m.buy_trade_id
        JOIN trades_order o ON o.id = f.order_id
        WHERE c.business_date > %(after)s AND c.business_date <= %(until)s AND c.matched_on <= %(after)s
        UNION ALL
        SELECT s.account_id, a.security_id, a.currency_id, s.sign * h.quantity_units, s.sign * h.amount_minor,
               s.way * h.fee_minor, y.business_date, y.at, y.kind, h.id
        FROM trades_allocation a
        JOIN trades_allocationshare h ON h.allocation_id = a.id AND h.account_id <> a.account_id
        CROSS JOIN LATERAL (VALUES (a.applied_on, a.applied_at, 2, 1), (a.ended_on, a.ended_at, 4, -1))
            AS y (business_date, at, kind, way)
        CROSS JOIN LATERAL (SELECT y.way * CASE a.side WHEN 'BUY' THEN 1 ELSE -1 END AS sign) d
        CROSS JOIN LATERAL (VALUES (a.account_id, -d.sign, -y.way), (h.account_id, d.sign, y.way))
            AS s (account_id, sign, way)
        WHERE y.business_date > %(after)s AND y.business_date <= %(until)s
          AND (a.applied_on <= %(after)s OR a.ended_on IS NULL OR a.ended_on > %(until)s)
        UNION ALL
        SELECT p.account_id, p.asset_id, y.currency_id, p.amount,
               CASE e.source WHEN 'OPENING' THEN coalesce(round(
                   p.amount * price.close * CASE y.quotation WHEN 'PERCENT' THEN 0.01 ELSE 1 END
                   * power(10::numeric, c.digits)), 0)::bigint ELSE 0 END,
               0, e.business_date, e.at, 0, p.id
        FROM ledger_journalentry e
        JOIN ledger_posting p ON p.entry_id = e.id
        JOIN reference_security y ON y.asset_ptr_id = p.asset_id
        JOIN reference_asset c ON c.id = y.currency_id
        LEFT JOIN LATERAL (
            SELECT close FROM reference_dailyprice d WHERE d.security_id = p.asset_id AND d.date <= e.business_date
            ORDER BY d.date DESC LIMIT 1) price ON true
        WHERE e.source IN {PAID_IN} AND e.business_date > %(after)s AND e.business_date <= %(until)s
    ) move
    JOIN ledger_account a ON a.id = move.account_id AND a.kind = 'SECURITIES'
    JOIN reference_participant p ON p.id = a.participant_id AND p.role NOT IN ('CCP', 'CSD', 'CENTRAL_BANK', 'VENUE')
    WHERE (%(accounts)s::bigint[] IS NULL OR move.account_id = ANY(%(accounts)s::bigint[]))
      AND (%(securities)s::bigint[] IS NULL OR move.security_id = ANY(%(securities)s::bigint[]))
    ORDER BY move.account_id, move.security_id, move.currency_id, move.business_date, move.at, move.kind, move.id
"""

COUNT_SQL = f"""
    SELECT (SELECT count(*) FROM trades_match WHERE business_date = d.day)
         + (SELECT count(*) FROM ({CANCELLED}) c WHERE c.business_date = d.day)
         + (SELECT count(*) FROM trades_allocation WHERE applied_on = d.day)
         + (SELECT count(*) FROM trades_allocation WHERE ended_on = d.day AND applied_on IS NOT NULL)
         + (SELECT count(*) FROM ledger_journalentry WHERE source IN {PAID_IN} AND business_date = d.day)
    FROM (SELECT %s::date AS day) d
"""


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """One element a move, (n,) each, sorted by account, security and currency, and within them by time.

    units: received above zero. minor: what was paid for them, of the same sign. fee: paid, moving with the position.
    """

    account: Ints
    security: Ints
    currency: Ints
    units: Ints
    minor: Ints
    fee: Ints

    @property
    def bounds(self) -> list[int]:
        """Return where each position's moves begin, and the end."""
        if not len(self.account):
            return [0]
        changes = (np.diff(self.account) != 0) | (np.diff(self.security) != 0) | (np.diff(self.currency) != 0)
        return [0, *(np.flatnonzero(changes) + 1).tolist(), len(self.account)]


def read_moves(
    *, after: date, until: date, accounts: Sequence[int] | None = None, securities: Sequence[int] | None = None
) -> Moves:
    """Return what moved positions after one business date and up to another. One query."""
    with connection.cursor() as cursor:
        found = fetch_arrays(
            cursor,
            MOVES_SQL,
            {
                "after": after, "until": until, "accounts": None if accounts is None else list(accounts),
                "securities": None if securities is None else list(securities),
            },
        )  # fmt: skip
    return Moves(*found.values())


def count_moves(*, business_date: date) -> int:
    """Return how much happened on a business date that moves positions. One query."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_SQL, [business_date])
        return int(cursor.fetchone()[0])
