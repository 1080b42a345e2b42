"""Write events of the derivatives accounts into their history, with their journal entries: set by set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from django.db import connection

from clearing.live.store import PendingEvent
from clearing.queries.derivatives import open_account_id, purses
from events.services.audit import record_told
from ledger.services import post_entries

JOURNAL_SOURCE = "DERIVATIVE"

EVENT = {
    "sequence": "bigint", "nonce": "uuid", "kind": "text", "account_id": "bigint", "client_id": "text",
    "digest": "text", '"by"': "text", "at": "timestamptz", "business_date": "date",
}  # fmt: skip
TRADE = {
    "event_id": "bigint", "contract_id": "bigint", "cause": "text", "buyer_id": "bigint", "seller_id": "bigint",
    "quantity_steps": "bigint", "price_ticks": "bigint", "value_minor": "bigint",
}  # fmt: skip
CHANGE = {
    "event_id": "bigint", "account_id": "bigint", "contract_id": "bigint", "quantity_steps": "bigint",
    "cost_minor": "bigint",
}  # fmt: skip
MOVEMENT = {"event_id": "bigint", "account_id": "bigint", "kind": "text", "amount_minor": "bigint"}
MARK = {"event_id": "bigint", "contract_id": "bigint", "price_ticks": "bigint", "at": "timestamptz"}
FUNDING = {
    "event_id": "bigint", "contract_id": "bigint", "funded_for": "timestamptz", "mark_ticks": "bigint",
    "index_ticks": "bigint", "rate_ppm": "integer",
}  # fmt: skip
LIQUIDATION = {
    "event_id": "bigint", "account_id": "bigint", "equity_minor": "bigint", "maintenance_minor": "bigint",
    "filled_minor": "bigint", "fee_minor": "bigint", "covered_minor": "bigint", "deleveraged_minor": "bigint",
    "spread_minor": "bigint", "equity_after_minor": "bigint", "outcome": "text",
}  # fmt: skip
DELEVERAGING = {
    "event_id": "bigint", "contract_id": "bigint", "account_id": "bigint", "place": "integer",
    "score": "double precision", "quantity_steps": "bigint", "loss_minor": "bigint",
}  # fmt: skip

Rows = list[tuple[Any, ...]]


def write_events(*, events: Sequence[PendingEvent]) -> None:
    """Write events that follow the history, and post what moved in the ledger. Call it holding the book.

    Raises IntegrityError or BalanceBelowLimit where the history or the ledger refuses; then nothing is written.
    """
    rows: dict[str, Rows] = defaultdict(list)
    expired: list[tuple[int, str]] = []
    for event in events:
        _collect(event=event, rows=rows, expired=expired)
    _insert(table="clearing_derivativeevent", columns=EVENT, rows=rows["events"])
    _insert(table="clearing_derivativetrade", columns=TRADE, rows=rows["trades"])
    _insert(table="clearing_positionchange", columns=CHANGE, rows=rows["changes"])
    _insert(table="clearing_balancemovement", columns=MOVEMENT, rows=rows["movements"])
    _insert(table="clearing_markprice", columns=MARK, rows=rows["marks"])
    _insert(table="clearing_fundinground", columns=FUNDING, rows=rows["funding"])
    _insert(table="clearing_liquidation", columns=LIQUIDATION, rows=rows["liquidation"])
    _insert(table="clearing_deleveraging", columns=DELEVERAGING, rows=rows["deleveraged"])
    for contract_id, at in expired:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE clearing_derivativecontract SET status = 'EXPIRED', expired_at = %s WHERE id = %s",
                [at, contract_id],
            )
    _post(events=events, movements=rows["movements"])
    record_told(records=[_record_of(event=event) for event in events if event.body.get("record")])


def _record_of(*, event: PendingEvent) -> Mapping[str, Any]:
    """Return the audit record that came with an event; of a trade with what who asked for it had and has."""
    body = event.body
    record: Mapping[str, Any] = body["record"]
    if event.kind != "TRADE":
        return record
    value, _, bought_profit, _, sold_profit, held, balance = event.effects
    buys = body["account"] == body["buyer"]
    steps, profit = (body["steps"], bought_profit) if buys else (-body["steps"], sold_profit)
    found = {
        "event": event.sequence, "value_minor": value,
        "position_steps": {"before": held, "after": held + steps},
        "balance_minor": {"before": balance, "after": balance + profit},
    }  # fmt: skip
    return {**record, "detail": record["detail"] | found}


def _collect(*, event: PendingEvent, rows: Mapping[str, Rows], expired: list[tuple[int, str]]) -> None:
    """Put one event's rows to those of the others."""
    body, sequence = event.body, event.sequence
    rows["events"].append(
        (
            sequence, event.nonce, event.kind, body["account"], body.get("client_id", ""), body.get("digest", ""),
            body["by"], body["at"], body["business_date"],
        )
    )  # fmt: skip
    if event.kind == "TRADE":
        value, bought, bought_profit, sold, sold_profit = event.effects[:5]
        contract, buyer, seller, steps = body["contract"], body["buyer"], body["seller"], body["steps"]
        rows["trades"].append((sequence, contract, "TRADE", buyer, seller, steps, body["ticks"], value))
        rows["changes"] += [(sequence, buyer, contract, steps, bought), (sequence, seller, contract, -steps, sold)]
        rows["movements"] += [
            (sequence, owner, "REALISED", profit)
            for owner, profit in ((buyer, bought_profit), (seller, sold_profit))
            if profit
        ]
        return
    for name in ("trades", "changes", "movements", "marks", "funding", "liquidation", "deleveraged"):
        rows[name].extend((sequence, *row) for row in body.get(name, ()))
    expired += [(contract_id, body["at"]) for contract_id in body.get("expired", ())]


def _insert(*, table: str, columns: Mapping[str, str], rows: Rows) -> None:
    """Insert rows in one statement."""
    if not rows:
        return
    arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays})",
            [list(column) for column in zip(*rows, strict=True)],
        )


def _post(*, events: Sequence[PendingEvent], movements: Rows) -> None:
    """Write one journal entry an event that moved money.

    Profit realised comes out of what open positions cost, DV-OPEN; deposits come from the participant's own cash
    and withdrawals go there; fees, funding and cover go from one account to another.
    """
    if not movements:
        return
    found, open_id = purses(account_ids={row[1] for row in movements}), open_account_id()
    days: dict[tuple[date, datetime], list[int]] = defaultdict(list)
    for event in events:
        day = date.fromisoformat(event.body["business_date"]), datetime.fromisoformat(event.body["at"])
        days[day].append(event.sequence)
    amounts: dict[tuple[int, int, int], int] = defaultdict(int)
    for sequence, account_id, kind, amount in movements:
        purse = found[account_id]
        amounts[sequence, purse.cash_id, purse.currency_id] += amount
        if kind == "REALISED":
            amounts[sequence, open_id, purse.currency_id] -= amount
        elif kind in ("DEPOSIT", "WITHDRAWAL"):
            assert purse.house_id is not None, "An account is opened for a participant that has a cash account."
            amounts[sequence, purse.house_id, purse.currency_id] -= amount
    for (business_date, at), sequences in days.items():
        wanted = set(sequences)
        lines = np.array(
            [(*key, amount) for key, amount in amounts.items() if key[0] in wanted and amount], dtype=np.int64
        ).reshape(-1, 4)
        post_entries(
            source=JOURNAL_SOURCE,
            business_date=business_date,
            at=at,
            source_ids=lines[:, 0].copy(),
            accounts=lines[:, 1].copy(),
            assets=lines[:, 2].copy(),
            amounts=lines[:, 3].copy(),
        )
