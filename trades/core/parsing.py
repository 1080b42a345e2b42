"""Reading many reports from CSV or NDJSON, line by line and in chunks. Pure: lines in, reports out."""

import contextlib
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, overload

import msgspec

from trades.core.cells import cut_cells
from trades.core.report import Problem, TradeReport

CHUNK_LINES = 20_000
# Ten times what the fields can hold; it bounds a chunk in memory, too.
MAXIMUM_LINE_BYTES = 4 * 1024
# More than the longest field that the fast lane reads.
ROOM_BYTES = 64
UNIT_SEPARATOR = "\x1f"
FIELD_TYPES = {field.name: field for field in msgspec.structs.fields(TradeReport)}
REQUIRED_COLUMNS = tuple(name for name, field in FIELD_TYPES.items() if field.required)
BLANK_MEANS_ABSENT = tuple(name for name, field in FIELD_TYPES.items() if not field.required)

_decoder = msgspec.json.Decoder(TradeReport)


class _Row(TradeReport, array_like=True, forbid_unknown_fields=True, gc=False):
    """A report as a row of values in the order of its fields, which is read without a mapping a row."""


class Line(NamedTuple):
    """One line of the input: its number (1 is the first line of the file), its text, what it reads as."""

    number: int
    text: str
    report: TradeReport | Problem


class HeaderRefused(ValueError):
    """The CSV header cannot be used; `code` and `column` say why."""

    def __init__(self, code: str, column: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.column = column


def read_report(*, data: bytes | str) -> TradeReport | Problem:
    """Read one report from JSON."""
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError as error:
        return problem_of(error)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        return Problem("malformed-report", "", f"Not a JSON report: {error}.")


def convert_report(*, fields: Any) -> TradeReport | Problem:
    """Read one report from a mapping of strings, as a form or a CSV row gives it. Blank means absent."""
    try:
        present = {name: value for name, value in fields.items() if value != "" or name not in BLANK_MEANS_ABSENT}
        return msgspec.convert(present, TradeReport, strict=False)
    except msgspec.ValidationError as error:
        return problem_of(error)


def problem_of(error: msgspec.ValidationError) -> Problem:
    """Turn msgspec's message into a problem with a pointer: "… - at `$.price`" becomes /price."""
    message, _, path = str(error).partition(" - at `$")
    pointer = path.rstrip("`").replace("[...]", "").replace(".", "/")
    if not pointer and "field `" in message:
        pointer = "/" + message.split("field `")[1].split("`")[0]
    return Problem("malformed-report", pointer, f"{message}.")


def split_lines(*, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Split blocks of bytes into lines without their ends; of a line too long only the head is kept."""
    rest = b""
    for block in blocks:
        lines = (rest + block).split(b"\n")
        rest = lines.pop()[: MAXIMUM_LINE_BYTES + 1]
        for line in lines:
            yield line[: MAXIMUM_LINE_BYTES + 1]
    if rest:
        yield rest


def read_chunks(*, blocks: Iterable[bytes], form: str) -> Iterator[tuple[list[bytes], Sequence[Line]]]:
    """Read the input in chunks of CHUNK_LINES; yield each chunk's raw lines and what they read as.

    form: "csv" (a header names the columns) or "ndjson". Blank lines are passed over.
    Raises HeaderRefused for a CSV header that lacks a column or has an unknown one.
    """
    numbered = enumerate((line.rstrip(b"\r") for line in split_lines(blocks=blocks)), start=1)
    header: list[str] = []
    if form == "csv":
        header = _read_header(next(numbered, (1, b""))[1])
    while True:
        taken = list(islice(numbered, CHUNK_LINES))
        if not taken:
            return
        pairs = [pair for pair in taken if pair[1].strip()]
        raw = [line for _, line in pairs]
        yield raw, _read_csv(pairs, header) if form == "csv" else [_read_json_line(*pair) for pair in pairs]


def _read_header(line: bytes) -> list[str]:
    """Return the column names. Raises HeaderRefused."""
    text = _decode(line)
    if text is None:
        raise HeaderRefused("broken-encoding", "", "The header is not valid UTF-8.")
    try:
        header = [name.strip() for name in next(csv.reader([text.lstrip("\ufeff")]), [])]
    except csv.Error as error:
        raise HeaderRefused("missing-column", REQUIRED_COLUMNS[0], f"The header is not a CSV line: {error}.") from error
    for name in REQUIRED_COLUMNS:
        if name not in header:
            raise HeaderRefused("missing-column", name, f"The column {name!r} is missing.")
    for name in header:
        if name not in FIELD_TYPES:
            raise HeaderRefused("unknown-column", name, f"There is no field {name!r} in a trade report.")
        if header.count(name) > 1:
            raise HeaderRefused("unknown-column", name, f"The column {name!r} stands twice.")
    return header


def _read_json_line(number: int, line: bytes) -> Line:
    """Read one NDJSON line."""
    text = _decode(line)
    if text is None or len(line) > MAXIMUM_LINE_BYTES:
        return Line(number, line.decode("utf-8", "replace"), _unreadable(line))
    return Line(number, text, read_report(data=line))


class CsvLines(Sequence[Line]):
    """The lines of a chunk of CSV, cut into cells; a line is read as a report only when it is asked for."""

    def __init__(self, *, pairs: Sequence[tuple[int, bytes]], header: list[str]) -> None:
        """Raise ValueError or csv.Error where a line is not well formed."""
        self._pairs = pairs
        self._header = header
        text, separator = _plain_text(b"\n".join([line for _, line in pairs]))
        self.cells = cut_cells(text=text, separator=separator, header=header, lines=len(pairs), room=ROOM_BYTES)

    def __len__(self) -> int:
        return len(self._pairs)

    @overload
    def __getitem__(self, place: int) -> Line: ...
    @overload
    def __getitem__(self, place: slice) -> list[Line]: ...
    def __getitem__(self, place: int | slice) -> Line | list[Line]:
        if isinstance(place, slice):
            return self.read(places=range(len(self))[place])
        return self.read(places=[range(len(self))[place]])[0]

    def __iter__(self) -> Iterator[Line]:
        return iter(self.read(places=range(len(self))))

    @property
    def numbers(self) -> list[int]:
        """The number of each line in the file."""
        return [number for number, _ in self._pairs]

    def read(self, *, places: Sequence[int]) -> list[Line]:
        """Read some lines as reports: all at once where every one is well formed, one by one where one is not."""
        if not len(places):
            return []
        pairs = [self._pairs[place] for place in places]
        try:
            rows = _read_rows(b"\n".join([line for _, line in pairs]).decode("utf-8"))
            columns = _arrange(rows, self._header)
            reports = msgspec.convert(list(zip(*columns, strict=True)), list[_Row], strict=False)
        except msgspec.ValidationError:
            return [_read_csv_line(number, line, self._header) for number, line in pairs]
        return [Line(number, "", report) for (number, _), report in zip(pairs, reports, strict=True)]


def _plain_text(text: bytes) -> tuple[bytes, str]:
    """Return lines of CSV without quotes, each with its end, and what separates their fields.

    Raises ValueError, csv.Error.
    """
    if b"\x00" in text:
        raise ValueError("NUL")
    decoded = text.decode("utf-8")
    if b'"' not in text and b"\r" not in text:
        return text + b"\n", ","
    if UNIT_SEPARATOR in decoded:
        raise ValueError("A control character where fields are quoted.")
    rows = _read_rows(decoded)
    return "".join([UNIT_SEPARATOR.join(row) + "\n" for row in rows]).encode(), UNIT_SEPARATOR


def _read_csv(pairs: Sequence[tuple[int, bytes]], header: list[str]) -> Sequence[Line]:
    """Read CSV lines: in cells where every line is well formed, one by one where one is not."""
    if pairs and max([len(line) for _, line in pairs]) <= MAXIMUM_LINE_BYTES:
        with contextlib.suppress(UnicodeDecodeError, ValueError, csv.Error):
            return CsvLines(pairs=pairs, header=header)
    return [_read_csv_line(number, line, header) for number, line in pairs]


def _read_rows(text: str) -> list[list[str]]:
    """Cut CSV text into rows. Raises csv.Error."""
    if '"' in text or "\r" in text:
        return list(csv.reader(io.StringIO(text), strict=True))
    # Without quotes there is nothing to parse, and cutting is three times as fast.
    return [line.split(",") for line in text.split("\n")]


def _arrange(rows: Sequence[Sequence[str]], header: Sequence[str]) -> list[Sequence[Any]]:
    """Cut rows into columns, in the order of a report's fields; what is blank or missing is the field's default."""
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    arranged: list[Sequence[Any]] = []
    for name, field in FIELD_TYPES.items():
        column: Sequence[Any] | None = columns.get(name)
        if column is None:
            column = (field.default,) * len(rows)
        elif not field.required and "" in column:
            column = [value or field.default for value in column]
        arranged.append(column)
    return arranged


def _read_csv_line(number: int, line: bytes, header: list[str]) -> Line:
    """Read one CSV line by itself."""
    text = _decode(line)
    if text is None or len(line) > MAXIMUM_LINE_BYTES:
        return Line(number, line.decode("utf-8", "replace"), _unreadable(line))
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        return Line(number, text, Problem("malformed-report", "", f"Not a CSV line: {error}."))
    if len(rows) != 1 or len(rows[0]) != len(header):
        found = len(rows[0]) if rows else 0
        return Line(
            number,
            text,
            Problem("malformed-report", "", f"{found} fields where the header has {len(header)}."),
        )
    return Line(number, text, convert_report(fields=dict(zip(header, rows[0], strict=True))))


def _decode(line: bytes) -> str | None:
    """Return the line as text, None where it is not UTF-8 or holds a NUL."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def _unreadable(line: bytes) -> Problem:
    """Say that a line is too long, or no UTF-8 text."""
    if len(line) > MAXIMUM_LINE_BYTES:
        return Problem("malformed-report", "", f"The line is longer than {MAXIMUM_LINE_BYTES:,} bytes.")
    return Problem("broken-encoding", "", "The line is not valid UTF-8 text.")
