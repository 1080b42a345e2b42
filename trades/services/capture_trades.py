"""Take trade reports in: resolve, write, and tell what became of each. One report is a set of one."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from django.db import connection, transaction

from events.services import record_action, record_fact
from reference.bulk import Column, copy_arrays
from reference.core.actor import Actor
from reference.public_ids import new_public_ids
from trades.contracts import TradesCaptured, TradesMatched
from trades.core.report import CaptureContext, Problem, ResolvedReport, TradeReport, resolve_report
from trades.queries.capture_context import capture_context
from trades.services.copy_trades import copy_trades, trade_columns

SMALL_SET = 50

STAGED_COLUMNS = """
    line bigint, public_id uuid, trade_id text, reporter_id bigint, side text, buyer_id bigint,
    seller_id bigint, buyer_account_id bigint, seller_account_id bigint, security_id bigint,
    currency_id bigint, quantity_units bigint, price numeric, amount_minor bigint, trade_date date,
    settlement_date date, cleared boolean, transaction_type text, trading_venue text, match_key bigint
"""
STAGED_NAMES = tuple(column.split()[0] for column in STAGED_COLUMNS.split(","))
CONTENT = [name for name in ResolvedReport._fields if name not in ("trade_id", "reporter_id")]

INSERT_SQL = """
    WITH inserted AS (
        INSERT INTO trades_trade (
            public_id, trade_id, reporter_id, side, buyer_id, seller_id, buyer_account_id, seller_account_id,
            security_id, currency_id, quantity_units, price, amount_minor, trade_date, settlement_date, cleared,
            transaction_type, trading_venue, status, received_at, business_date, submission_id, match_key)
        SELECT s.public_id, s.trade_id, s.reporter_id, s.side, s.buyer_id, s.seller_id, s.buyer_account_id,
            s.seller_account_id, s.security_id, s.currency_id, s.quantity_units, s.price, s.amount_minor,
            s.trade_date, s.settlement_date, s.cleared, s.transaction_type, s.trading_venue,
            CASE s.side WHEN 'BOTH' THEN 'MATCHED' ELSE 'NEW' END,
            %(at)s::timestamptz, %(business_date)s::date, %(submission_id)s::bigint,
            s.match_key
        FROM {staged} ORDER BY s.line
        ON CONFLICT (reporter_id, trade_id) DO NOTHING
        RETURNING *
    ), pooled AS (
        INSERT INTO trades_unmatchedtrade (trade_id, checked, difference)
        SELECT id, false, '' FROM inserted WHERE status = 'NEW'
    ), locked_in AS (
        INSERT INTO trades_match (
            buy_trade_id, sell_trade_id, rule, buyer_account_id, seller_account_id, security_id, currency_id,
            quantity_units, amount_minor, settlement_date, cleared, matched_at, business_date)
        SELECT id, id, 'LOCKED_IN', buyer_account_id, seller_account_id, security_id, currency_id,
            quantity_units, amount_minor, settlement_date, cleared, received_at, business_date
        FROM inserted WHERE side = 'BOTH'
    )
    SELECT count(*), count(*) FILTER (WHERE side = 'BOTH'), min(id) FROM inserted
"""

NOT_INSERTED_SQL = f"""
    SELECT s.line, t.public_id, ROW({", ".join("s." + name for name in CONTENT)})
                    IS NOT DISTINCT FROM ROW({", ".join("t." + name for name in CONTENT)})
    FROM {{staged}} JOIN trades_trade t ON t.reporter_id = s.reporter_id AND t.trade_id = s.trade_id
    WHERE t.public_id <> s.public_id
"""


class CaptureOutcome(NamedTuple):
    """What became of one report: ACCEPTED, REPEATED (it stood already) or REFUSED, with the problems."""

    outcome: str
    public_id: UUID | None = None
    problems: tuple[Problem, ...] = ()


class WrittenChunk(NamedTuple):
    """What a chunk of reports became, in order, and how many were taken and locked in."""

    outcomes: list[CaptureOutcome]
    accepted: int
    locked_in: int
    first_id: int | None


class ResolvedChunk(NamedTuple):
    """Reports as resolved, ready to be written.

    outcomes: what each becomes if none was made before; lines: the places of the good ones among them;
    rows: the good ones, where they are few; columns: the good ones as columns of trades_trade.
    """

    outcomes: list[CaptureOutcome]
    lines: Sequence[int]
    rows: list[ResolvedReport]
    columns: dict[str, Column]


def capture_trade(*, report: TradeReport, actor: Actor, at: datetime, business_date: date) -> CaptureOutcome:
    """Capture one report as an audited action of its own.

    A report repeated with the same content is the same trade (REPEATED, with its public id).
    """
    context = capture_context(actor=actor, business_date=business_date)
    with transaction.atomic():
        chunk = write_reports(reports=[report], context=context, at=at, business_date=business_date, submission_id=None)
        announce_captured(count=chunk.accepted, locked_in=chunk.locked_in)
        if chunk.accepted:
            record_action(
                actor=actor,
                action="trade.captured",
                at=at,
                business_date=business_date,
                object_type="trade",
                object_id=chunk.first_id,
                summary=f"{report.trade_id}: {report.buyer} buys {report.quantity} {report.security} "
                f"from {report.seller} at {report.price}",
                detail={"public_id": str(chunk.outcomes[0].public_id)},
            )
    return chunk.outcomes[0]


def announce_captured(*, count: int, locked_in: int) -> None:
    """Record the facts that wake matching and clearing."""
    if count > locked_in:
        record_fact(fact=TradesCaptured(count=count - locked_in))
    if locked_in:
        record_fact(fact=TradesMatched(count=locked_in))


def resolve_reports(
    *, reports: Sequence[TradeReport | Problem], context: CaptureContext
) -> list[ResolvedReport | list[Problem]]:
    """Resolve each report; what could not even be read is a Problem already and passes through."""
    return [
        [report] if isinstance(report, Problem) else resolve_report(report=report, context=context)
        for report in reports
    ]


def write_reports(
    *,
    reports: Sequence[TradeReport | Problem],
    context: CaptureContext,
    at: datetime,
    business_date: date,
    submission_id: int | None,
) -> WrittenChunk:
    """Resolve and write a chunk of reports inside the caller's transaction; the good ones are kept."""
    chunk = prepare_chunk(resolved=resolve_reports(reports=reports, context=context))
    return write_chunk(chunk=chunk, at=at, business_date=business_date, submission_id=submission_id)


def prepare_chunk(*, resolved: Sequence[ResolvedReport | list[Problem]]) -> ResolvedChunk:
    """Put the good ones of some resolved reports in columns. Touches no database."""
    good = [row for row in resolved if isinstance(row, ResolvedReport)]
    lines = [line for line, row in enumerate(resolved) if isinstance(row, ResolvedReport)]
    refused = {line: row for line, row in enumerate(resolved) if isinstance(row, list)}
    public_ids = new_public_ids(count=len(good))
    columns = trade_columns(rows=good, public_ids=public_ids) if good else {}
    return ResolvedChunk(outcomes_of(public_ids=public_ids, refused=refused), lines, good, columns)


def outcomes_of(*, public_ids: Sequence[UUID], refused: Mapping[int, list[Problem]]) -> list[CaptureOutcome]:
    """Return the outcomes of a chunk in order. refused: by place; all others are taken, under these ids in turn."""
    outcomes = [CaptureOutcome("ACCEPTED", public_id) for public_id in public_ids]
    for line, problems in sorted(refused.items()):
        outcomes.insert(line, CaptureOutcome("REFUSED", None, tuple(problems)))
    return outcomes


def write_chunk(*, chunk: ResolvedChunk, at: datetime, business_date: date, submission_id: int | None) -> WrittenChunk:
    """Write resolved reports inside the caller's transaction.

    Many go by COPY straight into the table. Where that meets a report made before, and for a few, the
    rows are staged, and one statement inserts those that are new.
    """
    outcomes, count = chunk.outcomes, len(chunk.lines)
    if not count:
        return WrittenChunk(outcomes, 0, 0, None)
    parameters: dict[str, Any] = {"at": at, "business_date": business_date, "submission_id": submission_id}
    with connection.cursor() as cursor:
        if count > SMALL_SET:
            copied = copy_trades(cursor=cursor, columns=chunk.columns, **parameters)
            if copied is not None:
                return WrittenChunk(outcomes, count, copied.locked_in, copied.first_id)
            staged = _stage_many(cursor=cursor, chunk=chunk)
        else:
            staged = _stage_few(chunk=chunk, parameters=parameters)
        cursor.execute(INSERT_SQL.format(staged=staged), parameters)
        accepted, locked_in, first_id = cursor.fetchone()
        if accepted < count:
            outcomes = list(outcomes)
            cursor.execute(NOT_INSERTED_SQL.format(staged=staged), parameters)
            for line, standing_id, same in cursor.fetchall():
                outcomes[line] = _outcome_of_standing(standing_id=standing_id, same=same)
    return WrittenChunk(outcomes, accepted, locked_in, first_id)


def _outcome_of_standing(*, standing_id: UUID, same: bool) -> CaptureOutcome:
    """Answer for a report whose trade_id stands already."""
    if same:
        return CaptureOutcome("REPEATED", standing_id)
    message = "You have reported another trade under this trade_id."
    return CaptureOutcome("REFUSED", standing_id, (Problem("trade-id-reused", "/trade_id", message),))


def _stage_few(*, chunk: ResolvedChunk, parameters: dict[str, Any]) -> str:
    """Put the rows into the parameters as JSON, where the INSERT can select them; return the FROM item."""
    keys = chunk.columns["match_key"]
    rows = [
        dict(zip(STAGED_NAMES, (line, chunk.outcomes[line].public_id, *row, int(key)), strict=True))
        for line, row, key in zip(chunk.lines, chunk.rows, keys, strict=True)  # type: ignore[arg-type]
    ]
    parameters["rows"] = msgspec.json.encode(rows).decode()
    return f"jsonb_to_recordset(%(rows)s::jsonb) AS s({STAGED_COLUMNS})"


def _stage_many(*, cursor: Any, chunk: ResolvedChunk) -> str:
    """COPY the rows into a temporary table, where the INSERT can select them; return the FROM item."""
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS staged_trade ({STAGED_COLUMNS}) ON COMMIT DELETE ROWS")
    cursor.execute("TRUNCATE staged_trade")
    lines = np.array(chunk.lines, dtype=np.int64)
    copy_arrays(cursor, table="staged_trade", columns={**chunk.columns, "line": lines})
    return "staged_trade s"
