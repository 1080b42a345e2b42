"""Cycles as the business day wants them: those of its schedule, and between them real-time settlement.

A cycle over the same instructions and the same balances decides the same once more. So what was due and where the
journal stood is remembered after each cycle (LastTry), and a cycle that would only repeat it is not run: an empty
sequence of the night costs two short queries, and real-time settlement may be woken as often as anything happens.
"""

from datetime import date, datetime

from django.db import connection, transaction
from django.db.models import Q

from reference.locks import take_lock
from settlement.core.lifecycle import InstructionStatus
from settlement.models import Attempt, Cycle, Instruction, LastTry, Movements
from settlement.queries.day import RealTime, open_outage
from settlement.services.business_day import DueStep, note_step
from settlement.services.settle_cycle import CYCLE_LOCK, settle_cycle

REAL_TIME = "Real-time settlement"
DURING_OUTAGE = "Outage: no cycle ran."
NOTHING_CHANGED = "Nothing had changed since the cycle before."
NOTHING_DUE = "Nothing was due."

OF_KIND = {
    Movements.ALL: Q(),
    Movements.FREE: Q(cash_minor=0),
    Movements.PAYMENT: Q(quantity_units=0),
    Movements.CORPORATE: Q(source="CORPORATE"),
}

# Everything of the due instructions that a decision depends on, or what it tells of them; their links; and the last
# entry of the journal, for what moved balances meanwhile.
STATE_SQL = """
    SELECT concat_ws(' ', count(*), coalesce(sum(hashtextextended(concat_ws(' ', i.id, i.settled_units,
               i.settled_minor, i.priority, i.partial_allowed, i.partial_minimum_units, i.held_by_deliverer,
               i.held_by_receiver), 0)::numeric), 0),
           (SELECT count(*) FROM settlement_instructionlink WHERE removed_at IS NULL),
           (SELECT max(id) FROM ledger_journalentry))
    FROM settlement_instruction i
    WHERE i.status = 'PENDING' AND i.intended_date <= %s
"""

REASONS_SQL = """
    UPDATE settlement_instruction i SET reason = w.reason, shortfall = w.shortfall
    FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS w (id, reason, shortfall)
    WHERE i.id = w.id AND (i.reason, i.shortfall) IS DISTINCT FROM (w.reason, w.shortfall)
"""


def run_scheduled_cycle(*, step: DueStep, at: datetime) -> Cycle | None:
    """Run the cycle of a step of the day; None, with a note on the step, where there is none to run.

    None runs during an outage, none where nothing of the step's kind is due, and none that could only decide
    again what the cycle before it decided.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        wanted = RealTime(step.business_date, Movements(step.movements).value, step.partials)
        why = DURING_OUTAGE if open_outage() is not None else _why_idle(wanted=wanted, on_record=True)
        if why:
            if step.step_id is not None:
                note_step(step_id=step.step_id, note=why)
            return None
        return _run_and_remember(name=step.name, wanted=wanted, at=at)


def settle_now(*, mode: RealTime | None, at: datetime) -> Cycle | None:
    """Try at once what is due where anything has changed since the last cycle; return a cycle that settled something.

    mode: what real-time settlement may settle now, None where it does not run (T2S: real-time settlement, from
    05:00 to the cut-offs). A run that settles nothing leaves no cycle behind, only the reasons on its instructions.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        if mode is None or open_outage() is not None or _why_idle(wanted=mode, on_record=False):
            return None
        with transaction.atomic():
            cycle = settle_cycle(
                name=REAL_TIME, at=at, business_date=mode.business_date, partials=mode.partials,
                movements=mode.movements,
            )  # fmt: skip
            in_vain = cycle is not None and not cycle.settled and not cycle.partly
            waiting = (
                list(Attempt.objects.filter(cycle=cycle).values_list("instruction_id", "reason", "shortfall"))
                if in_vain
                else []
            )
            transaction.set_rollback(in_vain)
        if waiting:
            with connection.cursor() as cursor:
                cursor.execute(REASONS_SQL, [list(column) for column in zip(*waiting, strict=True)])
        _remember(tried=mode, on_record=not in_vain)
        return None if in_vain else cycle


def due_state(*, business_date: date) -> str:
    """Return, in a few words, all that a decision on what is due depends on: equal words, equal decision."""
    with connection.cursor() as cursor:
        cursor.execute(STATE_SQL, [business_date])
        return str(cursor.fetchone()[0])


def _why_idle(*, wanted: RealTime, on_record: bool) -> str:
    """Say why a cycle would settle nothing: nothing of its kind is due, or nothing has changed; empty if it might.

    on_record: whether only a try that left a cycle makes another one needless. A cycle of the schedule tells of each
    instruction that it could not settle, and penalties are charged on what cycles tell.
    """
    due = Instruction.objects.filter(status=InstructionStatus.PENDING, intended_date__lte=wanted.business_date)
    if not due.filter(OF_KIND[Movements(wanted.movements)]).exists():
        return NOTHING_DUE
    last = LastTry.objects.filter(business_date=wanted.business_date).first()
    covered = (
        last is not None
        and last.movements in (Movements.ALL, wanted.movements)
        and (last.partials or not wanted.partials)
        and (last.on_record or not on_record)
        and last.state == due_state(business_date=wanted.business_date)
    )
    return NOTHING_CHANGED if covered else ""


def _run_and_remember(*, name: str, wanted: RealTime, at: datetime) -> Cycle | None:
    """Run a cycle and remember over what it decided."""
    cycle = settle_cycle(
        name=name, at=at, business_date=wanted.business_date, partials=wanted.partials, movements=wanted.movements
    )
    _remember(tried=wanted, on_record=cycle is not None)
    return cycle


def _remember(*, tried: RealTime, on_record: bool) -> None:
    """Remember what a cycle left due, and what it was free to settle."""
    LastTry.objects.update_or_create(
        pk=1,
        defaults={
            "business_date": tried.business_date,
            "movements": tried.movements,
            "partials": tried.partials,
            "on_record": on_record,
            "state": due_state(business_date=tried.business_date),
        },
    )
