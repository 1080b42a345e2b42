"""A CSV file read into columns, fast and strictly: every refusal tells file, line and column."""

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Final, NamedTuple, NoReturn

import numpy as np

from reference.refusals import Refusal
from settlement.core.batch import LARGEST_AMOUNT
from settlement.core.compiled import Flags, Ints
from settlement.files.refusals import (
    CellBlank,
    ColumnMissing,
    ColumnRepeated,
    EncodingBroken,
    FileEmpty,
    FileUnreadable,
    IntegerOutOfRange,
    LineMalformed,
    NotAnInteger,
)

BLANK: Final = int(np.iinfo(np.int64).min)
"""Stands for a cell without a number; no number in a file can be that small."""

_NUMBER: Final = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_CHUNK_LINES: Final = 512


class Names(dict[str, int]):
    """Codes of names, from 0 in the order in which they first came."""

    def __missing__(self, name: str) -> int:
        """Give a new name the next code."""
        code = self[name] = len(self)
        return code


class Column(NamedTuple):
    """A column to read: numbers, or codes of the names; blank cells are BLANK, or the code of ""."""

    name: str
    names: Names | None = None
    required: bool = True


class Table:
    """The columns of one file, int64 each and of equal length."""

    def __init__(self, *, path: Path, columns: dict[str, Ints]) -> None:
        self.path = path
        self.columns = columns

    def __getitem__(self, name: str) -> Ints:
        """Return a column."""
        return self.columns[name]

    def __len__(self) -> int:
        """Return the number of lines, the header not counted."""
        return len(next(iter(self.columns.values())))

    def refuse_where(self, wrong: Flags, *, column: str, refusal: type[Refusal], why: str = "") -> None:
        """Refuse the first line that is wrong, if there is one."""
        if wrong.any():
            refuse_cell(path=self.path, row=int(np.argmax(wrong)), column=column, refusal=refusal, why=why)

    def refuse_blank(self, column: str, names: Names, where: Flags | None = None) -> None:
        """Refuse the first blank name in a column, where one must be."""
        wrong = self[column] == names.get("", -1)
        self.refuse_where(wrong if where is None else wrong & where, column=column, refusal=CellBlank)

    def filled(self, column: str, default: Ints | int) -> Ints:
        """Return a column of numbers with the blanks replaced."""
        return np.where(self[column] == BLANK, default, self[column])


def read_table(*, path: Path, columns: Sequence[Column]) -> Table:
    """Read the named columns, in whatever order the header has them; other columns are passed over.

    A column that is not required and not there is blank throughout. Raises OptimiseRefused.
    """
    try:
        return _read(path, columns)
    except (UnicodeDecodeError, csv.Error) as error:
        _refuse_text(path, error)
    except (OSError, EOFError) as error:
        raise FileUnreadable(f"{path.name}: {error.strerror if isinstance(error, OSError) else error}.") from error


def refuse_cell(*, path: Path, row: int, column: str, refusal: type[Refusal], why: str = "") -> NoReturn:
    """Refuse the cell of a row, counted from 0 and without blank lines, by its line in the file."""
    with _open(path) as file:
        reader = csv.reader(file)
        lines = filter(None, reader)
        header = _clean_header(next(lines))
        cells = next(islice(lines, row, None))
        line = reader.line_num
    shown = f" {cells[header.index(column)][:80]!r}" if column in header and header.index(column) < len(cells) else ""
    reason = why or refusal(None).message
    raise refusal(f"{path.name}, line {line}, column {column}:{shown} {reason}")


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _clean_header(header: list[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def _read(path: Path, columns: Sequence[Column]) -> Table:
    with _open(path) as file:
        reader = csv.reader(file, strict=True)
        header = _clean_header(next(filter(None, reader), []))
        if not header:
            raise FileEmpty(f"{path.name}, line 1: the file is empty; it must start with a header.")
        for column in columns:
            if column.required and column.name not in header:
                raise ColumnMissing(f"{path.name}, line 1, column {column.name}: the header lacks it.")
            if header.count(column.name) > 1:
                raise ColumnRepeated(f"{path.name}, line 1, column {column.name}: the header names it twice.")
        parts: dict[str, list[Ints]] = {column.name: [] for column in columns}
        first = 0
        for rows in _chunks(reader):
            if set(map(len, rows)) != {len(header)}:
                _refuse_width(path, rows, first, header)
            cells = list(zip(*rows, strict=True))
            for column in columns:
                place = header.index(column.name) if column.name in header else None
                part = ("",) * len(rows) if place is None else cells[place]
                parts[column.name].append(_convert(path, part, first, column))
            first += len(rows)
    empty = [np.zeros(0, np.int64)]
    return Table(path=path, columns={name: np.concatenate(part or empty) for name, part in parts.items()})


def _chunks(reader: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    lines = filter(None, reader)
    while rows := list(islice(lines, _CHUNK_LINES)):
        yield rows


def _convert(path: Path, cells: Sequence[str], first: int, column: Column) -> Ints:
    if column.names is not None:
        return np.fromiter(map(column.names.__getitem__, cells), np.int64, len(cells))
    numbers = _parse_numbers(cells)
    if numbers is None:
        _refuse_number(path, cells, first, column)
    return numbers


def _parse_numbers(cells: Sequence[str]) -> Ints | None:
    """Return the numbers, BLANK where there is none; None where a cell is no number in range."""
    text = "".join(cells)
    # int() takes 1_000 and digits of other scripts for numbers.
    if "_" in text or not text.isascii():
        return None
    blanks = cells.count("")
    parsed = (int(cell) if cell else BLANK for cell in cells) if blanks else map(int, cells)
    try:
        numbers = np.fromiter(parsed, np.int64, len(cells))
    except (ValueError, OverflowError):
        return None
    in_range = np.count_nonzero((numbers >= -LARGEST_AMOUNT) & (numbers <= LARGEST_AMOUNT))
    return numbers if in_range == len(cells) - blanks else None


def _refuse_number(path: Path, cells: Sequence[str], first: int, column: Column) -> NoReturn:
    """Find the cell that is no number in range, and refuse it."""
    for place, cell in enumerate(cells, start=first):
        if cell and not _NUMBER.fullmatch(cell):
            refuse_cell(path=path, row=place, column=column.name, refusal=NotAnInteger)
        # Python itself refuses to convert thousands of digits.
        if cell and (len(cell) > 4_000 or abs(int(cell)) > LARGEST_AMOUNT):
            refuse_cell(path=path, row=place, column=column.name, refusal=IntegerOutOfRange)
    raise AssertionError("every number is in range after all")


def _refuse_width(path: Path, rows: list[list[str]], first: int, header: list[str]) -> NoReturn:
    """Refuse the first line which has more or fewer columns than the header."""
    for place, row in enumerate(rows):
        if len(row) != len(header):
            column = header[min(len(row), len(header) - 1)]
            why = f"the line has {len(row)} columns, the header {len(header)}."
            refuse_cell(path=path, row=first + place, column=column, refusal=LineMalformed, why=why)
    raise AssertionError("every line has the width of the header after all")


def _refuse_text(path: Path, error: Exception) -> NoReturn:
    """Find the line which is no UTF-8 or no CSV, and refuse it."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        header = _clean_header(file.readline().decode("utf-8-sig", "replace").split(","))
        file.seek(0)
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as broken:
                place = min(line[: broken.start].count(b","), len(header) - 1)
                where = f"{path.name}, line {number}, column {header[place].strip()}"
                raise EncodingBroken(f"{where}: byte {broken.start + 1} of the line is not UTF-8.") from error
    reader = csv.reader(path_text := _open(path), strict=True)
    with path_text:
        try:
            for _ in reader:
                pass
        except csv.Error as broken_line:
            where = f"{path.name}, line {reader.line_num}, column {header[0]}"
            raise LineMalformed(f"{where}: no CSV from here on ({broken_line}).") from error
    raise AssertionError("the file is CSV in UTF-8 after all") from error
