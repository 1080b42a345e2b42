"""Whole columns of CSV read as numbers and words say the same as one text after the other."""

import re
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trades.core.cells import MOST_DIGITS, Cells, cut_cells

PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")
NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.text("0123456789.-+eE x", max_size=24),
    st.integers(0, 10**20).map(str),
    st.from_regex(r"[0-9]{1,12}\.[0-9]{1,6}", fullmatch=True),
)


def cut(rows: Sequence[tuple[str, ...]]) -> Cells:
    text = "".join(",".join(row) + "\n" for row in rows).encode()
    return cut_cells(text=text, separator=",", header=("first", "second"), lines=len(rows), room=64)


@given(texts=st.lists(NUMBERS, min_size=1, max_size=30))
def test_decimals_are_read_as_decimal_reads_them(texts: list[str]) -> None:
    read = cut([("x", text) for text in texts]).decimals(name="second", rows=np.arange(len(texts)))
    for place, text in enumerate(texts):
        digits = text.replace(".", "")
        plain = PLAIN.fullmatch(text) is not None and len(digits) <= MOST_DIGITS
        assert bool(read.plain[place]) == plain, text
        if plain:
            assert Decimal(int(read.value[place])).scaleb(-int(read.decimal_digits[place])) == Decimal(text)
            assert read.whole_digits[place] == len(text.partition(".")[0])


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["", "A", "B", "LONGER THAN EIGHT"]), st.sampled_from(["", "A", "AB", "x" * 30])),
        min_size=1,
        max_size=30,
    )
)
def test_words_are_equal_where_texts_are(rows: list[tuple[str, str]]) -> None:
    words, fits = cut(rows).words(fields={"first": 3, "second": 1, "absent": 1}, rows=np.arange(len(rows)))
    assert fits.tolist() == [len(second) <= 8 for _, second in rows]
    seen: dict[bytes, tuple[str, str]] = {}
    for place, row in enumerate(rows):
        if fits[place]:
            assert seen.setdefault(words[place].tobytes(), row) == row
    assert len(seen) == len({row for place, row in enumerate(rows) if fits[place]})


@pytest.mark.parametrize("text", ["a,b\nc\n", "a,b,c\nd\n", "a\nb,c,d\n", "a,b\n", "a,b\nc,d\ne,f\n"])
def test_lines_of_another_width_or_number_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="as many fields"):
        cut_cells(text=text.encode(), separator=",", header=("first", "second"), lines=2, room=64)
