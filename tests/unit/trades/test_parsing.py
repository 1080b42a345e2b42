"""CSV and NDJSON are read line by line; a bad line is a problem of its own and the others are read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal

import pytest

from trades.core import parsing
from trades.core.parsing import (
    MAXIMUM_LINE_BYTES,
    REQUIRED_COLUMNS,
    HeaderRefused,
    Line,
    convert_report,
    read_chunks,
    read_report,
    split_lines,
)
from trades.core.report import Problem, TradeReport

HEADER = b"trade_id,buyer,seller,security,quantity,price,currency,trade_date"
JSON = (
    '{"trade_id":"T-1","buyer":"ALPHA","seller":"BRAVO","security":"EQUITY","quantity":100,'
    '"price":"101.20","currency":"EUR","trade_date":"2008-09-08"}'
)


def row(number: int = 1, **changes: str) -> bytes:
    fields = {
        "trade_id": f"T-{number}", "buyer": "ALPHA", "seller": "BRAVO", "security": "EQUITY", "quantity": "100",
        "price": "101.20", "currency": "EUR", "trade_date": "2008-09-08",
    } | changes  # fmt: skip
    return ",".join(fields.values()).encode()


def read(data: bytes, form: str = "csv", block: int = 7) -> list[Line]:
    """Read the bytes in small blocks, so that lines and letters are cut anywhere."""
    blocks = [data[place : place + block] for place in range(0, len(data), block)]
    return [line for _, lines in read_chunks(blocks=blocks, form=form) for line in lines]


def problem(line: Line) -> Problem:
    assert isinstance(line.report, Problem), line
    return line.report


def trade_ids(lines: list[Line]) -> list[str]:
    return [line.report.trade_id for line in lines if isinstance(line.report, TradeReport)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n", b"\n\n \n"])
def test_lines_end_in_lf_or_crlf_and_blank_ones_are_passed_over(end: bytes, last: bytes) -> None:
    lines = read(HEADER + end + row(1) + end + end + row(2) + last)
    assert [line.number for line in lines] == [2, 4]
    assert trade_ids(lines) == ["T-1", "T-2"]


def test_a_byte_order_mark_before_the_header_is_no_part_of_it() -> None:
    assert trade_ids(read(b"\xef\xbb\xbf" + HEADER + b"\n" + row())) == ["T-1"]


def test_columns_may_stand_in_any_order_and_blank_optional_ones_are_absent() -> None:
    header = b"settlement_date,price,quantity,security,seller,buyer,trade_id,currency,trade_date,amount,cleared"
    lines = read(header + b"\n,1.5,10,EQUITY,BRAVO,ALPHA,T-9,EUR,2008-09-08,,false")
    report = lines[0].report
    assert isinstance(report, TradeReport)
    assert (report.settlement_date, report.amount, report.cleared, report.price) == (None, None, False, Decimal("1.5"))


@pytest.mark.parametrize("missing", REQUIRED_COLUMNS)
def test_a_missing_column_is_named(missing: str) -> None:
    header = ",".join(name for name in HEADER.decode().split(",") if name != missing).encode()
    with pytest.raises(HeaderRefused, match=f"'{missing}' is missing") as caught:
        read(header + b"\n" + row())
    assert (caught.value.code, caught.value.column) == ("missing-column", missing)


@pytest.mark.parametrize(
    ("header", "code", "column"),
    [
        (HEADER + b",colour", "unknown-column", "colour"),
        (HEADER + b",price", "unknown-column", "price"),
        (HEADER.replace(b"price", b"pr\xffice"), "broken-encoding", ""),
        (HEADER + b",\x00", "broken-encoding", ""),
        (b"", "missing-column", "trade_id"),
        (b"trade_id\rbuyer", "missing-column", "trade_id"),
        (b"x" * 200_000, "missing-column", "trade_id"),
    ],
)
def test_a_header_that_cannot_be_used(header: bytes, code: str, column: str) -> None:
    with pytest.raises(HeaderRefused) as caught:
        read(header + b"\n" + row())
    assert (caught.value.code, caught.value.column) == (code, column)


@pytest.mark.parametrize(
    ("bad", "code", "says"),
    [
        (b"T-X,\xff\xfe,B,E,1,1,EUR,2008-09-08", "broken-encoding", "not valid UTF-8"),
        (b"T-\x00,A,B,E,1,1,EUR,2008-09-08", "broken-encoding", "not valid UTF-8"),
        (b"T-X,A,B", "malformed-report", "3 fields where the header has 8"),
        (row() + b",more", "malformed-report", "9 fields where the header has 8"),
        (b'"T-X,A,B,E,1,1,EUR,2008-09-08', "malformed-report", "Not a CSV line"),
        (row(price="cheap"), "malformed-report", "decimal"),
        (row(quantity="ten"), "malformed-report", "int"),
        (row(quantity="-5"), "malformed-report", ">= 1"),
        (row(quantity="9" * 400), "malformed-report", "<= 1000000000000000"),
        (row(price="1E+1000000000000000000000"), "malformed-report", "decimal"),
        (row(trade_date="08/09/2008"), "malformed-report", "date"),
        (row(buyer=""), "malformed-report", "length >= 1"),
        (row(trade_id="-"), "malformed-report", "regex"),
        (row(trade_id="T" * 36), "malformed-report", "length <= 35"),
        (b"x" * 200_000, "malformed-report", "longer than 4,096 bytes"),
        (row(price="1." + "0" * 5_000), "malformed-report", "longer than 4,096 bytes"),
    ],
)
def test_one_bad_line_is_a_problem_and_the_others_are_read(bad: bytes, code: str, says: str) -> None:
    lines = read(HEADER + b"\n" + row(1) + b"\n" + bad + b"\n" + row(3), block=4096)
    assert trade_ids(lines) == ["T-1", "T-3"]
    assert lines[1].number == 3
    assert problem(lines[1]).code == code
    assert says in problem(lines[1]).message


def test_a_line_break_inside_quotes_is_two_bad_lines_and_no_third() -> None:
    data = HEADER + b"\n" + row(1) + b'\n"T-\n2",ALPHA,BRAVO,EQUITY,100,101.20,EUR,2008-09-08\n' + row(4)
    lines = read(data)
    assert trade_ids(lines) == ["T-1", "T-4"]
    assert [(line.number, problem(line).code) for line in lines[1:3]] == [
        (3, "malformed-report"),
        (4, "malformed-report"),
    ]


def test_a_quoted_comma_is_part_of_the_field_and_quotes_are_not() -> None:
    line = read(HEADER + b'\n"T-1","ALPHA","BRAVO","EQ,UITY",100,101.20,EUR,2008-09-08')[0]
    assert isinstance(line.report, TradeReport)
    assert line.report.security == "EQ,UITY"


def test_ndjson_line_by_line() -> None:
    lines = read(f'{JSON}\n{{"trade_id": \n\n[]\n{JSON.replace("T-1", "T-5")}'.encode(), form="ndjson")
    assert [line.number for line in lines] == [1, 2, 4, 5]
    assert trade_ids(lines) == ["T-1", "T-5"]
    assert {problem(line).code for line in lines[1:3]} == {"malformed-report"}


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (JSON.replace('"quantity":100', '"quantity":1.5'), "/quantity"),
        (JSON.replace('"buyer":"ALPHA",', ""), "/buyer"),
        (JSON.replace('"buyer"', '"bayer"'), "/bayer"),
        (JSON.replace('"101.20"', "true"), "/price"),
        (JSON.replace("}", ',"settlement_date":"tomorrow"}'), "/settlement_date"),
    ],
)
def test_the_pointer_names_the_field(text: str, pointer: str) -> None:
    found = read_report(data=text)
    assert isinstance(found, Problem)
    assert (found.code, found.pointer) == ("malformed-report", pointer)


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[" * 60_000, b'{"buyer":' + b"[" * 60_000, b"\xff", b'{"a":"\\ud800"}']
)
def test_what_is_no_json_is_a_problem_and_never_an_error(data: bytes) -> None:
    assert isinstance(read_report(data=data), Problem)


@pytest.mark.parametrize("name", ["trade_id", "transaction_type", "trading_venue"])
def test_a_line_break_at_the_end_of_a_reference_is_not_overlooked(name: str) -> None:
    fields = dict(zip(HEADER.decode().split(","), row().decode().split(","), strict=True))
    found = convert_report(fields=fields | {name: "ABC\n"})
    assert isinstance(found, Problem)
    assert found.pointer == f"/{name}"


def test_of_an_endless_line_only_the_head_is_kept() -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 65_536
        yield b"\nnext"

    lines = list(split_lines(blocks=endless()))
    assert len(lines) == 2
    assert len(lines[0]) == MAXIMUM_LINE_BYTES + 1
    assert lines[1] == b"next"


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_an_endless_line_is_a_problem_and_the_next_one_is_read(form: str) -> None:
    good = row(2) if form == "csv" else JSON.replace("T-1", "T-2").encode()
    head = HEADER + b"\n" if form == "csv" else b"\n"
    blocks = itertools.chain([head], itertools.repeat(b"x" * 65_536, 40), [b"\n", good])
    lines = [line for _, found in read_chunks(blocks=blocks, form=form) for line in found]
    assert problem(lines[0]).code == "malformed-report"
    assert trade_ids(lines) == ["T-2"]


def test_chunks_hold_a_bounded_number_of_lines_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "CHUNK_LINES", 3)
    data = HEADER + b"\n" + b"\n".join(row(number) for number in range(1, 9))
    chunks = list(read_chunks(blocks=[data], form="csv"))
    assert [len(lines) for _, lines in chunks] == [3, 3, 2]
    assert [line.number for _, lines in chunks for line in lines] == list(range(2, 10))
    assert b"\n".join(raw for raws, _ in chunks for raw in raws) == data.split(b"\n", 1)[1]


def test_an_empty_file_of_json_lines_has_no_lines() -> None:
    assert read(b"", form="ndjson") == []
