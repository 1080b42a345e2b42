"""What a run of the bench has found: kept as it comes, judged, printed."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table


class Bench:
    """One run: its results as they come, and the bar that tells what is measured now."""

    def __init__(self, *, progress: Progress, task: TaskID, console: Console, instructions: list[int]) -> None:
        self.progress = progress
        self.instructions = instructions
        self.task = task
        self.console = console
        self.results: list[dict[str, Any]] = []

    def note(self, what: str) -> None:
        """Tell what is being measured."""
        self.progress.update(self.task, advance=1, description=what)

    def report(self, **figures: Any) -> None:
        """Keep a result and print it."""
        self.results.append(figures)
        shown = {name: value for name, value in figures.items() if name != "section"}
        self.console.print(f"[bold]{figures['section']}[/]", shown)


def judge(*, ratio: float, target: float) -> str:
    """Say whether a ratio keeps its target, and by how much it misses."""
    return "kept" if ratio >= target else f"missed by {100 * (1 - ratio / target):.0f} %"


def print_summary(*, results: list[dict[str, Any]], console: Console) -> None:
    """Print each target and whether it is kept."""
    table = Table("what", "figure", "target", "verdict")
    for figures in results:
        if "verdict" not in figures:
            continue
        figure = figures.get("figure") or figures.get(
            "ratio", figures.get("time_1m_by_time_100k", figures.get("seconds"))
        )
        target = figures.get("target", figures.get("target_seconds"))
        what = " ".join(
            str(figures[name]) for name in ("section", "reports", "instructions", "beside") if name in figures
        )
        table.add_row(what, str(figure), str(target), figures["verdict"])
    console.print(table)
