"""Capture a stream of reports as one submission: chunk by chunk, each chunk all or nothing."""

import gc
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from typing import NamedTuple, overload

from django.db import OperationalError, transaction
from django.db.models.functions import Now
from psycopg.errors import DeadlockDetected

from events.services.audit import record_action
from reference.core.actor import Actor
from reference.locks import take_lock
from reference.public_ids import new_public_ids
from reference.refusals import Refusal
from trades.core.fast_lane import FastLane
from trades.core.parsing import CsvLines, HeaderRefused, Line, read_chunks
from trades.core.report import CaptureContext
from trades.models import RefusedLine, Submission
from trades.queries.capture_context import capture_context
from trades.refusals.reports import BrokenEncoding, MissingColumn, UnknownColumn
from trades.services.capture_trades import (
    CaptureOutcome,
    Outcomes,
    ResolvedChunk,
    announce_captured,
    prepare_chunk,
    resolve_reports,
    write_chunk,
)
from trades.services.prepare_lines import SHORT, prepare_lines
from trades.services.repeat_submission import Repeat

KEPT_CONTENT = 500
HEADER_REFUSALS: dict[str, type[Refusal]] = {
    "missing-column": MissingColumn,
    "unknown-column": UnknownColumn,
    "broken-encoding": BrokenEncoding,
}


class LineOutcome(NamedTuple):
    """What became of one line."""

    line: int
    outcome: CaptureOutcome


class LineOutcomes(Sequence[LineOutcome]):
    """What became of each line of a chunk, in order; an outcome is made only when it is asked for."""

    def __init__(self, *, numbers: Sequence[int], outcomes: Outcomes) -> None:
        self.numbers = numbers
        self.outcomes = outcomes

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> LineOutcome: ...
    @overload
    def __getitem__(self, place: slice) -> list[LineOutcome]: ...
    def __getitem__(self, place: int | slice) -> LineOutcome | list[LineOutcome]:
        if isinstance(place, slice):
            return list(map(LineOutcome, self.numbers[place], self.outcomes[place]))
        return LineOutcome(self.numbers[place], self.outcomes[place])

    def __iter__(self) -> Iterator[LineOutcome]:
        return map(LineOutcome, self.numbers, self.outcomes)


class _Prepared(NamedTuple):
    """A chunk that is read and resolved, ready to be written."""

    raw: list[bytes]
    numbers: list[int]
    chunk: ResolvedChunk
    lines: Sequence[Line]


def open_submission(*, actor: Actor, source: str, at: datetime, business_date: date) -> Submission:
    """Begin a submission; capture_submission fills it."""
    context = capture_context(actor=actor, business_date=business_date)
    return Submission.objects.create(
        public_id=new_public_ids(count=1)[0],
        reporter_id=context.reporter_id or context.venue_id,
        submitted_by=actor.name,
        source=source[:120],
        received_at=at,
        business_date=business_date,
    )


def capture_submission(
    *, submission: Submission, blocks: Iterable[bytes], form: str, actor: Actor, again: bool = False
) -> Iterator[LineOutcomes]:
    """Capture blocks of bytes (form "csv" or "ndjson") line by line; yield the outcomes chunk by chunk, in order.

    A bad line is refused with its number and reason and the others are kept. Chunks are committed as
    they come: what was answered stands. The next chunk is read while one is written.

    again: the same bytes may have been captured under this submission before, or are being just now, in part or
    whole. What was captured is answered as it was then, and the rest is captured.

    Raises MissingColumn, UnknownColumn or BrokenEncoding for a CSV header that cannot be used.
    """
    context = capture_context(actor=actor, business_date=submission.business_date)
    digest = hashlib.sha256()
    repeat = Repeat(submission=submission, context=context) if again else None
    problem = "The input ended early."
    try:
        for prepared in _prepare(blocks=blocks, form=form, context=context):
            digest.update(b"\n".join([*prepared.raw, b""]))
            yield _write_chunk(submission=submission, prepared=prepared, repeat=repeat)
        problem = ""
    except HeaderRefused as error:
        problem = str(error)
        raise HEADER_REFUSALS[error.code](str(error), column=error.column) from error
    except Refusal as error:
        problem = error.message
        raise
    finally:
        if repeat is None or repeat.is_news(problem=problem):
            _close(submission=submission, digest=digest.hexdigest(), problem=problem, actor=actor)


def _prepare(*, blocks: Iterable[bytes], form: str, context: CaptureContext) -> Iterator[_Prepared]:
    """Read and resolve one chunk ahead, in a thread that touches no database."""
    chunks = read_chunks(blocks=blocks, form=form)
    lane = FastLane(context=context)

    def prepare_next() -> _Prepared | None:
        with _collector_paused():
            chunk = next(chunks, None)
            if chunk is None:
                return None
            raw, lines = chunk
            if isinstance(lines, CsvLines) and len(lines) > SHORT:
                return _Prepared(raw, lines.numbers, prepare_lines(lines=lines, lane=lane), lines)
            resolved = resolve_reports(reports=[line.report for line in lines], context=context)
            return _Prepared(raw, [line.number for line in lines], prepare_chunk(resolved=resolved), lines)

    with ThreadPoolExecutor(max_workers=1) as reader:
        future: Future[_Prepared | None] = reader.submit(prepare_next)
        while (prepared := future.result()) is not None:
            future = reader.submit(prepare_next)
            yield prepared


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python's cycle collector off the rows of a chunk, of which none is in a cycle: it doubles their cost."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _write_chunk(*, submission: Submission, prepared: _Prepared, repeat: Repeat | None = None) -> LineOutcomes:
    """Write one chunk beside those of others; alone, where another repeats its trades the other way round.

    Each of two such chunks waits for what the other has written: the database ends one of them. A second try beside
    the other may meet it again; alone, what it waits for is committed or gone.
    """
    begin = 0 if repeat is None else repeat.position
    try:
        return _write_chunk_once(submission=submission, prepared=prepared, repeat=repeat, alone=False)
    except OperationalError as error:
        if not isinstance(error.__cause__, DeadlockDetected):
            raise
    if repeat is not None:
        repeat.take_back(begin=begin)
    return _write_chunk_once(submission=submission, prepared=prepared, repeat=repeat, alone=True)


def _write_chunk_once(
    *, submission: Submission, prepared: _Prepared, repeat: Repeat | None, alone: bool
) -> LineOutcomes:
    """Write one chunk, its refused lines, the submission's counts and the facts, in one transaction."""
    with transaction.atomic():
        take_lock(name="trades.capture_chunk", shared=not alone)
        before = None if repeat is None else repeat.answer_chunk(
            chunk=prepared.chunk, numbers=prepared.numbers, lines=prepared.lines
        )  # fmt: skip
        if before is not None:
            return LineOutcomes(numbers=prepared.numbers, outcomes=before)
        chunk = write_chunk(
            chunk=prepared.chunk,
            at=submission.received_at,
            business_date=submission.business_date,
            submission_id=submission.pk,
        )
        refused = [
            RefusedLine(
                submission=submission,
                line=prepared.numbers[place],
                code=outcome.problems[0].code,
                pointer=_storable(outcome.problems[0].pointer[:60]),
                message=_storable(" ".join(problem.message for problem in outcome.problems)),
                content=_storable(prepared.raw[place].decode("utf-8", "replace")[:KEPT_CONTENT]),
            )
            for place, outcome in sorted(chunk.outcomes.others.items())
            if outcome.outcome == "REFUSED"
        ]
        RefusedLine.objects.bulk_create(refused)
        submission.lines += len(chunk.outcomes)
        submission.accepted += chunk.accepted
        submission.refused += len(refused)
        submission.repeated += len(chunk.outcomes) - chunk.accepted - len(refused)
        submission.save(update_fields=["lines", "accepted", "refused", "repeated"])
        announce_captured(written=chunk, chunk=prepared.chunk)
    return LineOutcomes(numbers=prepared.numbers, outcomes=chunk.outcomes)


def _storable(text: str) -> str:
    """Return the text without NUL, which JSON may spell and PostgreSQL does not store."""
    return text.replace("\x00", "\ufffd")


def _close(*, submission: Submission, digest: str, problem: str, actor: Actor) -> None:
    """Write the end of a submission and its one audit record."""
    with transaction.atomic():
        submission.digest = digest
        submission.problem = problem
        submission.finished_at = Now()
        submission.save(update_fields=["digest", "problem", "finished_at"])
        record_action(
            actor=actor,
            action="submission.captured",
            at=submission.received_at,
            business_date=submission.business_date,
            object_type="submission",
            object_id=submission.pk,
            summary=f"{submission.source}: {submission.accepted} taken, {submission.repeated} repeated, "
            f"{submission.refused} refused of {submission.lines} lines",
            detail={"digest": digest, "problem": problem},
        )
