"""Take one trade report in, as an audited action of its own: one statement, prepared, is the whole transaction."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from events.contracts import Share
from events.services.audit import ACTION_PART, action_parameters
from events.services.outbox import FACT_PART, fact_parameters
from reference.core.actor import Actor
from reference.prepared import fetch_prepared
from reference.public_ids import new_public_ids
from trades.contracts import TradesCaptured, TradesMatched
from trades.core.lifecycle import Side
from trades.core.report import ResolvedReport, TradeReport
from trades.core.resolution import resolve_report
from trades.queries.capture_context import capture_context
from trades.services.capture_trades import (
    INSERT_SQL,
    NOT_INSERTED_SQL,
    STAGED_FEW,
    STAGED_NAMES,
    CaptureOutcome,
    outcome_of_standing,
)
from trades.services.copy_trades import field_arrays, match_keys_of

ALSO = f", told AS ({FACT_PART.format(made='inserted')}), audited AS ({ACTION_PART.format(made='inserted')})"
CAPTURE_SQL = INSERT_SQL.format(staged=STAGED_FEW, also=ALSO)
STANDING_SQL = NOT_INSERTED_SQL.format(staged=STAGED_FEW)


def _told(*, row: ResolvedReport, public_id: UUID) -> dict[str, Any]:
    """Return the parameters of the fact: one side's report, or a trade of both that needs no match."""
    share = Share(count=1, ids=(str(public_id),))
    if row.side == Side.BOTH:
        return fact_parameters(fact=TradesMatched(count=1), shares={row.buyer_id: share, row.seller_id: share})
    return fact_parameters(fact=TradesCaptured(count=1), shares={row.reporter_id: share})


def capture_trade(*, report: TradeReport, actor: Actor, at: datetime, business_date: date) -> CaptureOutcome:
    """Capture one report, its fact and its audit record.

    A report repeated with the same content is the same trade (REPEATED, with its public id).
    """
    row = resolve_report(report=report, context=capture_context(actor=actor, business_date=business_date))
    if isinstance(row, list):
        return CaptureOutcome("REFUSED", None, tuple(row))
    public_id = new_public_ids(count=1)[0]
    match_key = int(match_keys_of(fields=field_arrays(rows=[row]))[0])
    staged = dict(zip(STAGED_NAMES, (0, public_id, *row, match_key), strict=True))
    rows = {"rows": msgspec.json.encode([staged]).decode()}
    found = fetch_prepared(
        statement=CAPTURE_SQL,
        parameters={
            **rows,
            "at": at,
            "business_date": business_date,
            "submission_id": None,
            **_told(row=row, public_id=public_id),
            **action_parameters(
                actor=actor,
                action="trade.captured",
                at=at,
                business_date=business_date,
                object_type="trade",
                summary=f"{report.trade_id}: {report.buyer} buys {report.quantity} {report.security} "
                f"from {report.seller} at {report.price}",
                detail={"public_id": str(public_id)},
            ),
        },
    )
    if found and found[0]:
        return CaptureOutcome("ACCEPTED", public_id)
    with connection.cursor() as cursor:
        cursor.execute(STANDING_SQL, rows)
        _, standing_id, same = cursor.fetchone()
    return outcome_of_standing(standing_id=standing_id, same=same)
