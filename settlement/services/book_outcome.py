"""Book what a cycle decided: postings, parts, states and attempts, in the cycle's one transaction."""

from datetime import date, datetime
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from ledger.services import Postings, post_together
from reference.bulk import copy_arrays, fetch_arrays
from settlement.core.explain import REASONS
from settlement.services.explain_outcome import Outcome
from settlement.services.load_due import Due

Int64Array = NDArray[np.int64]

STAGE_SQL = """
    CREATE TEMP TABLE IF NOT EXISTS staged_outcome (
        id bigint, units bigint, minor bigint, whole boolean, part boolean, reason varchar(4), account_id bigint,
        asset_id bigint, shortfall bigint, waits_for_id bigint) ON COMMIT DELETE ROWS
"""

SETTLED_SQL = """
    UPDATE settlement_instruction i SET status = 'SETTLED', cycle_id = %(cycle)s, settled_at = %(at)s, reason = '',
        shortfall = 0, settled_units = quantity_units, settled_minor = cash_minor
    FROM staged_outcome o WHERE o.whole AND i.id = o.id
"""

PARTS_SQL = """
    INSERT INTO settlement_partialsettlement (instruction_id, cycle_id, settled_units, settled_minor)
    SELECT id, %(cycle)s, units, minor FROM staged_outcome WHERE part ORDER BY id
"""

WAITING_SQL = """
    UPDATE settlement_instruction i SET reason = o.reason, shortfall = o.shortfall,
        settled_units = i.settled_units + o.units, settled_minor = i.settled_minor + o.minor
    FROM staged_outcome o
    WHERE NOT o.whole AND i.id = o.id AND (o.part OR (i.reason, i.shortfall) IS DISTINCT FROM (o.reason, o.shortfall))
"""

# What was not tried, or waits for nothing but the next cycle, has its reason and no attempt: a sequence of the
# night that settles one kind would otherwise write a row for each instruction of every other.
ATTEMPTS_SQL = """
    INSERT INTO settlement_attempt
        (instruction_id, cycle_id, reason, short_account_id, short_asset_id, shortfall, waits_for_id)
    SELECT id, %(cycle)s, reason, nullif(account_id, 0), nullif(asset_id, 0), shortfall, nullif(waits_for_id, 0)
    FROM staged_outcome WHERE NOT whole AND reason <> 'CYCL' ORDER BY id
"""

PART_IDS_SQL = "SELECT id FROM settlement_partialsettlement WHERE cycle_id = {cycle} ORDER BY instruction_id"


def book_outcome(
    *, due: Due, outcome: Outcome, cycle_id: int, at: datetime, business_date: date, drawn: Postings
) -> None:
    """Write the outcome of each instruction, and post what settles: the whole or the rest as (INSTRUCTION, its id),
    a part as (PARTIAL, the part's id), together with the credits drawn for it.

    The cycle's row, to which all of it refers, may come later in the same transaction. Raises what
    post_together raises; then nothing of the cycle stands.
    """
    parameters: dict[str, Any] = {"cycle": cycle_id, "at": at}
    with connection.cursor() as cursor:
        _stage(cursor=cursor, due=due, outcome=outcome)
        cursor.execute(SETTLED_SQL, parameters)
        if outcome.part.any():
            cursor.execute(PARTS_SQL, parameters)
        cursor.execute(WAITING_SQL, parameters)
        cursor.execute(ATTEMPTS_SQL, parameters)
        part_ids = fetch_arrays(cursor, PART_IDS_SQL.format(cycle=int(cycle_id)))["id"]
    whole = _postings(source="INSTRUCTION", ids=due.id[outcome.whole], chosen=outcome.whole, due=due, outcome=outcome)
    parts = _postings(source="PARTIAL", ids=part_ids, chosen=outcome.part, due=due, outcome=outcome)
    post_together(postings=[whole, parts, drawn], business_date=business_date, at=at)


def _postings(*, source: str, ids: Int64Array, chosen: NDArray[np.bool_], due: Due, outcome: Outcome) -> Postings:
    """Return both legs of the chosen instructions: four postings an entry, nil where a leg moves nothing."""
    moves = due.only(chosen)
    quantity, cash = outcome.quantity[chosen], outcome.cash[chosen]
    return Postings(
        source=source,
        source_ids=np.tile(ids, 4),
        accounts=np.concatenate([moves.deliverer, moves.receiver, moves.deliverer_cash, moves.receiver_cash]),
        assets=np.concatenate([moves.security, moves.security, moves.currency, moves.currency]),
        amounts=np.concatenate([-quantity, quantity, cash, -cash]),
    )


def _stage(*, cursor: Any, due: Due, outcome: Outcome) -> None:
    """Copy the outcome to where the statements can join it."""
    reasons: NDArray[np.bytes_] = np.array(REASONS, dtype="S4")
    cursor.execute(STAGE_SQL)
    cursor.execute("TRUNCATE staged_outcome")
    copy_arrays(
        cursor,
        table="staged_outcome",
        columns={
            "id": due.id,
            "units": outcome.quantity,
            "minor": outcome.cash,
            "whole": outcome.whole,
            "part": outcome.part,
            "reason": reasons[outcome.code],
            "account_id": outcome.account,
            "asset_id": outcome.asset,
            "shortfall": outcome.shortfall,
            "waits_for_id": outcome.waits_for,
        },
    )
