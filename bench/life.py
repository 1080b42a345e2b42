"""A file's whole life, by the product's own flow: captured, matched, cleared, netted, settled, reconciled."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from django.db import connection
from django.utils import timezone

from bench.market import noon_of
from fmi.business_day import run_flow, run_task
from fmi.flow import DAY
from fmi.invariants import check_invariants
from reference.core.actor import SYSTEM
from reference.queries import business_clock
from reference.services import advance_business_clock
from trades.core.lifecycle import TradeStatus
from trades.services.capture_submission import capture_submission, open_submission

BLOCK_BYTES = 1024 * 1024


class BenchFailed(RuntimeError):
    """What was measured did not do its work, so that its time says nothing."""


@dataclass
class Stages:
    """Seconds by stage, in the order in which the stages came."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the block's time to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started

    def run(self, task: str) -> None:
        """Run a task of the flow as a stage of its own."""
        with self.timed(task):
            run_task(task)

    @property
    def total(self) -> float:
        """The sum of all stages."""
        return sum(self.seconds.values())


def read_blocks(*, path: Path) -> Iterator[bytes]:
    """Read a file block by block."""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def capture_file(*, path: Path) -> int:
    """Capture a CSV file as the operator's upload does; return how many reports were taken."""
    clock = business_clock()
    submission = open_submission(actor=SYSTEM, source=path.name, at=clock.at, business_date=clock.business_date)
    for _ in capture_submission(submission=submission, blocks=read_blocks(path=path), form="csv", actor=SYSTEM):
        pass
    return submission.accepted


def live_through(*, path: Path, reports: int, settlement_dates: tuple[date, ...]) -> Stages:
    """Take a file of reports through its whole life in the connected database; return the seconds by stage.

    Raises BenchFailed unless every report was taken and settled and every invariant holds.
    """
    stages = Stages()
    with stages.timed("capture"):
        taken = capture_file(path=path)
    if taken != reports:
        raise BenchFailed(f"{taken} of {reports} reports were taken")
    run_flow(run=stages.run)
    for day in settlement_dates:
        advance_business_clock(business_date=day, at=noon_of(day=day), ticked_at=timezone.now())
        for action in ("NET", "CYCLE"):
            for task in DAY[action]:
                stages.run(task)
            run_flow(run=stages.run)
    with stages.timed("reconcile"):
        findings = check_invariants()
    broken = [finding for finding in findings if finding.violations]
    if broken:
        raise BenchFailed(f"invariants broken: {broken}")
    states = count_states()
    if states != {TradeStatus.SETTLED: reports}:
        raise BenchFailed(f"not every trade settled: {states}")
    return stages


def count_states() -> dict[str, int]:
    """Return how many trades stand in each state."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT status, count(*) FROM trades_trade GROUP BY status")
        return dict(cursor.fetchall())
