"""manage.py margin, backtest and cover2: figures found independently, and every refusal by name."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command, load_command_class

from reference.files import DATA

ROOT = Path(__file__).resolve().parents[3]
STOCKS = DATA / "stocks.csv.gz"
POSITIONS = {"AAPL": 250_000.0, "IBM": 1_000_000.0, "MSFT": -500_000.0}


def read_stocks() -> list[list[str]]:
    with gzip.open(STOCKS, "rt") as file:
        return [line.rstrip("\n").split(",") for line in file]


def closes(ticker: str) -> np.ndarray:
    return np.array([float(row[7]) for row in read_stocks() if row[0] == ticker])


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(line + "\n" for line in lines))
    return path


def write_positions(directory: Path, positions: dict[str, Any], header: str = "ticker,market value") -> Path:
    return write(directory / "positions.csv", [header, *(f"{name},{value}" for name, value in positions.items())])


def run(command: str, **options: Any) -> Any:
    printed = StringIO()
    call_command(command, json=True, stdout=printed, **options)
    return json.loads(printed.getvalue())


def margin(directory: Path, positions: dict[str, Any] = POSITIONS, prices: Path = STOCKS, **options: Any) -> Any:
    return run("margin", prices=prices, positions=write_positions(directory, positions), **options)


def refuse(command: str, code: str, why: str, **options: Any) -> None:
    with pytest.raises(CommandError) as caught:
        run(command, **options)
    assert str(caught.value).endswith(f"({code})")
    assert why in str(caught.value)


def naive_filter(returns: np.ndarray) -> np.ndarray:
    variance = [float(np.var(returns[:60]))] * 60
    for each in returns[59:]:
        variance.append(0.97 * variance[-1] + 0.03 * each**2)
    return returns * np.sqrt(variance[-1] / np.array(variance[:-1]))


def naive_tail(returns: dict[str, np.ndarray], lookback: int, tail: int) -> tuple[float, float]:
    profits = np.sum([value * returns[name][-lookback:] for name, value in POSITIONS.items()], axis=0)
    losses = np.sort(-profits)[::-1].tolist()
    return losses[tail - 1], sum(losses[:tail]) / tail


def test_the_reference_portfolio(tmp_path: Path) -> None:
    found = margin(tmp_path, lookback=1000, confidence=0.99, mpor=1, method="hs", measure="es")
    assert (round(found["VaR"], 2), round(found["ES"], 2)) == (32_714.95, 44_663.56)
    assert found["margin"] == found["ES"]
    assert (found["scenarios"], found["tail"], found["last_date"]) == (1000, 10, "2013-03-01")
    assert sum(each["contribution"] for each in found["positions"]) == pytest.approx(found["ES"])
    assert sum(each["loss"] for each in found["worst"]) / 10 == pytest.approx(found["ES"])
    assert margin(tmp_path, measure="var")["margin"] == found["VaR"]


@pytest.mark.parametrize(
    ("method", "mpor", "lookback", "confidence", "tail"),
    [("hs", 2, 1000, 0.99, 10), ("hs", 5, 250, 0.975, 7), ("fhs", 1, 1000, 0.99, 10), ("fhs", 2, 750, 0.995, 4),
     ("fhs", 1, 3269, 0.99, 33)],
)  # fmt: skip
def test_figures_of_other_models(
    tmp_path: Path, method: str, mpor: int, lookback: int, confidence: float, tail: int
) -> None:
    returns = {}
    for name in POSITIONS:
        prices = closes(name)
        if method == "hs":
            returns[name] = prices[mpor:] / prices[:-mpor] - 1
        else:
            growth = 1 + naive_filter(prices[1:] / prices[:-1] - 1)
            returns[name] = np.prod([growth[i : len(growth) - mpor + 1 + i] for i in range(mpor)], axis=0) - 1
    found = margin(tmp_path, method=method, mpor=mpor, lookback=lookback, confidence=confidence)
    assert (found["VaR"], found["ES"]) == pytest.approx(naive_tail(returns, lookback, tail), rel=1e-9)
    assert found["tail"] == tail


def test_only_dates_on_which_all_trade_count_and_a_proxy_adds_some(tmp_path: Path) -> None:
    positions = {"FB": 1e6, "GOOG": -1e6}
    found = margin(tmp_path, positions, lookback=195)
    assert found["first_date"] == "2012-05-21"
    longer = margin(tmp_path, positions, lookback=1000, proxy=["FB=GOOG"])
    own = closes("FB")[1:] / closes("FB")[:-1] - closes("GOOG")[-195:] / closes("GOOG")[-196:-1]
    losses = np.sort(np.append(-1e6 * own, np.zeros(805)))[::-1]
    assert longer["ES"] == pytest.approx(losses[:10].mean(), rel=1e-9)


def test_the_choices_against_procyclicality(tmp_path: Path) -> None:
    plain = margin(tmp_path)["ES"]
    long = margin(tmp_path, lookback=2520)["ES"]
    assert margin(tmp_path, procyclicality="floor")["margin"] == max(plain, long)
    assert margin(tmp_path, procyclicality="buffer")["margin"] == min(1.25 * plain, max(plain, 1.25 * long))
    stressed = margin(tmp_path, procyclicality="stress")
    assert stressed["margin"] > stressed["margin_before_procyclicality"] == plain


def test_columns_may_have_other_names_and_order(tmp_path: Path) -> None:
    rows = [f"{row[7]} ,{row[1]}, {row[0]}" for row in read_stocks()[1:]]
    prices = write(tmp_path / "p.csv", ["ADJ CLOSE,date,Ticker", *reversed(rows)])
    positions = write(tmp_path / "q.csv", ["Note,Symbol,Market_Value", "x, IBM ,+1e6", 'y,MSFT,"-500000.00"'])
    found = run("margin", prices=prices, positions=positions)
    assert found["ES"] == margin(tmp_path, {"IBM": 1e6, "MSFT": -5e5})["ES"]


def test_the_backtest_of_the_reference_portfolio(tmp_path: Path) -> None:
    returns = sum(value * (closes(name)[1:] / closes(name)[:-1] - 1) for name, value in POSITIONS.items())
    margins = [np.sort(-returns[t - 500 : t])[::-1][4] for t in range(500, len(returns))]
    breached = -returns[500:] > margins
    positions = write_positions(tmp_path, POSITIONS)
    found = run("backtest", prices=STOCKS, positions=positions, measure="var", lookback=500)
    assert (found["observations"], found["breaches"]) == (2769, int(breached.sum()))
    assert [each["loss"] for each in found["breach_days"]] == pytest.approx(-returns[500:][breached])
    assert (found["peak"], found["trough"]) == pytest.approx((max(margins), min(margins)))
    assert found["peak_to_trough"] == pytest.approx(max(margins) / min(margins))
    x, n = int(breached.sum()), 2769
    pof = 2 * (x * np.log(x / n / 0.01) + (n - x) * np.log((1 - x / n) / 0.99))
    assert found["LR_pof"] == pytest.approx(pof)
    assert found["LR_cc"] == pytest.approx(pof + found["LR_ind"])
    assert sum(found["transitions"].values()) == n - 1
    assert found["transitions"]["n11"] == int((breached[1:] & breached[:-1]).sum())


def test_cover_two_of_a_file(tmp_path: Path) -> None:
    lines = ["scenario,group,loss", "S1,A,90", "S1,C,40", "S2,B,70", "S2,C,50", "S3,A,60", "S3,B,60", "S3,C,-8"]
    found = run("cover2", losses=write(tmp_path / "l.csv", lines))
    assert found == {
        "scenarios": 3, "groups": 3, "cover_2": 130.0, "scenario": "S1",
        "two_largest": [{"group": "A", "loss": 90.0}, {"group": "C", "loss": 40.0}],
        "cover_1": 90.0, "default_fund_least": 90.0,
    }  # fmt: skip
    refuse("cover2", "loss-repeated", "line 9", losses=write(tmp_path / "l.csv", [*lines, "S3,B,1"]))
    refuse("cover2", "number-malformed", "line 9", losses=write(tmp_path / "l.csv", [*lines, "S4,B,nan"]))
    refuse("cover2", "column-missing", "loss", losses=write(tmp_path / "l.csv", ["scenario,group", "S1,A"]))
    refuse("cover2", "file-without-lines", "l.csv", losses=write(tmp_path / "l.csv", lines[:1]))


@pytest.mark.parametrize(
    ("cell", "code"),
    [("NaN", "number-malformed"), ("inf", "number-malformed"), ("12,5", "line-malformed"), ("1_0", "number-malformed"),
     ("abc", "number-malformed"), ("1e999", "number-malformed"),
     ("1e300", "number-malformed"), ("1e-300", "number-malformed"), ("", "price-gap"), ("0", "price-not-positive"),
     ("-0.5", "price-not-positive")],
)  # fmt: skip
def test_a_bad_price_is_refused_with_its_line(tmp_path: Path, cell: str, code: str) -> None:
    rows = [",".join((row[0], row[1], row[7])) for row in read_stocks()]
    rows[9_000] = rows[9_000].rpartition(",")[0] + "," + cell
    prices = write(tmp_path / "p.csv", rows)
    refuse("margin", code, "p.csv, line 9001", prices=prices, positions=write_positions(tmp_path, POSITIONS))


def change_ibm(directory: Path, change: Any) -> Path:
    rows = []
    for number, row in enumerate(read_stocks()):
        kept = (row[0], row[1], row[7]) if number == 0 or row[0] != "IBM" else change(row)
        if kept:
            rows.append(",".join(map(str, kept)))
    return write(directory / "p.csv", rows)


def leave_out(*, after: str = "", on: str = "") -> Any:
    """Leave out the line of one date, or of all after one."""
    return lambda row: None if row[1] == on or (after and row[1] > after) else (row[0], row[1], row[7])


def multiply(*, until: str, by: float) -> Any:
    """Multiply the prices before a date, as a split does that nobody adjusted for."""
    return lambda row: (row[0], row[1], float(row[7]) * (by if row[1] < until else 1.0))


def rename_on(day: str, *, ticker: str = "IBM", to: str | None = None) -> Any:
    """Change the ticker or the date of one line."""
    return lambda row: (ticker, to or day, row[7]) if row[1] == day else (row[0], row[1], row[7])


@pytest.mark.parametrize(
    ("change", "code", "why"),
    [
        (leave_out(on="2010-06-02"), "price-gap", "IBM has no price on 2010-06-02"),
        (leave_out(after="2013-02-25"), "price-gap", "IBM has no price on 2013-03-01"),
        (multiply(until="2010-06-02", by=2.0), "split-suspected", "IBM on 2010-06-02"),
        (multiply(until="2006-06-02", by=1 / 3), "split-suspected", "IBM on 2006-06-02"),
        (rename_on("2010-06-02", to="2010-06-01"), "price-repeated", "line"),
        (rename_on("2010-06-02", to="2010-06-31"), "date-malformed", "2010-06-31"),
        (rename_on("2010-06-02", ticker=""), "cell-blank", "column ticker"),
        (lambda row: None, "position-unpriced", "IBM"),
    ],
    ids=["hole", "ends early", "split", "reverse split", "twice", "no date", "no ticker", "unpriced"],
)
def test_a_faulty_history_is_refused(tmp_path: Path, change: Any, code: str, why: str) -> None:
    prices, positions = change_ibm(tmp_path, change), write_positions(tmp_path, POSITIONS)
    for command in ("margin", "backtest"):
        refuse(command, code, why, prices=prices, positions=positions)


def test_gaps_and_splits_may_be_accepted(tmp_path: Path) -> None:
    holes = change_ibm(tmp_path, leave_out(on="2010-06-02"))
    found = margin(tmp_path, prices=holes, gaps="skip", lookback=500)
    assert found["scenarios"] == 500
    split = change_ibm(tmp_path, multiply(until="2010-06-02", by=2.0))
    assert margin(tmp_path, prices=split, splits="accept")["worst"][0]["date"] == "2010-06-02"


@pytest.mark.parametrize(
    ("positions", "code"),
    [({"AAPL": "nan"}, "number-malformed"), ({"AAPL": "", "IBM": 1}, "cell-blank"), ({"AAPL": "x"}, "number-malformed"),
     ({"XYZ": 1}, "position-unpriced"), ({"AAPL": 1, "AAPL ": 2}, "position-repeated"), ({}, "file-without-lines"),
     ({"AAPL": "1e400"}, "number-malformed")],
)  # fmt: skip
def test_bad_positions_are_refused(tmp_path: Path, positions: dict[str, Any], code: str) -> None:
    refuse("margin", code, "positions.csv", prices=STOCKS, positions=write_positions(tmp_path, positions))


@pytest.mark.parametrize(
    ("options", "code"),
    [({"confidence": 99.0}, "confidence-out-of-range"), ({"confidence": float("nan")}, "confidence-out-of-range"),
     ({"confidence": 1.0}, "confidence-out-of-range"), ({"confidence": 0.0}, "confidence-out-of-range"),
     ({"lookback": 0}, "parameter-out-of-range"), ({"lookback": 3270}, "history-too-short"),
     ({"mpor": 0}, "parameter-out-of-range"), ({"proxy": ["FB"]}, "option-malformed"),
     ({"proxy": ["AAPL=AAPL"]}, "proxy-invalid"), ({"proxy": ["AAPL=XYZ"]}, "proxy-invalid")],
)  # fmt: skip
def test_bad_options_are_refused(tmp_path: Path, options: dict[str, Any], code: str) -> None:
    positions = write_positions(tmp_path, POSITIONS)
    for command in ("margin", "backtest"):
        refuse(command, code, "", prices=STOCKS, positions=positions, **options)
    refuse("margin", "file-unreadable", "none.csv", prices=tmp_path / "none.csv", positions=positions)


def test_the_programs_print_tables_and_say_what_they_reckon(tmp_path: Path) -> None:
    losses = write(tmp_path / "l.csv", ["scenario,group,loss", "S1,A,90", "S1,B,40"])
    printed = StringIO()
    call_command("cover2", losses=losses, stdout=printed)
    assert "130.00" in printed.getvalue()
    command = load_command_class("clearing", "margin")
    assert "ceil((1 - confidence) x n)" in command.create_parser("manage.py", "margin").format_help()


def test_the_programs_run_without_servers_or_settings(tmp_path: Path) -> None:
    """Each reads its files and computes or refuses; a refusal is told on the error stream, and by the exit code."""
    positions = write_positions(tmp_path, POSITIONS)
    losses = write(tmp_path / "l.csv", ["scenario,group,loss", "S1,A,90", "S1,B,nan"])
    bare = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    portfolio = ["--prices", STOCKS, "--positions", positions]

    def manage(*arguments: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *map(str, arguments)],
            cwd=ROOT, env=bare, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    for arguments, shown in (
        (["margin", *portfolio], "32,714.95"),
        (["backtest", *portfolio, "--method", "fhs"], "over-margined"),
    ):
        done = manage(*arguments)
        assert done.returncode == 0, done.stderr
        assert shown in done.stdout
    done = manage("cover2", "--losses", losses)
    assert (done.returncode, done.stdout) == (1, "")
    assert "l.csv, line 3" in done.stderr
    assert "(number-malformed)" in done.stderr
