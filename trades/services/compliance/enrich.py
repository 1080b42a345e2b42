"""Enrich what has no enrichment yet, and hold trades against the compliance rules. One drain for both subjects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from events.services.outbox import record_fact
from reference.locks import take_lock
from reference.prepared import fetch_prepared
from reference.statistics import refresh_statistics
from trades.contracts import TradesEnriched
from trades.models import EnrichmentRun, EnrichmentSubject, RiskWeights
from trades.services.compliance.measure import ENRICH_SQL, SHARES_SQL, VOLUMES_SQL, measure_sql
from trades.services.compliance.rules import ALERTS_SQL, judge_sql
from trades.services.compliance.subjects import NEW_ORDERS_SQL, NEW_TRADES_SQL

# A chunk is one transaction: what is enriched stays enriched, whatever befalls the next.
CHUNK = 100_000
WORK_MEMORY_SQL = "SET LOCAL work_mem = '128MB'"
TEMPORARY = ("enrich_subject", "enrich_measured", "enrich_share")


@dataclass(frozen=True)
class Subject:
    """Where a kind of subject lies, and where its enrichment goes."""

    kind: EnrichmentSubject
    table: str
    enrichment: str
    key: str
    new_sql: str


TRADES = Subject(EnrichmentSubject.TRADES, "trades_trade", "trades_tradeenrichment", "trade_id", NEW_TRADES_SQL)
ORDERS = Subject(EnrichmentSubject.ORDERS, "trades_order", "trades_orderenrichment", "order_id", NEW_ORDERS_SQL)

# Asked on every sweep, before a transaction and a lock: whether no id has been given out above the floor.
IDLE_SQL = """
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END = coalesce((
        SELECT floor_id FROM trades_enrichmentrun WHERE subject = '{kind}' ORDER BY id DESC LIMIT 1), 0)
    FROM {table}_id_seq
"""

# The highest id given out so far, then the transactions that are open: whoever was given an id up to the first and
# has not ended is among the second. A transaction holds the lock on its virtual id from its beginning to its end.
SEEN_SQL = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table}_id_seq"
RUNNING_SQL = """
    SELECT coalesce(array_agg(l.virtualtransaction ORDER BY 1), '{}')
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'virtualxid' AND l.granted AND l.pid <> pg_backend_pid() AND a.datname = current_database()
"""

# Trades of any rule's window were enriched by runs of that window, or belong to this one.
WASH_FROM_SQL = """
    SELECT least(found.lowest, (
        SELECT min(e.first_id) FROM trades_enrichmentrun e
        WHERE e.subject = 'TRADES' AND e.at >= found.earliest - make_interval(mins => (
            SELECT coalesce(max(window_minutes), 0) FROM trades_compliancerule WHERE active))))
    FROM (SELECT min(place) AS lowest, min(at) AS earliest FROM enrich_measured) found
"""


def enrich_trades(*, at: datetime, business_date: date) -> int:
    """Enrich every trade that has no enrichment yet, and hold it against the rules; return how many there were.

    Called twice, it finds nothing the second time. Without risk weights in force everything waits.
    """
    return _drain(subject=TRADES, at=at, business_date=business_date)


def enrich_orders(*, at: datetime, business_date: date) -> int:
    """Enrich every order that has no enrichment yet; return how many there were. The rules judged it when it came.

    Called twice, it finds nothing the second time. Without risk weights in force everything waits.
    """
    return _drain(subject=ORDERS, at=at, business_date=business_date)


def _drain(*, subject: Subject, at: datetime, business_date: date) -> int:
    """Enrich chunk by chunk until nothing is left."""
    idle = fetch_prepared(statement=IDLE_SQL.format(kind=subject.kind, table=subject.table), parameters={})
    if idle is not None and idle[0]:
        return 0
    weights = RiskWeights.objects.filter(valid_from__lte=business_date).order_by("-valid_from").first()
    if weights is None:
        return 0
    given = {"weights": weights.pk, "at": at, "business_date": business_date}
    total = 0
    while True:
        with transaction.atomic():
            take_lock(name=f"trades.enrich.{subject.kind}")
            enriched = _enrich_chunk(subject=subject, given=given)
            total += enriched
            if enriched < CHUNK:
                return total


def _enrich_chunk(*, subject: Subject, given: Mapping[str, Any]) -> int:
    """Enrich the lowest CHUNK ids that have no enrichment; write down how far the next search may be cut off."""
    last = EnrichmentRun.objects.filter(subject=subject.kind).order_by("-pk").first()
    floor = last.floor_id if last is not None else 0
    with connection.cursor() as cursor:
        cursor.execute(SEEN_SQL.format(table=subject.table))
        seen = int(cursor.fetchone()[0])
        if seen == floor:
            return 0
        cursor.execute(RUNNING_SQL)
        running: list[str] = cursor.fetchone()[0]
        cursor.execute(WORK_MEMORY_SQL)
        cursor.execute("DROP TABLE IF EXISTS " + ", ".join(TEMPORARY))
        cursor.execute(
            f"CREATE TEMP TABLE enrich_subject ON COMMIT DROP AS {subject.new_sql}", {"floor": floor, "limit": CHUNK}
        )
        enriched = int(cursor.rowcount)
        if not enriched:
            return 0
        cursor.execute("ANALYZE enrich_subject")
        cursor.execute("SELECT min(place), max(place) FROM enrich_subject")
        first_id, last_id = cursor.fetchone()
        alerts = _write(cursor=cursor, subject=subject, given=given)
        refresh_statistics(rows=enriched, tables=(subject.enrichment,))
    safe = _safe_id(last=last, seen=seen, running=running)
    EnrichmentRun.objects.create(
        subject=subject.kind, at=given["at"], business_date=given["business_date"], enriched=enriched, alerts=alerts,
        first_id=first_id,
        floor_id=max(floor, min(safe, last_id if enriched == CHUNK else seen)), seen_id=seen, running=running,
    )  # fmt: skip
    if subject is TRADES:
        record_fact(fact=TradesEnriched(count=enriched, alerts=alerts))
    return enriched


def _safe_id(*, last: EnrichmentRun | None, seen: int, running: Sequence[str]) -> int:
    """Return the id up to which this search saw all that will ever be there.

    Where no other transaction is open, all ids given out. Otherwise those that had been given out at the last run, if
    every transaction that was open then has ended.
    """
    if not running:
        return seen
    if last is not None and not set(last.running) & set(running):
        return last.seen_id
    return last.floor_id if last is not None else 0


def _write(*, cursor: CursorWrapper, subject: Subject, given: Mapping[str, Any]) -> int:
    """Measure, score and judge what lies in enrich_subject; return how many alerts that gave."""
    cursor.execute(
        f"CREATE TEMP TABLE enrich_measured ON COMMIT DROP AS {measure_sql(subject='enrich_subject')}", given
    )
    cursor.execute("ANALYZE enrich_measured")
    if subject is TRADES:
        cursor.execute(VOLUMES_SQL)
    cursor.execute(SHARES_SQL, given)
    cursor.execute(ENRICH_SQL.format(table=subject.enrichment, key=subject.key), given)
    if subject is ORDERS:
        return 0
    cursor.execute(WASH_FROM_SQL)
    judged = judge_sql(measured="enrich_measured", orders=False)
    alerts = ALERTS_SQL.format(trade="b.place", order="NULL::uuid", measured="enrich_measured")
    cursor.execute(f"WITH {judged} {alerts}", {**given, "wash_from": cursor.fetchone()[0]})
    return int(cursor.rowcount)
