"""Do to the live state what was worked out over a snapshot of it; worked out again if it moved meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from clearing.core.derivatives.book import Book
from clearing.core.derivatives.terms import Position
from clearing.live.refusals import LiveStateBusy, LiveStateUnavailable
from clearing.live.store import Snapshot, apply_changes, hold_trades, let_trades_go, take_snapshot
from clearing.models import DerivativeContract
from clearing.queries.derivatives import insurance_accounts, terms_of
from clearing.services.commit_derivatives import holding_book

TRIES = 8
TRIES_BEFORE_HOLDING = 2


@dataclass(frozen=True, slots=True)
class Change:
    """One event to be: what it does to the live state, and the rows that the history gets of it (write_derivatives).

    record: the audit record of a person's act (tell_action), written with the event.
    """

    kind: str
    account_id: int | None = None
    rows: Mapping[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    positions: Mapping[tuple[int, str], tuple[int, int]] = field(default_factory=dict)
    marks: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    expired: Mapping[str, int] = field(default_factory=dict)
    client_id: str = ""
    digest: str = ""
    record: Mapping[str, Any] | None = None


def change_live(
    *, work: Callable[[Snapshot], list[Change]], by: str, at: datetime, business_date: date
) -> list[tuple[int, Change]]:
    """Do the changes that `work` finds over a snapshot, one event each; return (number of the event, change).

    `work` runs holding the book, may refuse, and may write to the database: it is undone where the live state has
    moved meanwhile. After two tries trades are held for a moment. Raises LiveStateBusy, LiveStateUnavailable.
    """
    done: list[tuple[int, Change]] = []
    for number in range(TRIES):
        holds = number >= TRIES_BEFORE_HOLDING
        if holds:
            hold_trades()
        try:
            with holding_book():
                snapshot = take_snapshot()
                if snapshot is None:
                    raise LiveStateUnavailable
                sequence, moved = snapshot.sequence, False
                for change in work(snapshot):
                    if not _apply(sequence=sequence, change=change, by=by, at=at, business_date=business_date):
                        moved = True
                        break
                    sequence += 1
                    done.append((sequence, change))
            if not moved:
                return done
        finally:
            if holds:
                let_trades_go()
    raise LiveStateBusy


def _apply(*, sequence: int, change: Change, by: str, at: datetime, business_date: date) -> bool:
    """Do one change on the state of this sequence."""
    body = {
        "account": change.account_id, "client_id": change.client_id, "digest": change.digest, "by": by,
        "at": at.isoformat(), "business_date": business_date.isoformat(), **change.rows,
        "expired": list(change.expired.values()), "record": change.record,
    }  # fmt: skip
    balances: dict[int, int] = {}
    for account_id, _, amount in change.rows.get("movements", ()):
        balances[account_id] = balances.get(account_id, 0) + amount
    return apply_changes(
        sequence=sequence,
        nonce=str(uuid4()),
        kind=change.kind,
        body=body,
        balances=balances,
        positions=change.positions,
        marks=change.marks,
        expired=list(change.expired),
    )


def books_of(
    *, snapshot: Snapshot, contracts: Mapping[str, DerivativeContract], currencies: Mapping[int, int]
) -> dict[int, Book]:
    """Return the live state as one book a currency. currencies: account -> currency."""
    books: dict[int, Book] = {}
    for currency_id, insurance_id in insurance_accounts().items():
        traded = {symbol: row for symbol, row in contracts.items() if row.currency_id == currency_id}
        books[currency_id] = Book(
            terms={row.pk: terms_of(contract=row) for row in traded.values()},
            marks={row.pk: snapshot.marks[symbol] for symbol, row in traded.items() if symbol in snapshot.marks},
            balances={key: value for key, value in snapshot.balances.items() if currencies.get(key) == currency_id},
            positions={
                (account_id, traded[symbol].pk): Position(*held)
                for (account_id, symbol), held in snapshot.positions.items()
                if symbol in traded
            },
            insurance_id=insurance_id,
        )
    return books
