"""Moving through business time: sweeps, the steps of the day, and the facts in between.

The same loop plays a month in a minute (`play_days`) and follows the clock second by second (beat):
only the target differs, and whether tasks are called here or sent to a worker.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

from celery import Task
from django.db import connection
from django.utils import timezone

from events.services.consume import consume_all
from events.services.outbox import deliver_facts
from events.services.publish import publish_facts
from fmi.celery import app
from fmi.clock import follows_wall
from fmi.flow import DAY, FLOW, LAST, SWEEP
from fmi.reports import day_report
from fmi.telemetry.carry import carrying_on, inline_task
from reference.core.calendar import BUSINESS_ZONE
from reference.queries import ClockReading, business_clock
from reference.services import advance_business_clock
from settlement.models import DayOrder, StepAction
from settlement.services.business_day import (
    DueStep,
    close_business_day,
    complete_step,
    next_step,
    open_business_day,
)
from settlement.services.order_steps import end_order, order_is_done

SWEEP_EVERY = timedelta(minutes=30)
MARKET_HOURS = (time_of_day(9, 0), time_of_day(18, 0))
DAY_LOCK_KEY = 7_250_019_733_021
MOST_ROUNDS = 1_000


class Feed(Protocol):
    """Something that acts on the market between two moments of business time, such as the demo."""

    def __call__(self, *, after: datetime, until: datetime, business_date: date) -> None:
        """Do what happens after one moment and until another. Done twice, it must change nothing."""


@lru_cache
def find_task(name: str) -> Task[..., None]:
    """Return a task by its name; outside a worker the apps' tasks are imported first."""
    if name not in app.tasks:
        app.autodiscover_tasks(force=True)
    return app.tasks[name]


def run_task(name: str) -> None:
    """Do a task's work here and now."""
    with inline_task(name):
        find_task(name)()


def send_task(name: str) -> None:
    """Wake a worker for a task."""
    app.send_task(name)


def run_flow(*, run: Callable[[str], None] = run_task) -> None:
    """Deliver facts and do the work that follows, until no fact waits; what is done LAST once nothing else follows."""
    put_off: dict[str, set[UUID]] = {}
    for _ in range(MOST_ROUNDS):
        wanted: dict[str, set[UUID]] = {}

        def collect(
            name: str, _: Mapping[str, Any], cause: UUID | None = None, wanted: dict[str, set[UUID]] = wanted
        ) -> None:
            note_wanted(wanted=wanted, fact=name, cause=cause)

        if not deliver_facts(dispatch=collect):
            if not put_off:
                return
            wanted, put_off = put_off, {}
        else:
            for task in LAST:
                if task in wanted:
                    put_off.setdefault(task, set()).update(wanted.pop(task))
        for task, causes in wanted.items():
            with carrying_on(causes):
                run(task)
    raise RuntimeError("facts keep following facts: the flow has a loop")


def note_wanted(*, wanted: dict[str, set[UUID]], fact: str, cause: UUID | None) -> None:
    """Add the tasks that follow a fact, and the id of what caused it."""
    for task in FLOW[fact]:
        wanted.setdefault(task, set()).update(() if cause is None else (cause,))


def deliver_and_wake() -> None:
    """Deliver the waiting facts by waking a worker for the tasks that follow them, each once."""
    wanted: dict[str, set[UUID]] = {}

    def collect(name: str, _: Mapping[str, Any], cause: UUID | None = None) -> None:
        note_wanted(wanted=wanted, fact=name, cause=cause)

    def wake() -> None:
        for task, causes in wanted.items():
            with carrying_on(causes):
                send_task(task)

    # Sent before the facts are acknowledged: a broker that refuses leaves them waiting.
    deliver_facts(dispatch=collect, before_acknowledging=wake)


def sweep() -> None:
    """Do whatever may have been left undone."""
    for task in SWEEP:
        run_task(task)


def do_step(*, step: DueStep) -> None:
    """Do one step of the day, and note it done. Interrupted, it is done again from its start: that is harmless."""
    if step.step_id is None:
        return
    started = time.monotonic()
    run_flow()
    for task in DAY[step.action]:
        run_task(task)
    run_flow()
    report = day_report(business_date=step.business_date) if step.action == StepAction.CLOSE else None
    took = timedelta(seconds=time.monotonic() - started)
    if report is None:
        complete_step(step_id=step.step_id, took=took)
    else:
        close_business_day(
            business_date=step.business_date,
            at=step.planned_at,
            report=report,
            step_id=step.step_id,
            took=took,
        )


def advance(*, until: datetime, feed: Feed | None = None, note: Callable[[str], None] = lambda _: None) -> None:
    """Move business time forward to `until`: feed the market, sweep, and do each step when it is due.

    The clock moves in the order: feed, clock, work. A feed cut off before the clock moved is fed again
    and must be idempotent; work cut off after it is taken up by the next sweep.
    """
    while True:
        clock = business_clock()
        step = next_step(business_date=clock.business_date)
        moment = min(step.planned_at, _next_slot(at=clock.at, business_date=clock.business_date), until)
        if moment > clock.at:
            if feed is not None:
                feed(after=clock.at, until=moment, business_date=clock.business_date)
            advance_business_clock(business_date=clock.business_date, at=moment, ticked_at=tick(clock, at=moment))
        # Whoever takes up a step that was cut off sweeps first: the one that was cut off may not have.
        if moment > clock.at or step.planned_at <= moment:
            run_flow()
            sweep()
            run_flow()
        if step.planned_at <= moment:
            note(step.name)
            if step.action == StepAction.OPEN:
                # The day opens before the clock enters it: cut off in between, the day is not passed over.
                open_business_day(business_date=step.business_date, at=step.planned_at)
            advance_business_clock(business_date=step.business_date, at=moment, ticked_at=tick(clock, at=moment))
            do_step(step=step)
        tell()
        if step.planned_at > moment and moment >= until:
            return


def tell() -> None:
    """Publish what has become true, and let the product's own consumers of events handle it."""
    publish_facts()
    consume_all(now=timezone.now())


def tick(clock: ClockReading, *, at: datetime) -> datetime:
    """Return the wall time to note with a business time: the same one where the clock follows the wall."""
    return at if follows_wall(clock) else timezone.now()


def carry_out(*, order: DayOrder, feed: Feed | None = None, note: Callable[[str], None] = lambda _: None) -> None:
    """Do the steps of the day up to the order's, whoever began with them; call it holding the day's lock.

    Cut off, it goes on from the step that is not done. An error ends the order and is told with it.
    """
    try:
        while not order_is_done(order=order):
            step = next_step(business_date=business_clock().business_date)
            advance(until=step.planned_at, feed=feed, note=note)
    except Exception as error:
        end_order(order=order, at=timezone.now(), problem=f"{type(error).__name__}: {error}")
        raise
    end_order(order=order, at=timezone.now())


def _next_slot(*, at: datetime, business_date: date) -> datetime:
    """Return the next half hour of the market's day, or a time after every step where its hours are over."""
    opening = datetime.combine(business_date, MARKET_HOURS[0], tzinfo=BUSINESS_ZONE)
    closing = datetime.combine(business_date, MARKET_HOURS[1], tzinfo=BUSINESS_ZONE)
    slot = opening + SWEEP_EVERY * max(0, (at - opening) // SWEEP_EVERY + 1)
    return slot if slot <= closing else at + timedelta(days=30)


@contextmanager
def day_lock() -> Iterator[bool]:
    """Hold the lock that lets one process at a time move business time; give whether it was had."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [DAY_LOCK_KEY])
        had = bool(cursor.fetchone()[0])
        try:
            yield had
        finally:
            if had:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [DAY_LOCK_KEY])
