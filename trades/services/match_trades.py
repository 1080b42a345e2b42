"""Pair what waits to be matched: exact pairs in one statement, the rest in the pure core."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import connection, transaction

from events.contracts import Share
from events.services.outbox import record_fact
from events.services.shares import MOST_NAMED, read_named_shares, read_shares
from reference.core.pairing import Tolerance
from reference.locks import take_lock
from reference.queries import directory
from reference.statistics import refresh_statistics
from reference.tracing import traced
from trades.contracts import TradesMatched
from trades.core.lifecycle import TradeStatus
from trades.core.matching import NearMiss, OpenReport, find_near_misses, pair_reports
from trades.services.advance_trades import set_status

POOL_LOCK = "trades.pool"

# A million pairs are sorted and joined in memory; there is one match run at a time.
WORK_MEMORY_SQL = "SET LOCAL work_mem = '256MB'"

# What a pair's match will hold: the deliverer's amount, and each side's own account.
PAIR_TERMS = """
    b.buyer_account_id, s.seller_account_id, s.security_id, s.currency_id, s.quantity_units, s.amount_minor,
    s.settlement_date, s.cleared
"""

WAITING_SQL = """
    CREATE TEMP TABLE waiting ON COMMIT DROP AS
    SELECT t.id, t.match_key, t.side = 'BUY' AS buys,
           row_number() OVER (PARTITION BY t.match_key, t.side = 'BUY' ORDER BY t.id) AS place
    FROM trades_unmatchedtrade u JOIN trades_trade t ON t.id = u.trade_id
"""

# Reports that agree in every field, the optional ones too, have the same match key; the columns are
# compared as well, for a hash may collide. Duplicates are paired one to one in the order they came.
CANDIDATES_SQL = """
    CREATE TEMP TABLE candidate ON COMMIT DROP AS
    SELECT bought.id AS buy_id, sold.id AS sell_id
    FROM waiting bought JOIN waiting sold USING (match_key, place)
    WHERE bought.buys AND NOT sold.buys
"""

EXACT_PAIRS_SQL = f"""
    CREATE TEMP TABLE found_pair ON COMMIT DROP AS
    SELECT buy_id, sell_id, 'EXACT'::varchar AS rule, {PAIR_TERMS}
    FROM candidate JOIN trades_trade b ON b.id = buy_id JOIN trades_trade s ON s.id = sell_id
    WHERE (s.buyer_id, s.seller_id, s.security_id, s.currency_id, s.quantity_units, s.amount_minor, s.trade_date,
           s.settlement_date, s.cleared, s.transaction_type, s.trading_venue)
        = (b.buyer_id, b.seller_id, b.security_id, b.currency_id, b.quantity_units, b.amount_minor, b.trade_date,
           b.settlement_date, b.cleared, b.transaction_type, b.trading_venue)
"""

OTHER_PAIRS_SQL = f"""
    INSERT INTO found_pair
    SELECT buy_id, sell_id, rule, {PAIR_TERMS}
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS pair (buy_id, sell_id, rule)
    JOIN trades_trade b ON b.id = buy_id JOIN trades_trade s ON s.id = sell_id
"""

PAIRED = "SELECT buy_id AS id FROM found_pair UNION ALL SELECT sell_id FROM found_pair"

OPEN_REPORTS_SQL = """
    SELECT t.id, t.side, t.buyer_id, t.seller_id, t.security_id, t.currency_id, t.quantity_units, t.trade_date,
           t.settlement_date, t.cleared, t.price, t.amount_minor, t.transaction_type, t.trading_venue, u.checked
    FROM trades_unmatchedtrade u JOIN trades_trade t ON t.id = u.trade_id
    ORDER BY t.id
"""

MATCHES_SQL = """
    INSERT INTO trades_match (
        buy_trade_id, sell_trade_id, rule, buyer_account_id, seller_account_id, security_id, currency_id,
        quantity_units, amount_minor, settlement_date, cleared, matched_at, business_date)
    SELECT p.*, %(at)s, %(business_date)s FROM found_pair p ORDER BY sell_id
"""

NAMED_SQL = f"""
    SELECT t.reporter_id, t.public_id FROM ({PAIRED}) p JOIN trades_trade t ON t.id = p.id ORDER BY t.id
"""

# Counted by pairs of accounts first: they are few, and so is what is joined.
COUNTED_SQL = """
    WITH sides AS (
        SELECT buyer_account_id, seller_account_id, count(*) AS pairs FROM found_pair GROUP BY 1, 2
    )
    SELECT a.participant_id, sum(pairs)::bigint
    FROM (SELECT buyer_account_id AS id, pairs FROM sides
          UNION ALL SELECT seller_account_id, pairs FROM sides) side
    JOIN ledger_account a ON a.id = side.id
    GROUP BY 1
"""

REMOVE_EXACT_SQL = f"DELETE FROM trades_unmatchedtrade u USING ({PAIRED}) p WHERE u.trade_id = p.id"

REMOVE_OTHERS_SQL = "DELETE FROM trades_unmatchedtrade WHERE trade_id = ANY(%s)"

FORGET_SQL = f"""
    UPDATE trades_unmatchedtrade SET near_miss_id = NULL, difference = ''
    WHERE near_miss_id IS NOT NULL AND near_miss_id IN ({PAIRED})
"""

CHECKED_SQL = """
    UPDATE trades_unmatchedtrade u SET checked = true,
        near_miss_id = n.other_id, difference = coalesce(n.difference, '')
    FROM unnest(%s::bigint[]) AS o(id)
    LEFT JOIN unnest(%s::bigint[], %s::bigint[], %s::text[]) AS n(id, other_id, difference) ON n.id = o.id
    WHERE u.trade_id = o.id AND (
        NOT u.checked OR u.near_miss_id IS DISTINCT FROM n.other_id OR u.difference <> coalesce(n.difference, ''))
"""


@traced("trades.match")
def match_trades(*, at: datetime, business_date: date) -> int:
    """Match all that waits; return the number of matches made. Called twice, it finds nothing the second time."""
    with transaction.atomic():
        take_lock(name=POOL_LOCK)
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM trades_unmatchedtrade WHERE NOT checked)")
            if not cursor.fetchone()[0]:
                return 0
            cursor.execute(WORK_MEMORY_SQL)
            cursor.execute("DROP TABLE IF EXISTS waiting, candidate, found_pair")
            cursor.execute(WAITING_SQL)
            cursor.execute("ANALYZE waiting")
            cursor.execute(CANDIDATES_SQL)
            cursor.execute("ANALYZE candidate")
            cursor.execute(EXACT_PAIRS_SQL)
            cursor.execute("ANALYZE found_pair")
            cursor.execute(REMOVE_EXACT_SQL)
            alone = _pair_the_rest()
            cursor.execute(MATCHES_SQL, {"at": at, "business_date": business_date})
            matched = int(cursor.rowcount)
            if matched:
                cursor.execute(FORGET_SQL)
                set_status(trades_sql=PAIRED, status=TradeStatus.MATCHED)
                record_fact(fact=TradesMatched(count=matched), shares=_shares(pairs=matched))
            _explain(alone)
            refresh_statistics(rows=matched, tables=("trades_trade", "trades_match"))
    return matched


def _shares(*, pairs: int) -> dict[int, Share]:
    """Return what each party reads: its own reports by name where they are few, their number otherwise."""
    if pairs <= MOST_NAMED:
        return read_named_shares(sql=NAMED_SQL)
    return read_shares(sql=COUNTED_SQL)


def _pair_the_rest() -> list[OpenReport]:
    """Pair what is left within the tolerance and with blank optional fields; return what stays alone."""
    tolerances = _tolerances()
    with connection.cursor() as cursor:
        cursor.execute(OPEN_REPORTS_SQL)
        rows = cursor.fetchall()
        reports = [OpenReport(*row[:-1]) for row in rows]
        if all(row[-1] for row in rows):
            return reports
        pairs = pair_reports(reports=reports, tolerances=tolerances)
        cursor.execute(
            OTHER_PAIRS_SQL,
            [
                [pair.buy.id for pair in pairs],
                [pair.sell.id for pair in pairs],
                [pair.rule for pair in pairs],
            ],
        )
        gone = {pair.buy.id for pair in pairs} | {pair.sell.id for pair in pairs}
        cursor.execute(REMOVE_OTHERS_SQL, [list(gone)])
    return [report for report in reports if report.id not in gone]


def _explain(alone: Sequence[OpenReport]) -> None:
    """Write, beside each report that stays alone, its nearest miss and in what the two differ."""
    by_id = {report.id: report for report in alone}
    misses = find_near_misses(reports=alone, tolerances=_tolerances())
    with connection.cursor() as cursor:
        cursor.execute(
            CHECKED_SQL,
            [
                list(by_id),
                [miss.report_id for miss in misses],
                [miss.other_id for miss in misses],
                [describe_difference(miss=miss, reports=by_id) for miss in misses],
            ],
        )


def describe_difference(*, miss: NearMiss, reports: dict[int, OpenReport]) -> str:
    """Say in what a report differs from its near miss: "differs in price: 101.20 against 102.10"."""
    mine, other = reports[miss.report_id], reports[miss.other_id]
    return "differs in " + ", ".join(
        f"{name}: {_shown(name, mine)} against {_shown(name, other)}" for name in miss.fields
    )


def _shown(name: str, report: OpenReport) -> str:
    """Return a field of a report as a person reads it."""
    source = directory()
    if name == "price":
        text = f"{report.price:.6f}"
        return text[:-4] + text[-4:].rstrip("0")
    if name == "amount":
        return f"{report.amount_minor / 100:,.2f}"
    if name in ("buyer", "seller"):
        return source.participants[report.buyer_id if name == "buyer" else report.seller_id].code
    if name == "security":
        return source.securities[report.security_id].isin
    if name == "currency":
        return source.currencies[report.currency_id].code
    values = {
        "quantity": f"{report.quantity_units:,}",
        "trade date": report.trade_date.isoformat(),
        "settlement date": report.settlement_date.isoformat(),
        "clearing": "cleared" if report.cleared else "not cleared",
        "transaction type": report.transaction_type,
        "trading venue": report.trading_venue,
    }
    return values[name]


def _tolerances() -> dict[int, Tolerance]:
    """Return the matching tolerance of each currency, by its id."""
    return {
        entry.id: Tolerance(entry.tolerance_band_minor, entry.tolerance_below_minor, entry.tolerance_above_minor)
        for entry in directory().currencies.values()
    }
