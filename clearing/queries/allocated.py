"""Which accounts a netted trade was allocated to: their obligations are the trade's as well."""

from trades.queries.blocks import BLOCK_MATCHES

# match and account of each share that stands; {which} narrows down the allocations.
ALLOCATED_SQL = f"""
    SELECT b.match_id, s.account_id
    FROM (
        WITH asked AS (
            SELECT id AS key, trade_id, order_id, side, trade_date FROM trades_allocation
            WHERE status = 'APPLIED' AND {{which}}
        )
        {BLOCK_MATCHES}
    ) b
    JOIN trades_allocationshare s ON s.allocation_id = b.key
"""
