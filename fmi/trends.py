"""A ratio over business days as a small line that the server draws, with its table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT, MARGIN = 560, 96, 6
LEAST_SPAN = 0.02


@dataclass(frozen=True)
class TrendLine:
    """One currency's ratios: an SVG path, and where its last point stands."""

    currency: str
    path: str
    last_x: float
    last_y: float
    last: float
    style: str


@dataclass(frozen=True)
class TrendRow:
    """One day's ratios, in the order of the lines."""

    day: date
    ratios: tuple[float | None, ...]


@dataclass(frozen=True)
class Trend:
    """A chart of one or more currencies over the same days. low and high are the ends of the scale."""

    title: str
    lines: tuple[TrendLine, ...]
    rows: tuple[TrendRow, ...]
    low: float
    high: float
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def first(self) -> date:
        """Return the first day drawn."""
        return self.rows[0].day

    @property
    def last(self) -> date:
        """Return the last day drawn."""
        return self.rows[-1].day


def build_trend(*, title: str, days: Mapping[date, Mapping[str, float | None]]) -> Trend | None:
    """Draw ratios of 0 to 1 by day and currency; None where fewer than two days hold any."""
    order = sorted(day for day, ratios in days.items() if any(ratio is not None for ratio in ratios.values()))
    if len(order) < 2:
        return None
    currencies = sorted({code for day in order for code, ratio in days[day].items() if ratio is not None})
    known = [ratio for day in order for ratio in days[day].values() if ratio is not None]
    low, high = min(known), max(known)
    if high - low < LEAST_SPAN:
        low, high = max(0.0, high - LEAST_SPAN), min(1.0, low + LEAST_SPAN)
    lines = [
        _line(
            currency=code,
            ratios=[days[day].get(code) for day in order],
            low=low,
            high=high,
            style="line" if place == len(currencies) - 1 else "line second",
        )
        for place, code in enumerate(currencies)
    ]
    rows = tuple(TrendRow(day, tuple(days[day].get(code) for code in currencies)) for day in order)
    return Trend(title=title, lines=tuple(lines), rows=rows, low=low, high=high)


def _line(*, currency: str, ratios: list[float | None], low: float, high: float, style: str) -> TrendLine:
    """Draw one currency; a day without a ratio breaks the line."""
    step = (WIDTH - 2 * MARGIN) / (len(ratios) - 1)
    parts, pen_down = [], False
    x = y = last = 0.0
    for place, ratio in enumerate(ratios):
        if ratio is None:
            pen_down = False
            continue
        x = MARGIN + place * step
        y = HEIGHT - MARGIN - (ratio - low) / (high - low) * (HEIGHT - 2 * MARGIN)
        last = ratio
        parts.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        pen_down = True
    return TrendLine(
        currency=currency, path=" ".join(parts), last_x=round(x, 1), last_y=round(y, 1), last=last, style=style
    )
