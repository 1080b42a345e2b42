"""Take trade reports in: resolve, write, and tell what became of each. One report is a set of one."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, overload
from uuid import UUID

import msgspec
import numpy as np
from django.db import connection
from numpy.typing import NDArray

from events.contracts import Share
from events.services.outbox import record_fact
from events.services.shares import MOST_NAMED, share_out
from reference.bulk import Column, copy_arrays
from reference.public_ids import new_public_id_array, uuids_of
from trades.contracts import TradesCaptured, TradesMatched
from trades.core.report import CaptureContext, Problem, ResolvedReport, TradeReport
from trades.core.resolution import resolve_report
from trades.services.copy_trades import copy_trades, trade_columns

SMALL_SET = 50

STAGED_COLUMNS = """
    line bigint, public_id uuid, trade_id text, reporter_id bigint, side text, buyer_id bigint,
    seller_id bigint, buyer_account_id bigint, seller_account_id bigint, security_id bigint,
    currency_id bigint, quantity_units bigint, price numeric, amount_minor bigint, trade_date date,
    settlement_date date, cleared boolean, transaction_type text, trading_venue text, match_key bigint
"""
STAGED_FEW = f"jsonb_to_recordset(%(rows)s::jsonb) AS s({STAGED_COLUMNS})"
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
    ){also}
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


class Outcomes(Sequence[CaptureOutcome]):
    """What became of each of some reports, in order; an outcome is made only when it is asked for.

    public_ids: V16 (n,), of what is ACCEPTED; others: place -> outcome of those that are not.
    """

    def __init__(self, *, public_ids: NDArray[np.void], others: Mapping[int, CaptureOutcome]) -> None:
        self.public_ids = public_ids
        self.others = others

    def __len__(self) -> int:
        return len(self.public_ids)

    @overload
    def __getitem__(self, place: int) -> CaptureOutcome: ...
    @overload
    def __getitem__(self, place: slice) -> list[CaptureOutcome]: ...
    def __getitem__(self, place: int | slice) -> CaptureOutcome | list[CaptureOutcome]:
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        place = range(len(self))[place]
        return self.others.get(place) or CaptureOutcome("ACCEPTED", UUID(bytes=self.public_ids[place].tobytes()))

    def __iter__(self) -> Iterator[CaptureOutcome]:
        for place, public_id in enumerate(uuids_of(public_ids=self.public_ids)):
            yield self.others.get(place) or CaptureOutcome("ACCEPTED", public_id)


class WrittenChunk(NamedTuple):
    """What a chunk of reports became, in order, and how many were taken and locked in."""

    outcomes: Outcomes
    accepted: int
    locked_in: int
    first_id: int | None


class ResolvedChunk(NamedTuple):
    """Reports as resolved, ready to be written.

    outcomes: what each becomes if none was made before; lines: the places of the good ones among them;
    rows: the good ones, where they are few; columns: the good ones as columns of trades_trade.
    """

    outcomes: Outcomes
    lines: Sequence[int]
    rows: list[ResolvedReport]
    columns: dict[str, Column]


def announce_captured(*, written: WrittenChunk, chunk: ResolvedChunk) -> None:
    """Record the facts that wake matching and clearing.

    Each reporter reads how many reports of its own were taken; each party of a locked-in trade, how many of those.
    """
    captured = written.accepted - written.locked_in
    if captured:
        shares = _shares_of_reporters(chunk=chunk) if written.accepted == len(chunk.lines) == captured else None
        record_fact(fact=TradesCaptured(count=captured), shares=shares)
    if written.locked_in:
        shares = _shares_of_parties(chunk=chunk) if written.locked_in == len(chunk.lines) else None
        record_fact(fact=TradesMatched(count=written.locked_in), shares=shares)


def _shares_of_reporters(*, chunk: ResolvedChunk) -> dict[int, Share]:
    """Count a chunk's reports by reporter; name them where they are few."""
    reporters = np.asarray(chunk.columns["reporter_id"])
    if len(reporters) <= MOST_NAMED:
        return share_out(things=zip(reporters.tolist(), _public_ids(chunk=chunk), strict=True))
    found, counts = np.unique(reporters, return_counts=True)
    return {who: Share(count=count) for who, count in zip(found.tolist(), counts.tolist(), strict=True)}


def _shares_of_parties(*, chunk: ResolvedChunk) -> dict[int, Share]:
    """Count a chunk's locked-in trades by buyer and seller; one with oneself counts once."""
    buyers, sellers = np.asarray(chunk.columns["buyer_id"]), np.asarray(chunk.columns["seller_id"])
    if len(buyers) <= MOST_NAMED:
        named = zip(buyers.tolist(), sellers.tolist(), _public_ids(chunk=chunk), strict=True)
        return share_out(things=((who, thing) for buyer, seller, thing in named for who in (buyer, seller)))
    found, counts = np.unique(np.concatenate([buyers, sellers[sellers != buyers]]), return_counts=True)
    return {who: Share(count=count) for who, count in zip(found.tolist(), counts.tolist(), strict=True)}


def _public_ids(*, chunk: ResolvedChunk) -> Iterator[UUID | None]:
    """Return the public ids of a chunk's good reports."""
    return (chunk.outcomes[line].public_id for line in chunk.lines)


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
    public_ids = new_public_id_array(count=len(good))
    columns = trade_columns(rows=good, public_ids=public_ids) if good else {}
    return ResolvedChunk(outcomes_of(lines=lines, public_ids=public_ids, refused=refused), lines, good, columns)


def outcomes_of(
    *, lines: Sequence[int], public_ids: NDArray[np.void], refused: Mapping[int, list[Problem]]
) -> Outcomes:
    """Return the outcomes of a chunk in order. lines: the places of what is taken, under these ids in turn.

    refused: by place, the others.
    """
    everything = np.zeros(len(lines) + len(refused), dtype=public_ids.dtype)
    everything[np.array(lines, dtype=np.int64)] = public_ids
    others = {line: CaptureOutcome("REFUSED", None, tuple(problems)) for line, problems in refused.items()}
    return Outcomes(public_ids=everything, others=others)


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
        cursor.execute(INSERT_SQL.format(staged=staged, also=""), parameters)
        accepted, locked_in, first_id = cursor.fetchone()
        if accepted < count:
            cursor.execute(NOT_INSERTED_SQL.format(staged=staged), parameters)
            standing = {line: outcome_of_standing(standing_id=found, same=same) for line, found, same in cursor}
            outcomes = Outcomes(public_ids=outcomes.public_ids, others={**outcomes.others, **standing})
    return WrittenChunk(outcomes, accepted, locked_in, first_id)


def outcome_of_standing(*, standing_id: UUID, same: bool) -> CaptureOutcome:
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
    return STAGED_FEW


def _stage_many(*, cursor: Any, chunk: ResolvedChunk) -> str:
    """COPY the rows into a temporary table, where the INSERT can select them; return the FROM item."""
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS staged_trade ({STAGED_COLUMNS}) ON COMMIT DELETE ROWS")
    cursor.execute("TRUNCATE staged_trade")
    lines = np.array(chunk.lines, dtype=np.int64)
    copy_arrays(cursor, table="staged_trade", columns={**chunk.columns, "line": lines})
    return "staged_trade s"
