"""A bulk capture asked for again under the same key: what was captured is answered as it was, the rest goes on."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from trades.core.parsing import Line
from trades.core.report import CaptureContext, Problem, TradeReport
from trades.models import RefusedLine, Submission
from trades.refusals.reports import SubmissionNotContinued
from trades.services.capture_trades import CaptureOutcome, Outcomes, ResolvedChunk, outcome_of_standing

COUNTS = ("lines", "accepted", "repeated", "refused")
STANDING_SQL = """
    SELECT w.place::integer - 1, t.public_id, t.submission_id IS NOT DISTINCT FROM %s
    FROM unnest(%s::bigint[], %s::text[]) WITH ORDINALITY AS w (reporter_id, trade_id, place)
    JOIN trades_trade t ON t.reporter_id = w.reporter_id AND t.trade_id = w.trade_id
"""


class Repeat:
    """How far a capture has come through lines that may have been captured before, by itself or by another.

    Chunks are cut by lines, so the same bytes give the same chunks. Whoever writes one holds the submission's row and
    counts it there; whoever comes to it later finds it counted, and answers what stands.
    """

    def __init__(self, *, submission: Submission, context: CaptureContext) -> None:
        """Begin at the first line."""
        self.submission = submission
        self.context = context
        self.position = 0
        self.has_written = False
        self.seen: set[UUID] = set()

    def answer_chunk(self, *, chunk: ResolvedChunk, numbers: Sequence[int], lines: Sequence[Line]) -> Outcomes | None:
        """Hold the submission's row; return the chunk's outcomes where it was captured before, None where it is next.

        Inside the caller's transaction. Raises SubmissionNotContinued where it was captured in part.
        """
        held = Submission.objects.select_for_update().get(pk=self.submission.pk)
        for name in COUNTS:
            setattr(self.submission, name, getattr(held, name))
        begin, end = self.position, self.position + len(numbers)
        if begin < held.lines < end or held.lines < begin:
            raise SubmissionNotContinued
        self.position = end
        if held.lines == begin and numbers:
            self.has_written = True
            return None
        return self._as_then(chunk=chunk, numbers=numbers, lines=lines)

    def take_back(self, *, begin: int) -> None:
        """Go back to where a chunk began whose transaction was rolled back: it is to be written again."""
        self.position = begin

    def is_news(self, *, problem: str) -> bool:
        """Say whether the end of this capture is to be written: not where an earlier one came as far."""
        held = Submission.objects.get(pk=self.submission.pk)
        for name in COUNTS:
            setattr(self.submission, name, getattr(held, name))
        return held.finished_at is None or self.has_written or (bool(held.problem) and held.problem != problem)

    def _as_then(self, *, chunk: ResolvedChunk, numbers: Sequence[int], lines: Sequence[Line]) -> Outcomes:
        """Return what was answered: refused lines as they were kept, the others by the trades that stand."""
        refused = {
            row.line: row
            for row in RefusedLine.objects.filter(
                submission=self.submission, line__range=(numbers[0] if numbers else 0, numbers[-1] if numbers else 0)
            )
        }
        standing = self._standing(chunk=chunk, numbers=numbers, lines=lines, refused=refused)
        public_ids, others = chunk.outcomes.public_ids.copy(), dict(chunk.outcomes.others)
        for place, number in enumerate(numbers):
            public_id, is_own = standing.get(place, (None, False))
            row = refused.get(number)
            if row is not None:
                others[place] = _refused_again(row=row, today=others.get(place), standing_id=public_id)
            elif public_id is not None and is_own and public_id not in self.seen:
                others.pop(place, None)
                public_ids[place] = public_id.bytes
                # Only where the file names a trade twice must the second be told from the first.
                if self.submission.repeated:
                    self.seen.add(public_id)
            elif public_id is not None:
                others[place] = CaptureOutcome("REPEATED", public_id)
        return Outcomes(public_ids=public_ids, others=others)

    def _standing(
        self, *, chunk: ResolvedChunk, numbers: Sequence[int], lines: Sequence[Line], refused: Mapping[int, RefusedLine]
    ) -> dict[int, tuple[UUID, bool]]:
        """Return, by place, the trade of each line that is one, and whether this submission made it."""
        columns: Mapping[str, Any] = chunk.columns
        places = list(chunk.lines)
        reporters = columns["reporter_id"].tolist() if places else []
        trade_ids = columns["trade_id"].astype("U").tolist() if places else []
        # What was taken then may be refused today: of a participant that has left, say.
        for place, outcome in chunk.outcomes.others.items():
            report = lines[place].report if outcome.outcome == "REFUSED" and numbers[place] not in refused else None
            if isinstance(report, TradeReport):
                places.append(place)
                reporters.append(self._reporter_of(report=report))
                trade_ids.append(report.trade_id)
        with connection.cursor() as cursor:
            cursor.execute(STANDING_SQL, [self.submission.pk, reporters, trade_ids])
            return {places[place]: (public_id, is_own) for place, public_id, is_own in cursor}

    def _reporter_of(self, *, report: TradeReport) -> int:
        """Return the participant that a report speaks for."""
        named = self.context.participants.get(report.reporter) if report.reporter is not None else None
        return named or self.context.reporter_id or self.context.venue_id


def _refused_again(*, row: RefusedLine, today: CaptureOutcome | None, standing_id: UUID | None) -> CaptureOutcome:
    """Return a refused line's outcome as it was: in full where the reasons are today's, else as it was kept."""
    if row.code == "trade-id-reused" and standing_id is not None:
        return outcome_of_standing(standing_id=standing_id, same=False)
    if today is not None and today.problems and today.problems[0].code == row.code:
        return today
    return CaptureOutcome("REFUSED", None, (Problem(row.code, row.pointer, row.message),))
