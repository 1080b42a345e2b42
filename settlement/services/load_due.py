"""Load the pending instructions of a cycle and sort out what may not be tried now, and why."""

from datetime import date
from typing import Any, NamedTuple

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from reference.bulk import fetch_arrays
from reference.core.calendar import is_business_day
from reference.queries import directory
from settlement.core.explain import CODE
from settlement.core.lifecycle import Reason
from settlement.core.linked import NOT_HERE, Links, block_linked
from settlement.models import Movements

Int64Array = NDArray[np.int64]
Flags = NDArray[np.bool_]

DUE_SQL = """
    SELECT i.id, i.deliverer_account_id, i.receiver_account_id, d.linked_cash_id AS deliverer_cash_id,
           r.linked_cash_id AS receiver_cash_id, coalesce(i.security_id, 0) AS security_id,
           i.quantity_units - i.settled_units AS quantity, i.currency_id, i.cash_minor - i.settled_minor AS cash,
           i.priority::bigint AS priority, (i.held_by_deliverer OR i.held_by_receiver) AS held,
           i.partial_allowed, i.partial_minimum_units, i.source = 'CORPORATE' AS corporate
    FROM settlement_instruction i
    JOIN ledger_account d ON d.id = i.deliverer_account_id
    JOIN ledger_account r ON r.id = i.receiver_account_id
    WHERE i.status = 'PENDING' AND i.intended_date <= '{business_date}'
    ORDER BY i.id
"""

# Links of which a side is pending. One to what has settled is fulfilled; one to what was cancelled binds on.
LINKS_SQL = """
    SELECT l.kind = 'WITH' AS together, l.instruction_id, l.other_id
    FROM settlement_instructionlink l
    JOIN settlement_instruction i ON i.id = l.instruction_id
    JOIN settlement_instruction o ON o.id = l.other_id
    WHERE l.removed_at IS NULL AND 'PENDING' IN (i.status, o.status) AND 'SETTLED' NOT IN (i.status, o.status)
    ORDER BY l.id
"""


class Due(NamedTuple):
    """The pending instructions of a cycle, by id; quantity and cash are what remains. A column each, shape (n,)."""

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
    held: Flags
    partial_allowed: Flags
    partial_minimum: Int64Array
    corporate: Flags

    def only(self, chosen: Flags | Int64Array) -> "Due":
        """Return the chosen instructions."""
        columns: list[Any] = [column[chosen] for column in self]
        return Due(*columns)


class Sorted(NamedTuple):
    """Which of what is due a cycle may try, and what says no to the others.

    code[n]        code of the reason why it is not tried, 0 where it is
    linked_to[n]   id of the instruction for which it is not tried, 0 where there is none
    links          all links, by places in the due instructions
    linked[n]      whether it has a link that binds, so that it does not settle in part
    """

    code: Int64Array
    linked_to: Int64Array
    links: Links
    linked: Flags


def load_due(*, business_date: date) -> Due:
    """Load the pending instructions whose intended date has come."""
    with connection.cursor() as cursor:
        arrays = fetch_arrays(cursor, DUE_SQL.format(business_date=business_date.isoformat()))
    return Due(*arrays.values())


def sort_due(*, due: Due, business_date: date, movements: str) -> Sorted:
    """Say of each instruction whether the cycle tries it, and if not, why: held, not in this cycle, or linked.

    CYCL is told where the cycle does not settle its kind (movements FREE after the cut-off of payments, PAYMENT
    or CORPORATE in a night sequence) or money moves on a day on which its currency's calendar is closed. LINK
    is told where a linked instruction is itself not tried, not due yet or cancelled: who linked the two did not
    want the one without the other, so that the link binds until an amendment removes it. Raises ValueError for
    unknown movements.
    """
    pays = due.cash != 0
    closed = [
        currency.id
        for currency in directory().currencies.values()
        if not is_business_day(day=business_date, calendar=currency.calendar.business_days)
    ]
    deferred = pays & np.isin(due.currency, closed)
    match Movements(movements):
        case Movements.FREE:
            deferred |= pays
        case Movements.PAYMENT:
            deferred |= due.quantity != 0
        case Movements.CORPORATE:
            deferred |= ~due.corporate
    code = np.where(due.held, CODE[Reason.HOLD], np.where(deferred, CODE[Reason.AWAITING], 0))
    links, link_ids = _load_links(due=due)
    waits, by_link = block_linked(links=links, blocked=code != 0)
    code[waits] = CODE[Reason.LINK]
    linked_to = np.zeros(len(due.id), np.int64)
    linked_to[waits] = link_ids[by_link[waits]]
    linked = np.zeros(len(due.id), np.bool_)
    for places in links:
        linked[places[places != NOT_HERE]] = True
    return Sorted(code, linked_to, links, linked)


def _load_links(*, due: Due) -> tuple[Links, Int64Array]:
    """Load the links that bind, by places in what is due, and for each of block_linked's links the id awaited."""
    with connection.cursor() as cursor:
        together, instruction, other = fetch_arrays(cursor, LINKS_SQL).values()
    place, other_place = _places(due.id, instruction), _places(due.id, other)
    links = Links(
        first=place[together], second=other_place[together], earlier=other_place[~together], later=place[~together]
    )
    return links, np.concatenate((other[together], instruction[together], other[~together]))


def _places(ids: Int64Array, wanted: Int64Array) -> Int64Array:
    """Return where each wanted id stands among ascending ids, NOT_HERE for one that is not there."""
    if not len(ids):
        return np.full(len(wanted), NOT_HERE, np.int64)
    place = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[place] == wanted, place, NOT_HERE)
