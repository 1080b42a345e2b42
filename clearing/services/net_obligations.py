"""Multilateral netting: many contracts against the CCP become one obligation per account, security and date."""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from clearing.contracts import ObligationsNetted
from clearing.services.novate_trades import CLEARING_LOCK
from events.services.outbox import record_fact
from ledger.models import Account, AccountKind
from reference.locks import take_lock
from reference.queries import directory
from reference.statistics import refresh_statistics
from reference.tracing import is_tracing, link_span, traced

# Capture refuses settlement dates more than 90 days back.
OLDEST_UNNETTED = timedelta(days=100)

DUE_SQL = """
    CREATE TEMP TABLE due_contract ON COMMIT DROP AS
    SELECT n.match_id, n.settlement_date, m.security_id, m.currency_id, m.buyer_account_id, m.seller_account_id,
           m.quantity_units, m.amount_minor
    FROM clearing_novation n JOIN trades_match m ON m.id = n.match_id
    WHERE n.settlement_date <= %(business_date)s AND n.settlement_date > %(oldest)s
      AND n.netting_run_id IS NULL AND n.cancelled_at IS NULL
"""

# What was carried here without a trade. The CCP's own rows only balance the others: it is obliged to nobody.
# An allocation is no contract more: what the block's account bought or sold less, the others did.
DUE_CARRIED_SQL = """
    CREATE TEMP TABLE due_carried ON COMMIT DROP AS
    SELECT c.id, c.settlement_date, c.account_id, c.security_id, c.currency_id, c.quantity_units, c.cash_minor,
           CASE a.side WHEN 'BUY' THEN -c.cash_minor WHEN 'SELL' THEN 0 ELSE greatest(-c.cash_minor, 0) END AS bought,
           CASE a.side WHEN 'SELL' THEN c.cash_minor WHEN 'BUY' THEN 0 ELSE greatest(c.cash_minor, 0) END AS sold,
           CASE WHEN a.id IS NULL THEN 1 WHEN c.account_id = a.account_id THEN 0
                WHEN c.cause = 'ALLOCATION' THEN 1 ELSE -1 END AS contracts
    FROM clearing_carriedcontract c
    LEFT JOIN trades_allocationshare s ON s.id = c.cause_id AND c.cause IN ('ALLOCATION', 'REVERSAL')
    LEFT JOIN trades_allocation a ON a.id = s.allocation_id
    WHERE c.settlement_date <= %(business_date)s AND c.netting_run_id IS NULL
"""

# For a trace alone: the ids under which some of what is netted was reported.
REPORTED_SQL = """
    SELECT DISTINCT a.correlation_id
    FROM (SELECT match_id FROM due_contract LIMIT 32) d JOIN trades_match m ON m.id = d.match_id
    JOIN events_auditrecord a ON a.object_type = 'trade' AND a.object_id IN (m.buy_trade_id, m.sell_trade_id)
    WHERE a.correlation_id IS NOT NULL LIMIT 32
"""

NET_SQL = """
    CREATE TEMP TABLE net_position ON COMMIT DROP AS
    SELECT settlement_date, account_id, security_id, currency_id, sum(quantity)::bigint AS quantity_units,
           sum(sold - bought)::bigint AS cash_minor, sum(contracts)::int AS trades, sum(bought)::bigint AS bought_minor,
           sum(sold)::bigint AS sold_minor
    FROM (
        SELECT settlement_date, buyer_account_id AS account_id, security_id, currency_id, quantity_units AS quantity,
               amount_minor AS bought, 0 AS sold, 1 AS contracts
        FROM due_contract
        UNION ALL
        SELECT settlement_date, seller_account_id, security_id, currency_id, -quantity_units, 0, amount_minor, 1
        FROM due_contract
        UNION ALL
        SELECT settlement_date, account_id, security_id, currency_id, quantity_units, bought, sold, contracts
        FROM due_carried WHERE account_id <> %(ccp_account)s
    ) contract
    GROUP BY settlement_date, account_id, security_id, currency_id
"""

RUNS_SQL = """
    INSERT INTO clearing_nettingrun (
        business_date, settlement_date, ran_at, contracts, obligations, gross_minor, net_minor)
    SELECT %(business_date)s, settlement_date, %(at)s,
           (SELECT count(*) FROM due_contract d WHERE d.settlement_date = totals.settlement_date)::int,
           sum(obligations)::int,
           jsonb_object_agg(code, gross), jsonb_object_agg(code, net)
    FROM (
        SELECT p.settlement_date, a.code, sum(trades) AS trades, count(*) AS obligations,
               sum(bought_minor + sold_minor)::bigint AS gross, sum(abs(cash_minor))::bigint AS net
        FROM net_position p JOIN reference_asset a ON a.id = p.currency_id
        GROUP BY p.settlement_date, a.code
    ) totals
    GROUP BY settlement_date ORDER BY settlement_date
    RETURNING id, settlement_date
"""

OBLIGATIONS_SQL = """
    INSERT INTO clearing_obligation (
        kind, netting_run_id, account_id, counterparty_account_id, security_id, currency_id, settlement_date,
        quantity_units, cash_minor, trades, bought_minor, sold_minor, created_at)
    SELECT 'NET', r.id, p.account_id, %(ccp_account)s, p.security_id, p.currency_id, p.settlement_date,
           p.quantity_units, p.cash_minor, p.trades, p.bought_minor, p.sold_minor, %(at)s
    FROM net_position p
    JOIN unnest(%(runs)s::bigint[], %(dates)s::date[]) AS r (id, settlement_date) USING (settlement_date)
    ORDER BY p.settlement_date, p.security_id, p.account_id
"""

NETTED_SQL = """
    UPDATE clearing_novation n SET netting_run_id = r.id
    FROM due_contract d
    JOIN unnest(%(runs)s::bigint[], %(dates)s::date[]) AS r (id, settlement_date) USING (settlement_date)
    WHERE n.match_id = d.match_id
"""

NETTED_CARRIED_SQL = """
    UPDATE clearing_carriedcontract c SET netting_run_id = r.id
    FROM due_carried d
    JOIN unnest(%(runs)s::bigint[], %(dates)s::date[]) AS r (id, settlement_date) USING (settlement_date)
    WHERE c.id = d.id
"""


@traced("clearing.net")
def net_obligations(*, at: datetime, business_date: date) -> int:
    """Net all novated contracts that settle by the business date; return the number of obligations.

    One run a settlement date. Every contract is in exactly one run, so that a second call nets only
    what was novated since. Positive quantities are received by the account, positive cash too.
    """
    parameters: dict[str, Any] = {
        "at": at,
        "business_date": business_date,
        "oldest": business_date - OLDEST_UNNETTED,
        "ccp_account": ccp_securities_account().pk,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=CLEARING_LOCK)
        cursor.execute("DROP TABLE IF EXISTS due_contract, due_carried, net_position")
        cursor.execute(DUE_SQL, parameters)
        contracts = int(cursor.rowcount)
        cursor.execute(DUE_CARRIED_SQL, parameters)
        if contracts == 0 and cursor.rowcount == 0:
            return 0
        if is_tracing():
            cursor.execute(REPORTED_SQL)
            link_span(correlation_ids=[row[0] for row in cursor.fetchall()])
        cursor.execute("ANALYZE due_contract")
        cursor.execute(NET_SQL, parameters)
        cursor.execute("ANALYZE net_position")
        cursor.execute(RUNS_SQL, parameters)
        runs = cursor.fetchall()
        parameters |= {"runs": [row[0] for row in runs], "dates": [row[1] for row in runs]}
        cursor.execute(OBLIGATIONS_SQL, parameters)
        obligations = int(cursor.rowcount)
        cursor.execute(NETTED_SQL, parameters)
        cursor.execute(NETTED_CARRIED_SQL, parameters)
        record_fact(fact=ObligationsNetted(count=obligations))
        refresh_statistics(rows=contracts, tables=("clearing_novation", "clearing_obligation"))
    return obligations


def ccp_securities_account() -> Account:
    """Return the CCP's own securities account, the counterparty of every net obligation."""
    ccp = directory().ccp
    if ccp is None:
        raise RuntimeError("there is no CCP among the participants: load the reference data first")
    return Account.objects.get(participant_id=ccp.id, kind=AccountKind.SECURITIES, name="HOUSE")
