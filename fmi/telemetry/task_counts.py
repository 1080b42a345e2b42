"""Count and time every Celery task, and write one line for each that somebody caused."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import Task
from celery.signals import task_failure, task_postrun, task_prerun, worker_process_shutdown

from fmi.telemetry.carry import HEADER, causes, leave_task
from fmi.telemetry.counters import TASK_EDGES, counters, note_failure

log = logging.getLogger("fmi.tasks")
_started: dict[str, float] = {}


@task_prerun.connect
def note_start(task_id: str, **_: Any) -> None:
    """Note when a task began."""
    _started[task_id] = time.perf_counter()


@task_postrun.connect
def note_end(task_id: str, task: Task[..., Any], state: str | None = None, **_: Any) -> None:
    """Count a task that has ended, in whatever state."""
    started = _started.pop(task_id, None)
    if started is None:
        return
    seconds = time.perf_counter() - started
    counters.add(("fmi_tasks", task.name, state or "UNKNOWN"))
    counters.observe(name="fmi_task_seconds", labels=(task.name,), seconds=seconds, edges=TASK_EDGES)
    if state == "FAILURE":
        note_failure(("task", task.name))
    # Beat's ticks come every second, and bring no id.
    caused = getattr(task.request, HEADER, None) is not None
    level = logging.INFO if caused or state == "FAILURE" else logging.DEBUG
    if log.isEnabledFor(level):
        fields = {"task": task.name, "state": state, "ms": round(seconds * 1000, 1)}
        if causes():
            fields["causes"] = ",".join(map(str, causes()))
        log.log(level, "ended", extra={"fields": fields})


# Signals are called in the order in which they were connected: the id is taken away once the line is written.
task_postrun.connect(leave_task)


@task_failure.connect
def note_lost(task_id: str, sender: Task[..., Any], **_: Any) -> None:
    """Count a task whose process is gone: that is told in the worker's main process, where it never began."""
    if task_id not in _started:
        counters.add(("fmi_tasks", sender.name, "LOST"))
        note_failure(("task", sender.name))


@worker_process_shutdown.connect
def leave(**_: Any) -> None:
    """Bring what a worker's child has counted to Valkey before it ends."""
    counters.flush()
