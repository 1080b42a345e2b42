"""Run one settlement cycle: one decision over all that is due, booked in one transaction (DvP model 1)."""

import time
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from events.services import record_fact
from ledger.queries import balances_for_update
from ledger.services import post_entries
from reference.bulk import fetch_arrays
from reference.locks import take_lock
from reference.queries import directory
from settlement.contracts import CycleSettled
from settlement.core.batch import build_dvp_batch
from settlement.core.decide import Decision, decide_settlement, reasons_of
from settlement.core.lifecycle import Reason
from settlement.models import Cycle

Int64Array = NDArray[np.int64]
CYCLE_LOCK = "settlement.cycle"

DUE_SQL = """
    SELECT i.id, i.deliverer_account_id, i.receiver_account_id, d.linked_cash_id AS deliverer_cash_id,
           r.linked_cash_id AS receiver_cash_id, i.security_id, i.quantity_units, i.currency_id, i.cash_minor,
           i.priority::bigint AS priority, (i.held_by_deliverer OR i.held_by_receiver) AS held
    FROM settlement_instruction i
    JOIN ledger_account d ON d.id = i.deliverer_account_id
    JOIN ledger_account r ON r.id = i.receiver_account_id
    WHERE i.status = 'PENDING' AND i.intended_date <= '{business_date}'
    ORDER BY i.id
"""

SETTLED_SQL = """
    UPDATE settlement_instruction SET status = 'SETTLED', cycle_id = %s, settled_at = %s, reason = '', shortfall = 0,
        settled_units = quantity_units, settled_minor = cash_minor
    WHERE id = ANY(%s)
"""

WAITING_SQL = """
    WITH waiting AS (
        SELECT * FROM unnest(%(ids)s::bigint[], %(reasons)s::text[], %(accounts)s::bigint[], %(assets)s::bigint[],
                             %(shortfalls)s::bigint[]) AS w (id, reason, account_id, asset_id, shortfall)
    ), noted AS (
        UPDATE settlement_instruction i SET reason = w.reason, shortfall = w.shortfall
        FROM waiting w WHERE i.id = w.id AND (i.reason, i.shortfall) IS DISTINCT FROM (w.reason, w.shortfall)
    )
    INSERT INTO settlement_attempt (instruction_id, cycle_id, reason, short_account_id, short_asset_id, shortfall)
    SELECT id, %(cycle)s, reason, nullif(account_id, 0), nullif(asset_id, 0), shortfall FROM waiting
"""


class Due(NamedTuple):
    """The instructions of a cycle, a column each, all of shape (n,)."""

    id: Int64Array
    deliverer: Int64Array
    receiver: Int64Array
    deliverer_cash: Int64Array
    receiver_cash: Int64Array
    security: Int64Array
    quantity: Int64Array
    currency: Int64Array
    cash: Int64Array
    priority: Int64Array
    held: NDArray[np.bool_]

    def only(self, chosen: NDArray[np.bool_]) -> "Due":
        """Return the chosen instructions."""
        columns: list[Any] = [column[chosen] for column in self]
        return Due(*columns)


def settle_cycle(*, name: str, at: datetime, business_date: date) -> Cycle | None:
    """Settle what can settle of all that is due; return the cycle, or None when nothing is due.

    Decision, postings, statuses and the cycle's own row stand or fall together. What cannot settle
    waits with its reason (LACK securities, MONY cash, PREA held) and is tried again in the next cycle.
    """
    started = time.monotonic()
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        due = load_due(business_date=business_date)
        if not len(due.id):
            return None
        free = due.only(~due.held)
        decision, short_account, short_asset = decide(due=free)
        decided = time.monotonic()
        settled = free.only(decision.settles)
        row_is_cash = np.isin(short_asset, list(directory().currencies))
        waits = ~decision.settles
        reasons = [reason for reason in reasons_of(decision=decision, row_is_cash=row_is_cash) if reason]
        book_settled(due=settled, at=at, business_date=business_date)
        cycle = _write_cycle(
            name=name,
            at=at,
            business_date=business_date,
            due=due,
            settled=settled,
            reasons=reasons,
            decided_in_ms=round(1000 * (decided - started)),
            started=started,
        )
        with connection.cursor() as cursor:
            cursor.execute(SETTLED_SQL, [cycle.pk, at, settled.id.tolist()])
            rows = decision.short_row[waits]
            held = due.id[due.held].tolist()
            cursor.execute(
                WAITING_SQL,
                {
                    "ids": free.id[waits].tolist() + held,
                    "reasons": [str(reason) for reason in reasons] + [str(Reason.HOLD)] * len(held),
                    "accounts": short_account[rows].tolist() + [0] * len(held),
                    "assets": short_asset[rows].tolist() + [0] * len(held),
                    "shortfalls": decision.shortfall[waits].tolist() + [0] * len(held),
                    "cycle": cycle.pk,
                },
            )
        record_fact(fact=CycleSettled(cycle=cycle.pk, settled=len(settled.id)))
    return cycle


def load_due(*, business_date: date) -> Due:
    """Load the pending instructions whose intended date has come."""
    with connection.cursor() as cursor:
        arrays = fetch_arrays(cursor, DUE_SQL.format(business_date=business_date.isoformat()))
    return Due(*arrays.values())


def decide(*, due: Due) -> tuple[Decision, Int64Array, Int64Array]:
    """Lock the balances the instructions touch and decide; return the decision, and account and asset of each row."""
    touched = np.unique(np.concatenate([due.deliverer, due.receiver, due.deliverer_cash, due.receiver_cash]))
    account, asset, balance, floor = balances_for_update(accounts=touched.tolist())
    batch, row_account, row_asset = build_dvp_batch(
        deliverer_securities=due.deliverer,
        receiver_securities=due.receiver,
        deliverer_cash=due.deliverer_cash,
        receiver_cash=due.receiver_cash,
        security=due.security,
        quantity=due.quantity,
        currency=due.currency,
        cash=due.cash,
        priority=due.priority,
        value=np.abs(due.cash),
        number=due.id,
        known_account=account,
        known_asset=asset,
        known_balance=balance,
        known_floor=floor,
    )
    return decide_settlement(batch=batch), row_account, row_asset


def book_settled(*, due: Due, at: datetime, business_date: date) -> None:
    """Post both legs of each instruction: four postings an entry, two where one leg is nil."""
    post_entries(
        source="INSTRUCTION",
        business_date=business_date,
        at=at,
        source_ids=np.tile(due.id, 4),
        accounts=np.concatenate([due.deliverer, due.receiver, due.deliverer_cash, due.receiver_cash]),
        assets=np.concatenate([due.security, due.security, due.currency, due.currency]),
        amounts=np.concatenate([-due.quantity, due.quantity, due.cash, -due.cash]),
    )


def _write_cycle(
    *,
    name: str,
    at: datetime,
    business_date: date,
    due: Due,
    settled: Due,
    reasons: list[Reason],
    decided_in_ms: int,
    started: float,
) -> Cycle:
    """Write the cycle's row: how much was due and how much of it settled."""
    last = Cycle.objects.filter(business_date=business_date).order_by("-number").first()
    return Cycle.objects.create(
        business_date=business_date,
        number=last.number + 1 if last else 1,
        name=name,
        ran_at=at,
        considered=len(due.id),
        settled=len(settled.id),
        lack=reasons.count(Reason.LACK),
        mony=reasons.count(Reason.MONY),
        held=int(due.held.sum()),
        considered_minor=_value_by_currency(due),
        settled_minor=_value_by_currency(settled),
        decided_in_ms=decided_in_ms,
        took_ms=round(1000 * (time.monotonic() - started)),
    )


def _value_by_currency(due: Due) -> dict[str, int]:
    """Return currency code -> the sum of cash that changes hands, in minor units."""
    currencies = directory().currencies
    return {
        currencies[int(currency)].code: int(np.abs(due.cash[due.currency == currency]).sum())
        for currency in np.unique(due.currency)
    }
