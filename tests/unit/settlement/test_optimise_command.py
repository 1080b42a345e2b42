"""`manage.py optimise`: files in, a file and one JSON object out, without any database or setting."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bench.settlement.generate import REGIMES, generate_instance
from bench.settlement.instance import write_instance
from settlement.core.submission import OBJECTIVES, Objective

ROOT = Path(__file__).resolve().parents[3]
HEADER = "id,kind,deliverer,receiver,isin,quantity,cash,value,priority,partial,min_quantity,multiple,linked_with\n"
BALANCES = "participant,asset,balance,floor\n"


def optimise(
    directory: Path, *lines: str, balances: str = "", **options: Any
) -> tuple[dict[str, Any], list[list[str]]]:
    """Run the command on these lines; return its JSON and the lines of the output."""
    (directory / "i.csv").write_text(HEADER + "".join(line + "\n" for line in lines))
    (directory / "b.csv").write_text(BALANCES + balances)
    return run(directory / "i.csv", directory / "b.csv", directory / "o.csv", **options)


def run(instructions: Path, balances: Path, output: Path, **options: Any) -> tuple[dict[str, Any], list[list[str]]]:
    printed = StringIO()
    call_command(
        "optimise", instructions=instructions, balances=balances, output=output, json=True, stdout=printed,
        **({"seconds": 1.0} | options),
    )  # fmt: skip
    with output.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["id", "settled_quantity", "settled_cash", "reason"]
    return json.loads(printed.getvalue()), rows


def test_a_circle_settles_and_the_json_tells_it(tmp_path: Path) -> None:
    report, rows = optimise(
        tmp_path, "A,dvp,P1,P2,X,10,700,700,1,0,,,", "B,dvp,P2,P3,X,10,700,700,1,0,,,",
        "C,fop,P3,P1,X,10,,50,1,0,,,", "D,pay,P1,P3,,,700,700,1,0,,,",
    )  # fmt: skip
    assert rows == [["A", "10", "700", ""], ["B", "10", "700", ""], ["C", "10", "0", ""], ["D", "0", "700", ""]]
    expected = {
        "model": 1, "objective": "value", "instructions": 4, "settled_number": 4, "settled_in_part": 0,
        "submitted_value": 2150, "settled_value": 2150, "value_share": 1.0, "worth": 2150, "bound": 2150, "gap": 0.0,
        "floors_hold": True, "accounts_below": 0,
    }  # fmt: skip
    assert {name: report[name] for name in expected} == expected
    assert report["seconds"] > 0


def test_a_part_settles_with_its_share_of_cash(tmp_path: Path) -> None:
    report, rows = optimise(
        tmp_path, '"a, ""b""",dvp,P1,P2,X,10,999,1000,1,1,3,3,', balances="P1,X,8,0\nP2,EUR,999,0\n"
    )
    assert rows == [['a, "b"', "6", "599", "LACK"]]
    assert (report["settled_value"], report["settled_number"], report["settled_in_part"]) == (600, 0, 1)


def test_objectives_differ(tmp_path: Path) -> None:
    lines = [
        "A,fop,P1,P2,X,10,,9,2,0,,,",
        "B,fop,P1,P2,X,5,,4,2,0,,,",
        "C,fop,P1,P2,X,5,,4,2,0,,,",
        "D,fop,P1,P2,X,8,,1,1,0,,,",
    ]
    settled = {
        objective: [
            row[0] for row in optimise(tmp_path, *lines, balances="P1,X,10,0\n", objective=objective)[1] if row[3] == ""
        ]
        for objective in OBJECTIVES
    }
    assert settled == {"value": ["A"], "count": ["B", "C"], "priority": ["D"]}


def test_reasons_and_links(tmp_path: Path) -> None:
    report, rows = optimise(
        tmp_path, "A,fop,P1,P2,X,10,,9,1,0,,,", "B,dvp,P3,P2,X,1,5,9,1,0,,,", "C,fop,P3,P2,X,1,,9,1,0,,,A",
        balances="P3,X,2,0\n",
    )  # fmt: skip
    assert [row[3] for row in rows] == ["LACK", "MONY", "LINK"]
    assert report["reasons"] == {"LACK": 1, "MONY": 1, "LINK": 1, "CYCL": 0}


def test_an_account_below_its_floor_takes_credits_only(tmp_path: Path) -> None:
    report, rows = optimise(
        tmp_path, "A,fop,P1,P2,X,1,,9,1,0,,,", "B,fop,P2,P1,X,3,,9,1,0,,,", balances="P1,X,-5,0\nP2,X,3,0\n"
    )
    assert [row[3] for row in rows] == ["LACK", ""]
    assert (report["accounts_below"], report["floors_hold"]) == (1, True)


def test_models_differ(tmp_path: Path) -> None:
    circle = ["A,dvp,P1,P2,X,10,7,7,1,0,,,", "B,dvp,P2,P1,X,10,7,7,1,0,,,"]
    numbers = {model: optimise(tmp_path, *circle, model=model)[0]["settled_number"] for model in (1, 2, 3)}
    assert numbers == {1: 2, 2: 0, 3: 2}


def test_no_instructions(tmp_path: Path) -> None:
    report, rows = optimise(tmp_path)
    assert rows == []
    assert (report["instructions"], report["value_share"], report["floors_hold"]) == (0, 1.0, True)


@pytest.mark.parametrize("model", [1, 2, 3])
@pytest.mark.parametrize("regime", REGIMES)
def test_a_generated_batch_keeps_every_rule(tmp_path: Path, regime: str, model: int) -> None:
    """The search ends by itself: the time allowed decides nothing, however busy the machine."""
    instance = generate_instance(size=100, regime=regime, seed=4)
    instructions, balances = tmp_path / "i.csv", tmp_path / "b.csv"
    write_instance(instance=instance, instructions=instructions, balances=balances)
    report, rows = run(instructions, balances, tmp_path / "o.csv", model=model, seconds=20.0)
    assert count_faults(instructions, balances, rows) == []
    assert report["settled_number"] + sum(report["reasons"].values()) == 100
    again, same = run(instructions, balances, tmp_path / "o.csv", model=model, seconds=20.0)
    assert same == rows
    assert again["settled_value"] == report["settled_value"]


def count_faults(instructions: Path, balances: Path, rows: list[list[str]]) -> list[str]:
    """Judge an output by the files alone, row by row in Python integers."""
    with instructions.open(newline="") as file:
        asked = list(csv.DictReader(file))
    with balances.open(newline="") as file:
        listed = {(row["participant"], row["asset"]): row for row in csv.DictReader(file)}
    held = {pair: int(row["balance"]) for pair, row in listed.items()}
    settled = {row[0]: (int(row[1]), int(row[2])) for row in rows}
    faults = []
    for row in asked:
        quantity, cash = settled[row["id"]]
        whole, money = int(row["quantity"]), int(row["cash"])
        part = (quantity, cash) not in ((0, 0), (whole, money))
        if part and (
            row["partial"] == "0" or quantity < int(row["min_quantity"]) or quantity % int(row["multiple"])
            or abs(cash * whole - money * quantity) > whole
        ):  # fmt: skip
            faults.append(f"part of {row['id']}")
        if row["linked_with"] and (settled[row["linked_with"]] == (0, 0)) != ((quantity, cash) == (0, 0)):
            faults.append(f"link of {row['id']}")
        pay = row["kind"] == "pay"
        payer, payee = (row["deliverer"], row["receiver"]) if pay else (row["receiver"], row["deliverer"])
        moves = ((row["deliverer"], row["isin"], -quantity), (row["receiver"], row["isin"], quantity),
                 (payer, "EUR", -cash), (payee, "EUR", cash))  # fmt: skip
        for party, asset, amount in moves:
            held[party, asset] = held.get((party, asset), 0) + amount
    for pair, balance in held.items():
        if balance < int(listed[pair]["floor"] if pair in listed else 0):
            faults.append(f"floor of {pair}")
    return faults


def test_what_is_refused_writes_nothing_and_names_its_code(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"i\.csv, line 2, column kind: 'swap' .* \(kind-unknown\)"):
        optimise(tmp_path, "A,swap,P1,P2,X,1,1,1,1,0,,,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.csv", "i.csv"]


def test_amounts_that_add_up_beyond_the_range_are_refused(tmp_path: Path) -> None:
    lines = [f"{name},fop,P1,P2,X,{2**61},,1,1,0,,," for name in "AB"]
    with pytest.raises(CommandError, match="integer-out-of-range"):
        optimise(tmp_path, *lines)
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_seconds_must_be_above_zero(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(CommandError, match="option-invalid"):
        optimise(tmp_path, seconds=seconds)


def test_an_output_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text(HEADER)
    (tmp_path / "b.csv").write_text(BALANCES)
    for output in (tmp_path / "none" / "o.csv", tmp_path, tmp_path / "i.csv"):
        with pytest.raises(CommandError, match="output-unwritable"):
            run(tmp_path / "i.csv", tmp_path / "b.csv", output)
    assert (tmp_path / "i.csv").read_text() == HEADER


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text(HEADER)
    (tmp_path / "b.csv").write_text(BALANCES)
    call_command("optimise", instructions=tmp_path / "i.csv", balances=tmp_path / "b.csv", output=Path("/dev/null"),
                 stdout=StringIO())  # fmt: skip
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("variables", [{}, {"DEBUG": "false"}], ids=["nothing", "DEBUG=false"])
def test_it_runs_with_nothing_configured(tmp_path: Path, variables: dict[str, str]) -> None:
    """Whatever DEBUG says; with DEBUG=true it refuses, below."""
    (tmp_path / "i.csv").write_text(HEADER + "A,fop,P1,P2,X,1,,1,1,0,,,\n")
    (tmp_path / "b.csv").write_text(BALANCES + "P1,X,1,0\n")
    finished = run_alone(tmp_path, **variables)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["settled_number"] == 1
    assert (tmp_path / "o.csv").read_text() == "id,settled_quantity,settled_cash,reason\nA,1,0,\n"
    # No server was started for it.
    assert not (tmp_path / "var").exists()


def run_alone(directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command on the files of a directory in a process of its own, with nothing but this in its environment."""
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "optimise", "--instructions", "i.csv", "--balances", "b.csv",
         "--output", "o.csv", "--json"],
        cwd=directory, env={"PATH": os.environ["PATH"], "VAR_DIRECTORY": str(directory / "var")} | variables,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_a_refusal_ends_the_process_with_a_code(tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text("")
    (tmp_path / "b.csv").write_text(BALANCES)
    finished = run_alone(tmp_path, DEBUG="true")
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert "i.csv, line 1" in finished.stderr
    assert not (tmp_path / "o.csv").exists()


def test_it_is_printed_for_readers_too(tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text(HEADER + "A,fop,P1,P2,X,1,,1,1,0,,,\n")
    (tmp_path / "b.csv").write_text(BALANCES + "P1,X,-1,0\n")
    printed = StringIO()
    objective: Objective = "count"
    call_command("optimise", instructions=tmp_path / "i.csv", balances=tmp_path / "b.csv", output=tmp_path / "o.csv",
                 objective=objective, stdout=printed)  # fmt: skip
    assert "0 of 1 instructions settle in full" in printed.getvalue()
    assert "LACK 1" in printed.getvalue()
    assert "1 accounts began below their floor" in printed.getvalue()
