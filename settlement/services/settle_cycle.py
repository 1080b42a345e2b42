"""Run one settlement cycle: one decision over all that is due, booked in one transaction (DvP model 1)."""

import time
from datetime import date, datetime

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from events.services.outbox import record_fact
from reference.locks import take_lock
from reference.queries import directory
from reference.tracing import traced
from settlement.contracts import CycleSettled
from settlement.core.decide import decide_settlement
from settlement.core.explain import CODE
from settlement.core.lifecycle import Reason
from settlement.models import Cycle, Movements
from settlement.services.book_outcome import book_outcome
from settlement.services.create_instructions import shares_of_accounts
from settlement.services.draw_credit import draw_credit
from settlement.services.explain_outcome import Outcome, explain_outcome
from settlement.services.load_due import load_due, sort_due
from settlement.services.prepare_batch import prepare_batch
from settlement.services.prepare_credit import load_credit_lines

CYCLE_LOCK = "settlement.cycle"

# A ceiling on the search; its own limits of work end it before, so that the same batch has the same decision.
DECIDE_SECONDS = 10.0
DECIDE_SECONDS_PER_MILLION = 50.0


@traced("settlement.cycle")
def settle_cycle(
    *, name: str, at: datetime, business_date: date, partials: bool = False, movements: str = Movements.ALL
) -> Cycle | None:
    """Settle what can settle of all that is due; return the cycle, or None when nothing is due.

    Decision, postings, statuses and the cycle's own row stand or fall together. What cannot settle
    waits with its reason and is tried again in the next cycle. partials: whether the cycle may settle
    instructions in part; movements: FREE after the cut-off of payments. Raises ValueError for other movements.
    """
    started = time.monotonic()
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        due = load_due(business_date=business_date)
        if not len(due.id):
            return None
        sorted_out = sort_due(due=due, business_date=business_date, movements=movements)
        lines = load_credit_lines(business_date=business_date, at=at)
        prepared = prepare_batch(
            due=due, sorted_out=sorted_out, partials=partials, lines=lines, business_date=business_date
        )
        deciding = time.monotonic()
        seconds = DECIDE_SECONDS + DECIDE_SECONDS_PER_MILLION * len(prepared.due.id) / 1_000_000
        decision = decide_settlement(batch=prepared.batch, seconds=seconds)
        decided = time.monotonic()
        outcome = explain_outcome(due=due, sorted_out=sorted_out, prepared=prepared, decision=decision)
        cycle_id = _next_cycle_id()
        drawn = draw_credit(
            credit=prepared.credit, decision=decision, due=due, outcome=outcome, cycle_id=cycle_id, at=at,
            business_date=business_date,
        )  # fmt: skip
        book_outcome(
            due=due, outcome=outcome, cycle_id=cycle_id, at=at, business_date=business_date, drawn=drawn.postings
        )
        last = Cycle.objects.filter(business_date=business_date).order_by("-number").first()
        moved = outcome.whole | outcome.part
        cycle = Cycle.objects.create(
            pk=cycle_id,
            business_date=business_date,
            number=last.number + 1 if last else 1,
            name=name,
            ran_at=at,
            partials=partials,
            considered=len(due.id),
            **count_outcome(outcome=outcome),
            value_settled=decision.worth,
            value_bound=decision.bound,
            credit_drawn_minor=drawn.drawn_minor,
            considered_minor=sum_by_currency(currency=due.currency, amount=np.abs(due.cash)),
            settled_minor=sum_by_currency(currency=due.currency[moved], amount=np.abs(outcome.cash[moved])),
            decided_in_ms=round(1000 * (decided - deciding)),
            took_ms=round(1000 * (time.monotonic() - started)),
        )
        shares = shares_of_accounts(sides=(due.deliverer[moved], due.receiver[moved]))
        record_fact(fact=CycleSettled(cycle=cycle.pk, settled=cycle.settled), shares=shares)
    return cycle


def count_outcome(*, outcome: Outcome) -> dict[str, int]:
    """Count what was due by its outcome, by the names of the cycle's columns; each instruction once.

    What settled in part counts there whatever its rest waits for, MINO with what lacks securities.
    """
    waits = ~(outcome.whole | outcome.part)
    of = {
        "settled": outcome.whole,
        "partly": outcome.part,
        "lack": waits & np.isin(outcome.code, (CODE[Reason.LACK], CODE[Reason.MINIMUM])),
        "mony": waits & (outcome.code == CODE[Reason.MONY]),
        "held": waits & (outcome.code == CODE[Reason.HOLD]),
        "linked": waits & (outcome.code == CODE[Reason.LINK]),
        "deferred": waits & (outcome.code == CODE[Reason.AWAITING]),
    }
    return {name: int(chosen.sum()) for name, chosen in of.items()}


def _next_cycle_id() -> int:
    """Take the cycle's number in the table before its row is written, for what refers to it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('settlement_cycle', 'id'))")
        return int(cursor.fetchone()[0])


def sum_by_currency(*, currency: NDArray[np.int64], amount: NDArray[np.int64]) -> dict[str, int]:
    """Return currency code -> the sum of the amounts, in minor units."""
    currencies = directory().currencies
    return {currencies[int(each)].code: int(amount[currency == each].sum()) for each in np.unique(currency)}
