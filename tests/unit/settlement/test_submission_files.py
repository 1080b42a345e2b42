"""instructions.csv and balances.csv: what is read, and every refusal with its file, line and column."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from random import Random

import numpy as np
import pytest

from settlement.core.submission import DVP, FOP, NOTHING, PAY
from settlement.files import refusals
from settlement.files.submission import SubmittedFiles, read_submission

HEADER = "id,kind,deliverer,receiver,isin,quantity,cash,value,priority,partial,min_quantity,multiple,linked_with"
GOOD = "A,dvp,P1,P2,XS1,100,5000,5001,2,1,10,5,"
OTHER = "B,fop,P2,P3,XS1,40,,900,1,0,,,"
BALANCES = "participant,asset,balance,floor\nP1,XS1,100,0\nP2,EUR,7000,-50\n"


def write(
    directory: Path, *lines: str, header: str = HEADER, balances: str = BALANCES, ending: str = "\n"
) -> tuple[Path, Path]:
    instructions, held = directory / "i.csv", directory / "b.csv"
    instructions.write_bytes(ending.join([header, *lines, ""]).encode())
    held.write_bytes(balances.encode())
    return instructions, held


def read(directory: Path, *lines: str, header: str = HEADER, balances: str = BALANCES) -> SubmittedFiles:
    instructions, held = write(directory, *lines, header=header, balances=balances)
    return read_submission(instructions=instructions, balances=held)


def test_every_column_is_read(tmp_path: Path) -> None:
    files = read(tmp_path, GOOD, OTHER, "C,pay,P3,P1,,,77,77,1,0,0,0,A")
    found = files.submission
    assert files.ids == ["A", "B", "C"]
    assert found.kind.tolist() == [DVP, FOP, PAY]
    assert [files.participants[code] for code in found.deliverer] == ["P1", "P2", "P3"]
    assert [files.participants[code] for code in found.receiver] == ["P2", "P3", "P1"]
    assert [files.assets[code] for code in found.isin[:2]] == ["XS1", "XS1"]
    assert found.isin[2] == NOTHING
    assert found.currency[1] == NOTHING
    assert [files.assets[code] for code in found.currency[[0, 2]]] == ["EUR", "EUR"]
    assert found.quantity.tolist() == [100, 40, 0]
    assert found.cash.tolist() == [5000, 0, 77]
    assert found.value.tolist() == [5001, 900, 77]
    assert found.priority.tolist() == [2, 1, 1]
    assert found.partial.tolist() == [True, False, False]
    assert found.min_quantity.tolist() == [10, 0, 0]
    assert found.multiple.tolist() == [5, 1, 1]
    assert found.linked_with.tolist() == [NOTHING, NOTHING, 0]
    assert found.balance.tolist() == [100, 7000]
    assert found.floor.tolist() == [0, -50]
    assert files.currencies == ["EUR"]


def test_optional_columns_may_be_absent_and_the_order_is_free(tmp_path: Path) -> None:
    files = read(
        tmp_path, "5000,100,note,XS1,P2,P1,dvp,A",
        header="cash,quantity,remark,isin,receiver,deliverer,kind,id",
        balances="balance,asset,participant\n100,XS1,P1\n",
    )  # fmt: skip
    found = files.submission
    assert found.value.tolist() == [5000]
    assert found.priority.tolist() == [1]
    assert not found.partial.any()
    assert found.linked_with.tolist() == [NOTHING]
    assert found.floor.tolist() == [0]
    assert files.currencies == ["CASH"]


def test_quotes_blank_lines_crlf_byte_order_mark_and_gzip(tmp_path: Path) -> None:
    text = f'\ufeff{HEADER}\r\n\r\n"a ""x"", b",dvp,"P, 1",P2,XS1,1,2,3,1,0,,,\r\n\r\n'
    path, held = tmp_path / "i.csv.gz", tmp_path / "b.csv"
    path.write_bytes(gzip.compress(text.encode()))
    held.write_text(BALANCES)
    files = read_submission(instructions=path, balances=held)
    assert files.ids == ['a "x", b']
    assert "P, 1" in files.participants


def test_more_lines_than_one_piece(tmp_path: Path) -> None:
    lines = [
        f"I{number},dvp,P{number % 7},Q{number % 5},XS{number % 3},{number + 1},2,3,1,0,,," for number in range(2000)
    ]
    found = read(tmp_path, *lines)
    assert found.submission.quantity.tolist() == list(range(1, 2001))
    assert found.ids[-1] == "I1999"


def test_no_instructions_are_an_empty_batch(tmp_path: Path) -> None:
    assert read(tmp_path).ids == []


def test_currencies_by_column(tmp_path: Path) -> None:
    files = read(
        tmp_path, "A,dvp,P1,P2,XS1,1,5,USD", "B,pay,P1,P2,,,5,EUR",
        header="id,kind,deliverer,receiver,isin,quantity,cash,currency",
        balances="participant,asset,balance\nP1,USD,1\nP1,EUR,1\n",
    )  # fmt: skip
    assert sorted(files.currencies) == ["EUR", "USD"]


@pytest.mark.parametrize("asset", ["EUR", "CASH", "central bank money"])
def test_the_only_asset_that_is_no_isin_is_the_currency(tmp_path: Path, asset: str) -> None:
    balances = f"participant,asset,balance\nP1,{asset},1\nP1,XS1,1\nP3,XX0000000010,5\n"
    assert read(tmp_path, GOOD, balances=balances).currencies == [asset]


REFUSED = {
    "kind": ("C,swap,P1,P2,XS1,1,1,1,1,0,,,", refusals.KindUnknown, "kind"),
    "no kind": ("C,,P1,P2,XS1,1,1,1,1,0,,,", refusals.KindUnknown, "kind"),
    "no id": (",dvp,P1,P2,XS1,1,1,1,1,0,,,", refusals.CellBlank, "id"),
    "id twice": ("A,dvp,P1,P2,XS1,1,1,1,1,0,,,", refusals.InstructionIdRepeated, "id"),
    "no deliverer": ("C,dvp,,P2,XS1,1,1,1,1,0,,,", refusals.CellBlank, "deliverer"),
    "no receiver": ("C,dvp,P1,,XS1,1,1,1,1,0,,,", refusals.CellBlank, "receiver"),
    "no isin": ("C,dvp,P1,P2,,1,1,1,1,0,,,", refusals.CellBlank, "isin"),
    "no quantity": ("C,dvp,P1,P2,XS1,,1,1,1,0,,,", refusals.CellBlank, "quantity"),
    "no cash": ("C,pay,P1,P2,,,,1,1,0,,,", refusals.CellBlank, "cash"),
    "to oneself": ("C,dvp,P1,P1,XS1,1,1,1,1,0,,,", refusals.PartiesSame, "receiver"),
    "quantity below 0": ("C,dvp,P1,P2,XS1,-1,1,1,1,0,,,", refusals.IntegerTooSmall, "quantity"),
    "quantity 0": ("C,fop,P1,P2,XS1,0,1,1,1,0,,,", refusals.IntegerTooSmall, "quantity"),
    "cash below 0": ("C,dvp,P1,P2,XS1,1,-1,1,1,0,,,", refusals.IntegerTooSmall, "cash"),
    "pay of 0": ("C,pay,P1,P2,,,0,1,1,0,,,", refusals.IntegerTooSmall, "cash"),
    "value below 0": ("C,dvp,P1,P2,XS1,1,1,-1,1,0,,,", refusals.IntegerTooSmall, "value"),
    "priority 0": ("C,dvp,P1,P2,XS1,1,1,1,0,0,,,", refusals.IntegerTooSmall, "priority"),
    "partial 2": ("C,dvp,P1,P2,XS1,1,1,1,1,2,,,", refusals.FlagUnknown, "partial"),
    "minimum below 0": ("C,dvp,P1,P2,XS1,1,1,1,1,1,-1,,", refusals.IntegerTooSmall, "min_quantity"),
    "minimum above": ("C,dvp,P1,P2,XS1,1,1,1,1,1,2,,", refusals.MinimumAboveQuantity, "min_quantity"),
    "multiple 0": ("C,dvp,P1,P2,XS1,1,1,1,1,1,1,0,", refusals.IntegerTooSmall, "multiple"),
    "multiple below 0": ("C,dvp,P1,P2,XS1,1,1,1,1,0,,-1,", refusals.IntegerTooSmall, "multiple"),
    "unknown link": ("C,dvp,P1,P2,XS1,1,1,1,1,0,,,Z", refusals.LinkUnknown, "linked_with"),
    "link to itself": ("C,dvp,P1,P2,XS1,1,1,1,1,0,,,C", refusals.LinkToItself, "linked_with"),
    "word": ("C,dvp,P1,P2,XS1,one,1,1,1,0,,,", refusals.NotAnInteger, "quantity"),
    "fraction": ("C,dvp,P1,P2,XS1,1,1.5,1,1,0,,,", refusals.NotAnInteger, "cash"),
    "underscore": ("C,dvp,P1,P2,XS1,1,1_000,1,1,0,,,", refusals.NotAnInteger, "cash"),
    "other digits": ("C,dvp,P1,P2,XS1,1,٣,1,1,0,,,", refusals.NotAnInteger, "cash"),
    "space": ("C,dvp,P1,P2,XS1,1, ,1,1,0,,,", refusals.NotAnInteger, "cash"),
    "above int64": (f"C,dvp,P1,P2,XS1,{2**63},1,1,1,0,,,", refusals.IntegerOutOfRange, "quantity"),
    "above the range": (f"C,dvp,P1,P2,XS1,1,{2**62},1,1,0,,,", refusals.IntegerOutOfRange, "cash"),
    "the smallest int64": (f"C,dvp,P1,P2,XS1,1,{-(2**63)},1,1,0,,,", refusals.IntegerOutOfRange, "cash"),
    "endless": (f"C,dvp,P1,P2,XS1,1,{'9' * 5000},1,1,0,,,", refusals.IntegerOutOfRange, "cash"),
    "short line": ("C,dvp,P1,P2,XS1,1", refusals.LineMalformed, "cash"),
    "long line": ("C,dvp,P1,P2,XS1,1,1,1,1,0,,,,,", refusals.LineMalformed, "linked_with"),
    "open quote": ('C,dvp,"P1,P2,XS1,1,1,1,1,0,,,', refusals.LineMalformed, "id"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_line_is_refused_by_file_line_and_column(tmp_path: Path, case: str) -> None:
    line, refusal, column = REFUSED[case]
    with pytest.raises(refusal) as caught:
        read(tmp_path, GOOD, "", OTHER, line)
    # The blank line counts as a line of the file.
    assert f"i.csv, line 5, column {column}:" in str(caught.value)


def test_a_bad_line_far_down_is_found(tmp_path: Path) -> None:
    lines = [f"I{number},dvp,P1,P2,XS1,1,2,3,1,0,,," for number in range(3000)]
    lines[2500] = lines[2500].replace("P2", "P1")
    with pytest.raises(refusals.PartiesSame, match=r"i\.csv, line 2502, column receiver: 'P1'"):
        read(tmp_path, *lines)
    lines[2600] = lines[2600].replace(",2,", ",x,")
    with pytest.raises(refusals.NotAnInteger, match=r"i\.csv, line 2602, column cash: 'x'"):
        read(tmp_path, *lines)


BALANCES_REFUSED = {
    "twice": ("P1,XS1,1,0\nP1,EUR,1,0\nP1,XS1,1,0", refusals.AccountRepeated, "asset", 4),
    "no balance": ("P1,XS1,,0", refusals.CellBlank, "balance", 2),
    "no participant": (",XS1,1,0", refusals.CellBlank, "participant", 2),
    "no asset": ("P1,,1,0", refusals.CellBlank, "asset", 2),
    "no number": ("P1,XS1,1,low", refusals.NotAnInteger, "floor", 2),
    "too large": (f"P1,XS1,{2**63},0", refusals.IntegerOutOfRange, "balance", 2),
}


@pytest.mark.parametrize("case", BALANCES_REFUSED)
def test_a_bad_balance_is_refused(tmp_path: Path, case: str) -> None:
    lines, refusal, column, line = BALANCES_REFUSED[case]
    with pytest.raises(refusal) as caught:
        read(tmp_path, GOOD, balances=f"participant,asset,balance,floor\n{lines}\n")
    assert f"b.csv, line {line}, column {column}:" in str(caught.value)


def test_several_currencies_need_a_column(tmp_path: Path) -> None:
    with pytest.raises(refusals.CurrencyUnclear, match=r"i\.csv, line 2, column currency:.*EUR, USD"):
        read(tmp_path, GOOD, balances="participant,asset,balance\nP1,USD,1\nP1,EUR,1\n")


@pytest.mark.parametrize("column", ["id", "kind", "deliverer", "receiver", "isin", "quantity", "cash"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    header = ",".join(name for name in HEADER.split(",") if name != column)
    with pytest.raises(refusals.ColumnMissing, match=rf"i\.csv, line 1, column {column}:"):
        read(tmp_path, header=header)


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(refusals.ColumnRepeated, match="column cash"):
        read(tmp_path, header=HEADER + ",cash")


@pytest.mark.parametrize("content", [b"", b"\n\n", "\ufeff".encode()])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    instructions, balances = write(tmp_path)
    for path in (instructions, balances):
        good = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(refusals.FileEmpty, match=path.name):
            read_submission(instructions=instructions, balances=balances)
        path.write_bytes(good)


def test_broken_encoding_is_found(tmp_path: Path) -> None:
    instructions, balances = write(tmp_path, GOOD, OTHER)
    instructions.write_bytes(instructions.read_bytes() + b"C,dvp,P1,P\xff2,XS1,1,1,1,1,0,,,\n")
    with pytest.raises(refusals.EncodingBroken, match=r"i\.csv, line 4, column receiver:"):
        read_submission(instructions=instructions, balances=balances)


def test_a_file_that_is_not_there_or_no_gzip_is_refused(tmp_path: Path) -> None:
    instructions, balances = write(tmp_path, GOOD)
    with pytest.raises(refusals.FileUnreadable, match=r"none\.csv"):
        read_submission(instructions=tmp_path / "none.csv", balances=balances)
    broken = tmp_path / "i.csv.gz"
    broken.write_bytes(gzip.compress(instructions.read_bytes())[:-9])
    with pytest.raises(refusals.FileUnreadable, match=r"i\.csv\.gz"):
        read_submission(instructions=broken, balances=balances)
    broken.write_bytes(b"no gzip")
    with pytest.raises(refusals.FileUnreadable, match=r"i\.csv\.gz"):
        read_submission(instructions=broken, balances=balances)


def test_names_get_codes_in_the_order_of_the_file(tmp_path: Path) -> None:
    # Codes from a set would change with each process, and with them the decision.
    files = read(tmp_path, GOOD, OTHER)
    assert files.participants == ["P1", "P2", "P3"]
    assert np.array_equal(files.submission.deliverer, [0, 1])


def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    good = [path.read_bytes() for path in write(tmp_path, GOOD, OTHER, "C,pay,P3,P1,,,77,77,1,0,0,0,A")]
    messages = []
    for seed in range(300):
        random = Random(seed)
        damaged = [bytearray(content) for content in good]
        for _ in range(random.choice((1, 1, 3))):
            content = random.choice(damaged)
            place = random.randrange(len(content))
            content[place : place + random.randrange(6)] = bytes(
                random.choices(b'019,"-\n\r \x00\xff.XP', k=random.randrange(4))
            )
        (tmp_path / "i.csv").write_bytes(damaged[0])
        (tmp_path / "b.csv").write_bytes(damaged[1])
        try:
            read_submission(instructions=tmp_path / "i.csv", balances=tmp_path / "b.csv")
        except refusals.OptimiseRefused as refusal:
            messages.append(refusal.message)
    assert len(messages) > 100
    assert all(re.match(r"[ib]\.csv, line \d+(, column |: the file is empty)", message) for message in messages)
