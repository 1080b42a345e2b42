"""The id across Celery: sent with each message, restored around each task, handed on by the facts that wake one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar, Token
from dataclasses import replace
from typing import Any
from uuid import UUID

from celery import Task
from celery.signals import before_task_publish, task_prerun

from fmi.telemetry import active
from reference.origin import Door, Origin, acting_from, current_origin, enter_origin, leave_origin
from reference.public_ids import new_public_id

# The message header: {"id": the correlation id, "causes": those of the facts, where they are several}.
HEADER = "fmi_correlation"
# A set of facts may come from thousands of requests; so many of them are named.
MOST_CAUSES = 32

_causes: ContextVar[tuple[UUID, ...]] = ContextVar("causes", default=())
_entered: dict[str, tuple[Token[Origin], Token[tuple[UUID, ...]], ExitStack]] = {}


def causes() -> tuple[UUID, ...]:
    """Return the ids of what is being followed up, where they are several; at most MOST_CAUSES of them."""
    return _causes.get()


@contextmanager
def carrying_on(ids: Iterable[UUID]) -> Iterator[None]:
    """Carry on, for the block, what these ids began: under the id itself where it is one, as causes where several."""
    named = sorted(set(ids))
    origin = current_origin()
    if len(named) == 1:
        origin = replace(origin, correlation_id=named[0])
    token = _causes.set(tuple(named[:MOST_CAUSES]) if len(named) > 1 else ())
    try:
        with acting_from(origin), ExitStack() as stack:
            if active.traces is not None and len(named) == 1:
                from fmi.telemetry.traces import following

                stack.enter_context(following(cause=named[0]))
            yield
    finally:
        _causes.reset(token)


@contextmanager
def inline_task(name: str) -> Iterator[None]:
    """Do a task's work in the block, here and now, as a task: in a span of its own where traces are on."""
    with acting_from(replace(current_origin(), door=Door.TASK, client=name)):
        if active.traces is None:
            yield
            return
        with active.traces.inline(name=name, causes=causes()):
            yield


@before_task_publish.connect
def send_id(headers: MutableMapping[str, Any] | None = None, **_: Any) -> None:
    """Put the id into the message's headers."""
    origin = current_origin()
    if headers is None or origin.correlation_id is None:
        return
    sent = {"id": str(origin.correlation_id), "causes": [str(cause) for cause in _causes.get()]}
    if active.traces is not None:
        from fmi.telemetry.traces import sending_span

        sent["span"] = format(sending_span(origin.correlation_id), "016x")
    headers[HEADER] = sent


@task_prerun.connect
def enter_task(task_id: str, task: Task[..., Any], **_: Any) -> None:
    """Say that a task acts, under the id its message has brought; beat's ticks bring none and get one here."""
    sent = getattr(task.request, HEADER, None) or {}
    own_id = UUID(sent["id"]) if sent.get("id") else new_public_id()
    origin = Origin(door=Door.TASK, client=task.name, correlation_id=own_id)
    following = tuple(UUID(cause) for cause in sent.get("causes", ()))
    spans = ExitStack()
    _entered[task_id] = enter_origin(origin), _causes.set(following), spans
    if active.traces is not None:
        span = active.traces.task(
            name=task.name, own_id=own_id, parent_span=int(sent.get("span") or "0", 16), causes=following
        )
        spans.enter_context(span).set_attribute("celery.task_id", task_id)


def leave_task(task_id: str, **_: Any) -> None:
    """Go back to where the worker was before the task; task_counts.py connects it, after its own line is written."""
    entered = _entered.pop(task_id, None)
    if entered is not None:
        entered[2].close()
        leave_origin(entered[0])
        _causes.reset(entered[1])
