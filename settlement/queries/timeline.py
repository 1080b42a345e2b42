"""The business day as a line: its phases, windows and cut-offs in the width of a picture, and where the clock is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from reference.core.calendar import BUSINESS_ZONE
from settlement.models import Movements
from settlement.queries.day import DayView, StepView

WIDTH = 1000
# Room for a time of day under its line.
LABEL_WIDTH = 34
MIDNIGHT = timedelta(days=1)


@dataclass(frozen=True)
class Band:
    """A span of the day: x and width of 1000."""

    name: str
    begins_at: datetime
    ends_at: datetime
    x: float
    width: float
    state: str


@dataclass(frozen=True)
class Mark:
    """A moment of the day: x of 1000; labelled where its time of day has room to stand."""

    name: str
    at: datetime
    x: float
    state: str
    labelled: bool


@dataclass(frozen=True)
class Timeline:
    """The line of one business day. now_x: None where the clock is not in the day."""

    phases: tuple[Band, ...]
    windows: tuple[Band, ...]
    marks: tuple[Mark, ...]
    now_x: float | None


def build_timeline(*, day: DayView, at: datetime) -> Timeline | None:
    """Lay out a planned day; None before it has a plan. at: business time.

    The night before belongs to it, and a weekend between the two takes no room.
    """
    if len(day.steps) < 2:
        return None
    scale = _Scale(first=day.steps[0].planned_at, last=day.steps[-1].planned_at)
    groups = [(name, list(steps)) for name, steps in groupby(day.steps, key=lambda step: step.phase)]
    ends = [steps[0].planned_at for _, steps in groups[1:]] + [day.steps[-1].planned_at]
    phases = tuple(
        scale.band(name=name, begins_at=steps[0].planned_at, ends_at=end, state=_state(steps))
        for (name, steps), end in zip(groups, ends, strict=True)
    )
    windows = tuple(
        scale.band(name=step.name, begins_at=step.planned_at, ends_at=step.window_until, state=step.state)
        for step in day.steps
        if step.window_until is not None
    )
    is_now = day.steps[0].planned_at <= at <= day.steps[-1].planned_at
    return Timeline(phases, windows, _marks(day.steps, scale=scale), scale.x(at) if is_now else None)


def cut_offs(*, day: DayView) -> list[StepView]:
    """Return the steps after which less settles than before: the cut-offs of the day."""
    free = (Movements.FREE, "NONE")
    return [
        step
        for before, step in zip(day.steps, day.steps[1:], strict=False)
        if before.real_time not in ("NONE", step.real_time) and step.real_time in free
    ]


class _Scale:
    """From a moment to its place on the line."""

    def __init__(self, *, first: datetime, last: datetime) -> None:
        self.first = first.astimezone(BUSINESS_ZONE)
        self.evening = MIDNIGHT - _time_of(self.first)
        self.whole = self._passed(last.astimezone(BUSINESS_ZONE)) or timedelta(minutes=1)

    def _passed(self, moment: datetime) -> timedelta:
        """Return how much of the evening before and of the date itself has passed."""
        if moment.date() == self.first.date():
            return moment.replace(tzinfo=None) - self.first.replace(tzinfo=None)
        return self.evening + _time_of(moment)

    def x(self, moment: datetime) -> float:
        """Return a moment's place, 0 to 1000."""
        return round(max(0.0, min(1.0, self._passed(moment.astimezone(BUSINESS_ZONE)) / self.whole)) * WIDTH, 1)

    def band(self, *, name: str, begins_at: datetime, ends_at: datetime, state: str) -> Band:
        """Return a span in its place."""
        x = self.x(begins_at)
        return Band(name, begins_at, ends_at, x, max(1.0, round(self.x(ends_at) - x, 1)), state)


def _time_of(moment: datetime) -> timedelta:
    """Return how much of a day has passed at a moment."""
    return timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)


def _state(steps: Sequence[StepView]) -> str:
    """Return where a phase stands, from the states of its steps."""
    states = {step.state for step in steps}
    if states == {"DONE"}:
        return "DONE"
    return "DUE" if states == {"DUE"} else "RUNNING"


def _marks(steps: Sequence[StepView], *, scale: _Scale) -> tuple[Mark, ...]:
    """Return the steps in their places; a time of day stands where there is room for it."""
    marks: list[Mark] = []
    free_from = 0.0
    for step in steps:
        x = scale.x(step.planned_at)
        labelled = x >= free_from
        if labelled:
            free_from = x + LABEL_WIDTH
        marks.append(Mark(step.name, step.planned_at, x, step.state, labelled))
    return tuple(marks)
