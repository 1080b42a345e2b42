"""Positions as a CSV file."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.core.position_file import (
    LARGEST_FILE,
    MOST_POSITIONS,
    PositionsUnreadable,
    decode_file,
    read_positions,
)


@pytest.mark.parametrize(
    "text",
    [
        "security,quantity\nAAPL,5000\n\nIBM,-800\n",
        "\ufeffISIN;Units;Note\r\nAAPL;5000.00;x\r\nIBM;\u2212800;\r\n",
        "quantity\tticker\n+5000\tAAPL\n-800\tIBM",
    ],
)
def test_it_is_read_as_people_write_it(text: str) -> None:
    assert [(row.security, row.quantity_units) for row in read_positions(text=text)] == [("AAPL", 5000), ("IBM", -800)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("security,price\nAAPL,5", "security and quantity are needed"),
        ("security,quantity\n", "no position"),
        ("security,quantity\nAAPL", "Line 2 has 1 columns"),
        ("security,quantity\nAAPL,5.5", "Line 2: '5.5' is not a whole number"),
        ("security,quantity\nAAPL,1\nIBM,nan", "Line 3: 'nan'"),
        ("security,quantity\nAAPL,1e9", "not a whole number"),
        ("security,quantity\nAAPL,1000000000001", "more than there can be"),
        ("security,quantity\nAAPL,99999999999999999999", "not a whole number"),
        ("security,quantity\n" + "AAPL,1\n" * (MOST_POSITIONS + 1), "more than 2,000"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, why: str) -> None:
    with pytest.raises(PositionsUnreadable, match=why):
        read_positions(text=text)


def test_files_are_small_and_utf_8() -> None:
    assert decode_file(data=b"\xef\xbb\xbfa") == "a"
    with pytest.raises(PositionsUnreadable, match="UTF-8"):
        decode_file(data=b"\xff")
    with pytest.raises(PositionsUnreadable, match="larger"):
        decode_file(data=b"a" * (LARGEST_FILE + 1))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(PositionsUnreadable):
        read_positions(text=text)
