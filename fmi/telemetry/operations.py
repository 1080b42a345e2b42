"""What the page Operations shows: what is wrong first, then how everything runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from redis.exceptions import RedisError

from fmi.celery import HEARTBEAT_EXPIRES_SECONDS, WORKERS_HASH
from fmi.telemetry.counters import TASK_EDGES, Key, read_counters, read_failures, valkey
from fmi.telemetry.figures import Sample, read_figures, read_machinery
from fmi.telemetry.modules import Module, read_modules
from fmi.telemetry.readiness import OK, Readiness, read_readiness
from reference.core.calendar import BUSINESS_ZONE

OUTBOX_PATIENCE_SECONDS = 60
AUDIT_PATIENCE_SECONDS = 300
# It is verified at night; a day and some hours.
VERIFICATION_PATIENCE_SECONDS = 100_000
QUEUE_PATIENCE = 500
FAILED_LATELY = timedelta(hours=1)
PART_ADVICE = {
    "database": "Nothing is accepted until PostgreSQL answers: see that it runs, and its log.",
    "migrations": "Run manage.py migrate, then start web, worker and beat again.",
    "broker": "Nothing is lost, and nothing due is done: see that Valkey runs.",
    "worker": "Nothing is lost, and nothing due is done: start a worker, or read its log.",
}
SINKS = {"tasks": "the task that handles it", "events": "being published"}
RELAY_ADVICE = "Nothing is lost. See that beat and a worker run, and that Valkey answers."


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong, and what to do about it. page: the name of the page that tells more."""

    what: str
    do: str
    page: str = "operations"


@dataclass(frozen=True)
class TaskTally:
    """One Celery task since the counters began."""

    name: str
    runs: int
    failures: int
    seconds: float
    slow_seconds: float

    @property
    def mean_seconds(self) -> float:
        """Return what a run takes."""
        return self.seconds / self.runs if self.runs else 0.0


@dataclass(frozen=True)
class Worker:
    """A worker that has said lately that it lives."""

    host: str
    beat_at: datetime
    children: int


@dataclass(frozen=True)
class Operations:
    """Everything the page shows."""

    readiness: Readiness
    troubles: Sequence[Trouble]
    modules: Sequence[Module]
    workers: Sequence[Worker]
    refusals: Sequence[tuple[str, int]]
    tasks: Sequence[TaskTally]
    requests: int
    errors: int
    figures: Mapping[tuple[str, tuple[str, ...]], float]


def read_operations(*, now: datetime) -> Operations:
    """Read the page. now: wall-clock time."""
    samples = read_figures()
    figures = {(name, labels): value for name, labels, value in samples}
    counted = _counted()
    tasks = tally_tasks(counted=counted)
    readiness = read_readiness()
    requests = counted["fmi_http_requests"]
    refusals = sorted(((key[0], int(value)) for key, value in counted["fmi_refusals"].items()), key=lambda row: -row[1])
    return Operations(
        readiness=readiness,
        troubles=list_troubles(readiness=readiness, samples=samples, lately=_failed_lately(now=now)),
        modules=read_modules(samples=samples),
        workers=_workers(now=now),
        refusals=refusals,
        tasks=tasks,
        requests=int(sum(requests.values())),
        errors=int(sum(value for key, value in requests.items() if key[2].startswith("5") and key[1] != "ready")),
        figures=figures,
    )


def read_troubles(*, now: datetime) -> list[Trouble]:
    """Return what is wrong with the running of the product, the worst first. now: wall-clock time."""
    return list_troubles(readiness=read_readiness(), samples=read_machinery(), lately=_failed_lately(now=now))


def _counted() -> dict[str, dict[Key, float]]:
    found: dict[str, dict[Key, float]] = defaultdict(dict)
    try:
        for key, value in read_counters().items():
            found[key[0]][key[1:]] = value
    except (RedisError, OSError):
        pass
    return found


def _failed_lately(*, now: datetime) -> dict[Key, datetime]:
    try:
        return {key: at for key, at in read_failures().items() if now - at < FAILED_LATELY}
    except (RedisError, OSError):
        return {}


def _clock(at: datetime) -> str:
    return at.astimezone(BUSINESS_ZONE).strftime("%H:%M:%S")


def tally_tasks(*, counted: Mapping[str, Mapping[Key, float]]) -> list[TaskTally]:
    """Return every task that has run: those that have failed first, then the slowest."""
    runs: dict[str, dict[str, int]] = defaultdict(dict)
    for (task, state), value in counted["fmi_tasks"].items():
        runs[task][state] = int(value)
    buckets: dict[str, list[float]] = defaultdict(lambda: [0.0] * (len(TASK_EDGES) + 1))
    for (task, place), value in counted["fmi_task_seconds_bucket"].items():
        buckets[task][int(place)] = value
    tallies = [
        TaskTally(
            name=task,
            runs=sum(states.values()),
            failures=states.get("FAILURE", 0) + states.get("LOST", 0),
            seconds=counted["fmi_task_seconds_sum"].get((task,), 0.0),
            slow_seconds=upper_quantile(counts=buckets[task], edges=TASK_EDGES, share=0.95),
        )
        for task, states in runs.items()
    ]
    return sorted(tallies, key=lambda row: (-row.failures, -row.mean_seconds, row.name))


def upper_quantile(*, counts: Sequence[float], edges: Sequence[float], share: float) -> float:
    """Return the edge of the bucket under which this share of the observations lies; at most the last edge."""
    wanted, seen = share * sum(counts), 0.0
    for count, edge in zip(counts, edges, strict=False):
        seen += count
        if seen >= wanted:
            return edge
    return edges[-1]


def list_troubles(*, readiness: Readiness, samples: Sequence[Sample], lately: Mapping[Key, datetime]) -> list[Trouble]:
    """Return what is wrong, the worst first. lately: what has failed within the last hour, and when."""
    value = {(name, labels): number for name, labels, number in samples}
    found = [
        Trouble(f"The {part} is not in order: {state}.", PART_ADVICE[part])
        for part, state in readiness.parts.items()
        if state != OK
    ]
    for key, at in sorted(lately.items(), key=lambda row: row[1], reverse=True):
        if key[0] == "task":
            found.append(
                Trouble(f"{key[1]} failed at {_clock(at)}.", "Its error is in the worker's log.", "operations")
            )
        else:
            found.append(Trouble(f"{key[1]} {key[2]} answered {key[3]} at {_clock(at)}.", "Search the log for ERROR."))
    for sink, page in (("tasks", "operations"), ("events", "events")):
        age = value.get(("fmi_outbox_oldest_seconds", (sink,)), 0.0)
        if age > OUTBOX_PATIENCE_SECONDS:
            waited = timedelta(seconds=int(age))
            found.append(Trouble(f"A fact has waited {waited} for {SINKS[sink]}.", RELAY_ADVICE, page))
    if dead := int(value.get(("fmi_dead_letters", ()), 0)):
        what = f"{dead} dead letter{'s' if dead > 1 else ''}: a consumer went on without what they tell."
        found.append(Trouble(what, "Mend what they failed on, and replay them.", "dead-letters"))
    if (readiness.queued or 0) > QUEUE_PATIENCE:
        found.append(
            Trouble(
                f"{readiness.queued} messages wait for a worker.", "Add workers; look at the slow tasks.", "operations"
            )
        )
    if value.get(("fmi_audit_unsealed_oldest_seconds", ()), 0.0) > AUDIT_PATIENCE_SECONDS:
        found.append(Trouble("Audit records wait for their seal.", RELAY_ADVICE, "audit-seals"))
    if value.get(("fmi_audit_unverified_seconds", ()), 0.0) > VERIFICATION_PATIENCE_SECONDS:
        found.append(
            Trouble("The audit log has not been verified for a day.", "Run manage.py verify_audit.", "audit-seals")
        )
    if value.get(("fmi_audit_in_doubt", ()), 0.0):
        found.append(Trouble("The audit log is in doubt.", "Run manage.py verify_audit.", "audit-seals"))
    found += [
        Trouble(f"The figures of {labels[0]} cannot be read.", "The web log has the error.")
        for name, labels, number in samples
        if name == "fmi_figures_failed" and number
    ]
    return found


def _workers(*, now: datetime) -> list[Worker]:
    """Return the workers that have beaten lately."""
    try:
        rows: dict[bytes, bytes] = valkey().hgetall(WORKERS_HASH)  # type: ignore[assignment]
    except (RedisError, OSError):
        return []
    found = []
    for host, text in rows.items():
        beat: dict[str, Any] = msgspec.json.decode(text)
        at = datetime.fromisoformat(beat["at"])
        if now - at < timedelta(seconds=HEARTBEAT_EXPIRES_SECONDS):
            found.append(Worker(host=host.decode(), beat_at=at, children=beat["children"]))
    return sorted(found, key=lambda row: row.host)
