"""Figures as people type them."""

from decimal import Decimal

import pytest

from reference.core.figures import read_figure


@pytest.mark.parametrize(
    ("text", "figure"),
    [("1,000.50", "1000.5"), (" 7 ", "7"), ("-3", "-3"), ("0.000001", "0.000001"), ("9" * 20, "9" * 20)],
)
def test_a_figure_is_read_exactly(text: str, figure: str) -> None:
    assert read_figure(text=text) == Decimal(figure)


@pytest.mark.parametrize(
    "text", ["", "x", "NaN", "sNaN", "Infinity", "1e9", "1_000", "\u00b2", "\u0661", "9" * 21, ".5", "\x00"]
)
def test_what_is_none_is_none(text: str) -> None:
    assert read_figure(text=text) is None
