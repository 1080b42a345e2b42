"""Columns of names, decimals and dates, out of the table reader's codes: each different cell is read once."""

import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from clearing.core.arrays import Dates, Floats, Ints
from clearing.files.refusals import DateMalformed, FileWithoutLines, NumberMalformed
from reference.refusals import Refusal
from settlement.files.refusals import CellBlank, ColumnMissing
from settlement.files.table import Column, Names, Table, read_table

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Wanted(NamedTuple):
    """A column to read, under the first of its names that the header has."""

    names: tuple[str, ...]


class TextTable:
    """A file's wanted columns as text, each cell coded."""

    def __init__(self, *, path: Path, wanted: Sequence[Wanted]) -> None:
        """Read the file, plain or gzipped. Raises Refusal, with file, line and column."""
        codes = {name: Names() for column in wanted for name in column.names}
        columns = [Column(name, names, required=False) for name, names in codes.items()]
        self.table: Table = read_table(path=path, columns=columns)
        self.path = path
        if not len(self.table):
            raise FileWithoutLines(f"{path.name} has no line under its header.")
        self.codes = codes
        self.headings = {column.names[0]: self._find(column, codes) for column in wanted}

    def _find(self, column: Wanted, codes: dict[str, Names]) -> str:
        """Return the name under which the file has a column: one that is blank throughout is not there."""
        for name in column.names:
            if any(cell.strip() for cell in codes[name]):
                return name
        others = f" (or {', '.join(column.names[1:])})" if column.names[1:] else ""
        where = f"{self.path.name}, line 1, column {column.names[0]}"
        raise ColumnMissing(f"{where}{others}: the header lacks it, or it is blank throughout.")

    def names(self, column: str) -> tuple[list[str], Ints]:
        """Return the different names of a column, trimmed, in the order in which they came, and each line's code."""
        heading = self.headings[column]
        trimmed = Names()
        place = np.array([trimmed[cell.strip()] for cell in self.codes[heading]], np.int64)
        codes: Ints = place[self.table[heading]]
        self.table.refuse_where(codes == trimmed.get("", -1), column=heading, refusal=CellBlank)
        return list(trimmed), codes

    def decimals(self, column: str, *, blank_refusal: type[Refusal] = CellBlank) -> Floats:
        """Return a column of finite numbers. Raises NumberMalformed, and where one is missing blank_refusal."""
        heading = self.headings[column]
        numbers = self._convert(heading, _read_number, np.float64)
        blank = self._convert(heading, lambda cell: not cell, np.bool_)
        self.table.refuse_where(blank, column=heading, refusal=blank_refusal, why="it is missing.")
        self.table.refuse_where(~np.isfinite(numbers), column=heading, refusal=NumberMalformed)
        return numbers

    def dates(self, column: str) -> Dates:
        """Return a column of dates. Raises DateMalformed."""
        heading = self.headings[column]
        dates = self._convert(heading, _read_date, np.dtype("datetime64[D]"))
        self.table.refuse_where(np.isnat(dates), column=heading, refusal=DateMalformed)
        return dates

    def _convert(self, heading: str, read: Callable[[str], object], kind: DTypeLike) -> NDArray[Any]:
        cells = [read(cell.strip()) for cell in self.codes[heading]]
        return np.array(cells, dtype=kind)[self.table[heading]]


def _read_number(cell: str) -> float:
    return float(cell) if _NUMBER.fullmatch(cell) else math.nan


def _read_date(cell: str) -> np.datetime64:
    try:
        return np.datetime64(date.fromisoformat(cell) if _DATE.fullmatch(cell) else "NaT", "D")
    except ValueError:
        return np.datetime64("NaT", "D")
