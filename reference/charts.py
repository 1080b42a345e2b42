"""Charts as data: what the pages draw, and the table that says the same in figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reference.core.figures import write_figure

Kind = Literal["line", "bar", "scatter"]
Tone = Literal["accent", "good", "warn", "bad", "idle", "none"]


@dataclass(frozen=True)
class Series:
    """One line, row of bars or cloud of points: one value a label, None where there is none.

    stack: bars of the same stack stand on each other. tone: "none" draws nothing, as the foot of a waterfall.
    """

    name: str
    values: Sequence[float | None]
    kind: Kind = "line"
    tone: Tone = "accent"
    stack: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart over labelled places (days, members, layers), and its table.

    key: unique on its page. unit: what the values are in, "USD" or "%". digits: decimals in the table.
    horizontal: bars run from left to right, one label a line. from_zero: the scale begins at zero; prices need not.
    """

    key: str
    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    unit: str = ""
    digits: int = 2
    label_name: str = "Date"
    horizontal: bool = False
    from_zero: bool = True
    note: str = ""
    height: Literal["short", "normal", "tall"] = "normal"

    @property
    def identity(self) -> str:
        """The id of the element that holds the chart's data."""
        return f"chart-{self.key}"

    @property
    def document(self) -> dict[str, Any]:
        """What charts.js draws from."""
        return {
            "labels": list(self.labels),
            "unit": self.unit,
            "digits": self.digits,
            "horizontal": self.horizontal,
            "from_zero": self.from_zero,
            "series": [
                {
                    "name": line.name, "values": list(line.values), "kind": line.kind, "tone": line.tone,
                    "stack": line.stack,
                }
                for line in self.series
            ],
        }  # fmt: skip

    @property
    def shown(self) -> list[Series]:
        """The series that stand for something: a waterfall's feet do not."""
        return [line for line in self.series if line.tone != "none"]

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The table: each label with its values, written out; empty where there is none."""
        return [
            (
                label,
                [
                    "" if (value := line.values[place]) is None else write_figure(value=value, places=self.digits)
                    for line in self.shown
                ],
            )
            for place, label in enumerate(self.labels)
        ]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.labels or all(value is None for line in self.shown for value in line.values)
