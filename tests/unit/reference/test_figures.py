"""Figures as people type them."""

from decimal import Decimal
from typing import Any

import pytest

from reference.core.figures import read_figure, show_sign, write_figure


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


@pytest.mark.parametrize(
    ("value", "options", "text"),
    [
        (-1234.5, {}, "\N{MINUS SIGN}1,234.50"), (Decimal("0.125"), {}, "0.13"), (-0.001, {}, "0.00"),
        (Decimal("2.50"), {"places": 4, "trim": True}, "2.5"), (7, {"places": 0, "plus": True}, "+7"),
        (0, {"places": 0, "plus": True}, "0"), (float("nan"), {}, "nan"),
    ],
)  # fmt: skip
def test_a_figure_is_written_with_thousands_and_a_true_minus(value: float, options: dict[str, Any], text: str) -> None:
    assert write_figure(value=value, **options) == text


def test_only_a_text_that_begins_with_a_negative_number_gets_a_true_minus() -> None:
    assert show_sign(text="-1.50 EUR") == "\N{MINUS SIGN}1.50 EUR"
    assert show_sign(text="B-1") == "B-1"
    assert show_sign(text="-ish") == "-ish"
