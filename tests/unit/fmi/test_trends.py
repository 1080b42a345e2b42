"""The small lines that the server draws."""

from __future__ import annotations

from datetime import date

from fmi.trends import HEIGHT, MARGIN, WIDTH, build_trend

MONDAY, TUESDAY, WEDNESDAY = date(2008, 9, 8), date(2008, 9, 9), date(2008, 9, 10)


def test_one_day_is_no_trend() -> None:
    assert build_trend(title="Efficiency", days={MONDAY: {"EUR": 0.5}}) is None
    assert build_trend(title="Efficiency", days={MONDAY: {"EUR": 0.5}, TUESDAY: {"EUR": None}}) is None


def test_line_runs_from_edge_to_edge_and_low_to_high() -> None:
    trend = build_trend(title="Efficiency", days={TUESDAY: {"EUR": 1.0}, MONDAY: {"EUR": 0.5}})
    assert trend is not None
    assert trend.lines[0].path == f"M{MARGIN}.0 {HEIGHT - MARGIN}.0 L{WIDTH - MARGIN}.0 {MARGIN}.0"
    assert (trend.low, trend.high, trend.lines[0].last) == (0.5, 1.0, 1.0)
    assert [row.ratios for row in trend.rows] == [(0.5,), (1.0,)]


def test_a_missing_day_breaks_the_line() -> None:
    days = {MONDAY: {"EUR": 0.5, "USD": 0.1}, TUESDAY: {"USD": 0.2}, WEDNESDAY: {"EUR": 0.7, "USD": 0.3}}
    trend = build_trend(title="Efficiency", days=days)
    assert trend is not None
    assert trend.lines[0].path.count("M") == 2
    assert trend.lines[1].path.count("M") == 1
    assert trend.rows[1].ratios == (None, 0.2)


def test_a_flat_line_stays_within_the_scale() -> None:
    trend = build_trend(title="Efficiency", days={MONDAY: {"EUR": 1.0}, TUESDAY: {"EUR": 1.0}})
    assert trend is not None
    assert 0 <= trend.low < trend.high <= 1
    assert trend.lines[0].last_y == MARGIN
