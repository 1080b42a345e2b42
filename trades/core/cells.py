"""The fields of many CSV lines as padded bytes and numbers, whole columns at a time. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

LINE_END, POINT, ZERO = ord("\n"), ord("."), ord("0")
WORD_BYTES = 8
# More digits could leave int64; one byte more than them for the point.
MOST_DIGITS = 18


class Decimals(NamedTuple):
    """Decimal numbers as read from text, arrays (n,): digits as one number, and how many stand where.

    plain: whether the text is digits, and where there is a point, digits on both its sides.
    """

    value: Ints
    whole_digits: Ints
    decimal_digits: Ints
    plain: Flags

    def scaled(self, *, digits: int) -> Ints:
        """Return the numbers times 10**digits; right only where no more decimals stand, and plain is true."""
        missing = np.clip(digits - self.decimal_digits, 0, digits)
        return np.asarray(self.value * (10 ** np.arange(digits + 1))[missing], dtype=np.int64)


class Words(NamedTuple):
    """Some fields side by side as words of eight bytes, int64 (n, words), and which rows fit into them, bool (n,).

    Rows that fit have equal words where their texts are equal.
    """

    words: Ints
    fits: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Where the fields of n lines lie in their bytes.

    data: uint8, all lines and `room` bytes more; starts, lengths: (n, k); places: field -> its column of k.
    """

    data: Bytes
    starts: Ints
    lengths: Ints
    places: Mapping[str, int]
    room: int

    def __len__(self) -> int:
        return len(self.starts)

    def padded(self, *, name: str, rows: Ints, width: int) -> tuple[Bytes, Ints]:
        """Return a field's bytes, uint8 (n, width), zero beyond its end, and its lengths; a missing field is empty.

        Of a field longer than the width only the head is returned. width: at most `room`.
        """
        place = self.places.get(name)
        if place is None:
            return np.zeros((len(rows), width), dtype=np.uint8), np.zeros(len(rows), dtype=np.int64)
        lengths = self.lengths[rows, place]
        windows = np.lib.stride_tricks.sliding_window_view(self.data, width)
        found = windows[self.starts[rows, place]]
        found *= np.arange(width) < lengths[:, None]
        return found, lengths

    def words(self, *, fields: Mapping[str, int], rows: Ints) -> Words:
        """Return some fields side by side. fields: field -> how many words it is given."""
        words = np.zeros((len(rows), sum(fields.values())), dtype=np.int64)
        fits = np.ones(len(rows), dtype=np.bool_)
        at = 0
        for name, count in fields.items():
            found, lengths = self.padded(name=name, rows=rows, width=count * WORD_BYTES)
            words[:, at : at + count] = found.view(np.int64)
            fits &= lengths <= count * WORD_BYTES
            at += count
        return Words(words, fits)

    def decimals(self, *, name: str, rows: Ints) -> Decimals:
        """Return a field as decimal numbers. A sign, an exponent, a space or too many digits are not plain."""
        found, lengths = self.padded(name=name, rows=rows, width=MOST_DIGITS + 1)
        value, whole, after = (np.zeros(len(rows), dtype=np.int64) for _ in range(3))
        dotted = np.zeros(len(rows), dtype=np.bool_)
        plain = lengths <= MOST_DIGITS + 1
        widest = min(int(lengths.max(initial=0)), MOST_DIGITS + 1)
        for byte in np.ascontiguousarray(found[:, :widest].T):
            digit = byte - np.uint8(ZERO)  # What stands before "0" wraps round to above nine.
            is_digit, is_point = digit < 10, byte == POINT
            plain &= is_digit | (is_point & ~dotted) | (byte == 0)
            value = np.where(is_digit, value * 10 + digit, value)
            dotted |= is_point
            whole += is_digit & ~dotted
            after += is_digit & dotted
        plain &= (whole > 0) & (whole + after <= MOST_DIGITS) & (dotted == (after > 0))
        return Decimals(value, whole, after, plain)


def cut_cells(*, text: bytes, separator: str, header: Sequence[str], lines: int, room: int) -> Cells:
    """Find the fields of lines of text, each with its end, none with a NUL.

    Raises ValueError unless there are so many lines, each with as many fields as the header.
    """
    data = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero((data == ord(separator)) | (data == LINE_END))
    if len(ends) != lines * len(header) or text.count(b"\n") != lines:
        raise ValueError("A line has not as many fields as the header.")
    starts = np.empty_like(ends)
    starts[:1], starts[1:] = 0, ends[:-1] + 1
    shape = (lines, len(header))
    if not (data[ends.reshape(shape)[:, -1]] == LINE_END).all():
        raise ValueError("A line has not as many fields as the header.")
    return Cells(
        data=np.concatenate([data, np.zeros(room, dtype=np.uint8)]),
        starts=starts.reshape(shape),
        lengths=(ends - starts).reshape(shape),
        places={name: place for place, name in enumerate(header)},
        room=room,
    )
