"""Take what the live store has decided into the database, in its order, and put the store right where it is not.

The order of the two stores. A script in the live store decides, moves its state and notes the event in a stream,
all at once. Whoever comes by takes the lock, writes every event that waits into PostgreSQL and commits; only then is
anyone told that its trade stands, and only then does the stream forget it. So the database is always a beginning of
what the store has decided. If the store loses its memory, or comes back with an old one, the numbers and nonces of
its events no longer continue the database's: its state is then loaded from the database, and what had not been
committed is gone from both, which nobody was told of; whoever waits for it asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction

from clearing.live.store import (
    MOST_PENDING,
    PendingEvent,
    Snapshot,
    forget_pending,
    load_state,
    read_pending,
    register,
    take_snapshot,
)
from clearing.models import DerivativeAccount, DerivativeContract, DerivativeEvent
from clearing.queries.derivatives import last_sequence, snapshot_of_history
from clearing.services.write_derivatives import write_events
from ledger.refusals import BalanceBelowLimit
from reference.locks import take_lock

BOOK_LOCK = "derivatives"

log = logging.getLogger(__name__)


@contextmanager
def holding_book() -> Iterator[None]:
    """Hold the lock under which the history is written, with all that waits written: one transaction.

    What was noted while it was held is written at its end, and forgotten by the store once that is committed.
    """
    with transaction.atomic():
        take_lock(name=BOOK_LOCK)
        drain_pending()
        yield
        written = drain_pending()
    forget_pending(up_to=written)


def commit_pending() -> int:
    """Write every event that waits; return the number of the last event in the history."""
    with transaction.atomic():
        take_lock(name=BOOK_LOCK)
        written = drain_pending()
    forget_pending(up_to=written)
    return written


def drain_pending() -> int:
    """Write what waits, inside the lock; where the store does not continue the history, load it from the history."""
    stored = last_sequence()
    while True:
        number, events = read_pending(after=0)
        old = [event for event in events if event.sequence <= stored]
        if number is None or number < stored or not _are_known(events=old):
            load_from_history(why="lost" if number is None else "behind the history")
            return stored
        if len(old) == MOST_PENDING:
            _, events = read_pending(after=stored)
        new = [event for event in events if event.sequence > stored]
        if not new:
            if number > stored:
                load_from_history(why="ahead of what it noted")
            return stored
        if [event.sequence for event in new] != list(range(stored + 1, stored + 1 + len(new))):
            load_from_history(why="not in sequence")
            return stored
        try:
            with transaction.atomic():
                write_events(events=new)
        except (IntegrityError, BalanceBelowLimit) as error:
            load_from_history(why=f"at odds with the history: {error}")
            return stored
        stored = new[-1].sequence
        if len(events) < MOST_PENDING:
            return stored


def _are_known(*, events: Iterable[PendingEvent]) -> bool:
    """Say whether the history has these very events."""
    wanted = {event.sequence: event.nonce for event in events}
    if not wanted:
        return True
    rows = DerivativeEvent.objects.filter(sequence__in=list(wanted)).values_list("sequence", "nonce")
    return {sequence: str(nonce) for sequence, nonce in rows} == wanted


def load_from_history(*, why: str) -> None:
    """Load the live store from the history; call it holding the book. What it had noted since is dropped."""
    state = snapshot_of_history()
    log.warning("The live state of derivatives accounts was %s: loaded anew at event %s.", why, state.sequence)
    document = known_document()
    balances = {str(key): str(amount) for key, amount in state.balances.items()}
    load_state(
        {
            **document,
            "sequence": str(state.sequence),
            "accounts": [[*row, balances.get(row[0], "0")] for row in document["accounts"]],
            "positions": [
                [str(key), symbol, str(steps), str(cost)] for (key, symbol), (steps, cost) in state.positions.items()
            ],
            "marks": [[symbol, str(ticks), str(state.marked_at[symbol])] for symbol, ticks in state.marks.items()],
        }
    )


def known_document() -> dict[str, Any]:
    """Return contracts and accounts as the scripts take them."""
    contracts = []
    for row in DerivativeContract.objects.order_by("pk"):
        fields = {
            "multiplier": row.value_multiplier, "divisor": row.value_divisor, "initial": row.initial_bp,
            "maintenance": row.maintenance_bp, "limit": row.position_limit_steps, "largest": row.largest_price_ticks,
            "price_band": row.price_band_bp, "stale_after": row.stale_after_seconds, "status": row.status,
            "currency": row.currency_id,
        }  # fmt: skip
        contracts.append([row.symbol, [word for pair in fields.items() for word in map(str, pair)]])
    rows = DerivativeAccount.objects.order_by("pk").values_list("pk", "currency_id", "purpose")
    accounts = [[str(pk), f"{currency_id}:{purpose}"] for pk, currency_id, purpose in rows]
    return {"contracts": contracts, "accounts": accounts}


def make_known() -> None:
    """Tell the live store of contracts and accounts that are new; where it is empty, it learns them when loaded."""
    register(known_document())


def read_live() -> Snapshot:
    """Return the live state, what waits written first and what was lost put right. Raises LiveStateUnavailable."""
    found = take_snapshot()
    if found is None or found.sequence != last_sequence():
        commit_pending()
        found = take_snapshot()
    return found if found is not None else snapshot_of_history()


def verify_live() -> bool:
    """Compare the live state with the history, and load it anew where they differ; return whether they agreed."""
    with holding_book():
        live, history = take_snapshot(), snapshot_of_history()
        if live is None or live.sequence != history.sequence:
            # A trade came in between; the next look will see it written.
            return live is not None
        if live == history:
            return True
        load_from_history(why="not what the history adds up to")
    return False
