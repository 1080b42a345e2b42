"""Record what the venues have executed: fills, locked-in trades and the orders' sums. Each execution exactly once."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection, transaction

from events.services.outbox import record_fact
from events.services.shares import read_named_shares
from reference.core.actor import SYSTEM
from reference.locks import take_lock
from reference.prepared import fetch_all_prepared
from reference.public_ids import new_public_ids
from reference.queries import directory
from trades.contracts import OrdersFilled
from trades.core.executions import Executed, ExecutedSide, fills_of, name_execution, resolve_execution
from trades.core.order_lifecycle import OrderStatus, follow_fills
from trades.core.report import CaptureContext
from trades.core.venue_fees import VenueFees
from trades.queries.capture_context import capture_context
from trades.services.capture_trades import announce_captured, prepare_chunk, write_chunk
from trades.services.orders.step_orders import step_orders

FILLS_LOCK = "trades.fills"
MOST_EXECUTIONS = 5_000

# Asked on every sweep, and before a lock is taken: planning the statement below takes longer than this whole answer.
WAITING_SQL = """
    SELECT FROM trades_venuebook b LEFT JOIN trades_executionmark m ON m.book_id = b.id
    WHERE b.execution_number > coalesce(m.number, 0) LIMIT 1
"""

# The tape above the mark. A book numbers its executions without a gap, under its lock, so a mark misses none.
UNRECORDED_SQL = """
    SELECT x.book_id, x.number, x.at, x.business_date, x.price_ticks * b.tick AS price, x.quantity_units, x.taker_side,
           b.venue_id, v.mic, v.participant_id, v.maker_ppm, v.taker_ppm, v.minimum_fee_minor, b.security_id,
           x.maker_owner, made.account_id AS maker_account, made.id AS maker_order, ms.id AS maker_slice,
           ms.quoted_price AS maker_quoted,
           x.taker_owner, took.account_id AS taker_account, took.id AS taker_order, ts.id AS taker_slice,
           ts.quoted_price AS taker_quoted
    FROM trades_venuebook b
    LEFT JOIN trades_executionmark m ON m.book_id = b.id
    JOIN trades_venue v ON v.id = b.venue_id
    JOIN trades_venueexecution x ON x.book_id = b.id AND x.number > coalesce(m.number, 0)
    LEFT JOIN trades_orderslice ms ON ms.id = x.maker_order_id
    LEFT JOIN trades_order made ON made.id = ms.order_id
    LEFT JOIN trades_orderslice ts ON ts.id = x.taker_order_id
    LEFT JOIN trades_order took ON took.id = ts.order_id
    WHERE b.execution_number > coalesce(m.number, 0)
    ORDER BY x.id LIMIT %s
"""

MARKS_SQL = """
    INSERT INTO trades_executionmark (book_id, number)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS mark (book_id, number) ORDER BY book_id
    ON CONFLICT (book_id) DO UPDATE SET number = excluded.number
"""

# Whose orders were filled; a participant's share counts orders, the fact its fills.
ORDERS_OF_SQL = """
    SELECT c.broker_id, o.public_id FROM trades_order o JOIN trades_client c ON c.id = o.client_id
    WHERE o.id = ANY(%s) ORDER BY o.id
"""
LOCK_ORDERS_SQL = "SELECT id FROM trades_order WHERE id = ANY(%s) ORDER BY id FOR UPDATE"

# One statement writes the fills and all sums that follow from them.
FILLS_SQL = """
    WITH made AS (
        INSERT INTO trades_fill (
            public_id, order_id, slice_id, venue_id, execution_id, trade_id, maker, quantity_units, price,
            amount_minor, fee_minor, quoted_price, at, business_date)
        SELECT f.public_id, f.order_id, f.slice_id, f.venue_id, t.trade_id, t.id, f.maker, t.quantity_units, t.price,
            t.amount_minor, f.fee_minor, f.quoted_price, f.at, f.business_date
        FROM jsonb_to_recordset(%s::jsonb) AS f (
            place bigint, public_id uuid, trade uuid, order_id bigint, slice_id bigint, venue_id bigint,
            maker boolean, fee_minor bigint, quoted_price numeric, at timestamptz, business_date date)
        JOIN trades_trade t ON t.public_id = f.trade
        ORDER BY f.place
        RETURNING order_id, slice_id, quantity_units, amount_minor, fee_minor
    ), sliced AS (
        UPDATE trades_orderslice s SET filled_units = s.filled_units + f.units,
            status = CASE WHEN s.filled_units + f.units = s.quantity_units THEN 'FILLED' ELSE s.status END
        FROM (SELECT slice_id, sum(quantity_units) AS units FROM made GROUP BY 1) f WHERE s.id = f.slice_id
    )
    UPDATE trades_order o SET filled_units = o.filled_units + f.units, filled_minor = o.filled_minor + f.minor,
        fees_minor = o.fees_minor + f.fees
    FROM (SELECT order_id, sum(quantity_units) AS units, sum(amount_minor) AS minor, sum(fee_minor) AS fees
          FROM made GROUP BY 1) f
    WHERE o.id = f.order_id
    RETURNING o.id, o.quantity_units, o.filled_units, o.status
"""


def record_fills(*, at: datetime, business_date: date) -> int:
    """Record all executions that are not recorded yet; return how many fills that made.

    One transaction for each few thousand: trade, match, fills, sums, steps and the mark stand together or not at
    all. Killed before it commits, the executions are found again above the mark; called twice, or by two at once,
    the second finds nothing.
    """
    fills = 0
    while fetch_all_prepared(statement=WAITING_SQL, parameters={}):
        with transaction.atomic():
            take_lock(name=FILLS_LOCK)
            with connection.cursor() as cursor:
                cursor.execute(UNRECORDED_SQL, [MOST_EXECUTIONS])
                names = [column.name for column in cursor.description]
                rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            if not rows:
                return fills
            fills += write_executions(executions=_read_executions(rows), at=at, business_date=business_date)
            marks = {row["book_id"]: row["number"] for row in rows}
            with connection.cursor() as cursor:
                cursor.execute(MARKS_SQL, [list(marks), list(marks.values())])
        if len(rows) < MOST_EXECUTIONS:
            break
    return fills


def write_executions(*, executions: Sequence[Executed], at: datetime, business_date: date) -> int:
    """Write executions that nobody has written yet, inside the caller's transaction and under FILLS_LOCK.

    Returns how many fills that made. An execution between two of the market makers' is a trade without a fill.
    """
    context = capture_context(actor=SYSTEM, business_date=business_date)
    securities = directory().securities
    resolved = []
    for executed in executions:
        entry = securities[executed.security_id]
        terms = context.securities[entry.isin]
        settlement_date = context.settlement_day(terms.currency, executed.trade_date, terms.settlement_lag_days)
        resolved.append(resolve_execution(executed=executed, terms=terms, settlement_date=settlement_date))
    orders = {side.order_id for executed in executions for side in (executed.buyer, executed.seller)} - {None}
    with connection.cursor() as cursor:
        cursor.execute(LOCK_ORDERS_SQL, [list(orders)])
    chunk = prepare_chunk(resolved=resolved)
    written = write_chunk(chunk=chunk, at=at, business_date=business_date, submission_id=None)
    refused = [outcome for outcome in written.outcomes if outcome.outcome != "ACCEPTED"]
    if refused:
        raise RuntimeError(f"an execution stands already as another trade: {refused[0]}")
    rows: list[dict[str, Any]] = []
    for executed, report, outcome in zip(executions, resolved, written.outcomes, strict=True):
        rows.extend(
            {
                "trade": outcome.public_id, "order_id": fill.order_id, "slice_id": fill.slice_id,
                "venue_id": executed.venue_id, "maker": fill.maker, "fee_minor": fill.fee_minor,
                "quoted_price": fill.quoted_price, "at": executed.at, "business_date": executed.trade_date,
            }
            for fill in fills_of(executed=executed, amount_minor=report.amount_minor)
        )  # fmt: skip
    for place, (row, public_id) in enumerate(zip(rows, new_public_ids(count=len(rows)), strict=True)):
        row |= {"place": place, "public_id": public_id}
    with connection.cursor() as cursor:
        cursor.execute(FILLS_SQL, [msgspec.json.encode(rows).decode()])
        moved = cursor.fetchall()
    _follow(moved=moved, at=at)
    announce_captured(written=written, chunk=chunk)
    if rows:
        filled = sorted({row["order_id"] for row in rows})
        shares = read_named_shares(sql=ORDERS_OF_SQL, parameters=[filled])
        record_fact(fact=OrdersFilled(count=len(rows)), shares=shares)
    return len(rows)


def _follow(*, moved: Sequence[tuple[int, int, int, str]], at: datetime) -> None:
    """Move the orders to what their fills say."""
    steps: dict[OrderStatus, list[int]] = {}
    for order_id, quantity_units, filled_units, status in moved:
        after = follow_fills(quantity_units=quantity_units, filled_units=filled_units)
        if after != status:
            steps.setdefault(after, []).append(order_id)
    for after, order_ids in steps.items():
        step_orders(order_ids=order_ids, status=after, at=at)


def _read_executions(rows: Sequence[dict[str, Any]]) -> list[Executed]:
    """Return rows of the tape as executions; the market maker's side goes into its own account."""
    source = directory()
    context = capture_context(actor=SYSTEM, business_date=rows[0]["business_date"])
    executions = []
    for row in rows:
        maker, taker = (_side(row=row, name=name, context=context) for name in ("maker", "taker"))
        buyer_is_maker = row["taker_side"] == "SELL"
        executions.append(
            Executed(
                venue_id=row["venue_id"],
                mic=row["mic"],
                reporter_id=row["participant_id"],
                fees=VenueFees(row["maker_ppm"], row["taker_ppm"], row["minimum_fee_minor"]),
                execution_id=name_execution(
                    mic=row["mic"], isin=source.securities[row["security_id"]].isin, number=row["number"]
                ),
                at=row["at"],
                trade_date=row["business_date"],
                security_id=row["security_id"],
                price=Decimal(row["price"]),
                quantity_units=row["quantity_units"],
                buyer=maker if buyer_is_maker else taker,
                seller=taker if buyer_is_maker else maker,
                buyer_is_maker=buyer_is_maker,
            )
        )
    return executions


def _side(*, row: dict[str, Any], name: str, context: CaptureContext) -> ExecutedSide:
    """Return the maker's or the taker's side of a row of the tape."""
    owner = row[f"{name}_owner"]
    account = row[f"{name}_account"] or context.accounts[owner, "HOUSE"]
    return ExecutedSide(owner, account, row[f"{name}_order"], row[f"{name}_slice"], row[f"{name}_quoted"])
