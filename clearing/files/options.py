"""The options that `manage.py margin` and `manage.py backtest` share, and what they mean."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from clearing.core.portfolio import MarginModel
from clearing.core.scenarios import METHODS
from clearing.core.tail import MEASURES
from clearing.files.refusals import OptionMalformed
from clearing.files.risk import RiskFiles


def add_risk_options(*, parser: ArgumentParser) -> None:
    """Name the files and the model."""
    parser.add_argument(
        "--prices", type=Path, required=True, metavar="FILE.csv",
        help="columns Ticker, Date (YYYY-MM-DD), Adj Close; also .csv.gz",
    )  # fmt: skip
    parser.add_argument(
        "--positions", type=Path, required=True, metavar="FILE.csv",
        help="columns ticker, market value (at the last date; below zero is short); also .csv.gz",
    )  # fmt: skip
    parser.add_argument(
        "--method", type=str.lower, choices=METHODS, default="hs",
        help="historical scenarios, or filtered by volatility (decay 0.97, seed 60 returns); hs",
    )  # fmt: skip
    parser.add_argument(
        "--measure",
        type=str.lower,
        choices=MEASURES,
        default="es",
        help="what the margin is: expected shortfall or value at risk; es",
    )
    parser.add_argument("--confidence", type=float, default=0.99, help="between 0 and 1; 0.99")
    parser.add_argument("--lookback", type=int, default=1_000, metavar="N", help="how many returns, the last; 1000")
    parser.add_argument(
        "--mpor", type=int, default=1, metavar="N",
        help="margin period of risk in days: overlapping returns P[t+N]/P[t]-1; 1",
    )  # fmt: skip
    parser.add_argument(
        "--proxy", nargs="+", default=[], metavar="TICKER=PROXY",
        help="before its first price an instrument takes the returns of another",
    )  # fmt: skip
    parser.add_argument(
        "--gaps", choices=("refuse", "skip"), default="refuse",
        help="a date on which an instrument lacks a price: refused, or left out for all; refuse",
    )  # fmt: skip
    parser.add_argument(
        "--splits", choices=("refuse", "accept"), default="refuse",
        help="an overnight ratio that looks like a split without adjustment: refused, or taken as true; refuse",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def read_files(*, options: dict[str, Any]) -> RiskFiles:
    """Return the files that the options name. Raises OptionMalformed."""
    proxies: dict[str, str] = {}
    for pair in options["proxy"]:
        name, equals, proxy = (part.strip() for part in pair.partition("="))
        if not (name and equals and proxy) or name in proxies:
            raise OptionMalformed(f"--proxy {pair}: it takes TICKER=PROXY, each ticker once.")
        proxies[name] = proxy
    return RiskFiles(
        prices=options["prices"],
        positions=options["positions"],
        proxies=proxies,
        gaps=options["gaps"],
        check_splits=options["splits"] == "refuse",
    )


def read_model(*, options: dict[str, Any]) -> MarginModel:
    """Return the model that the options ask for."""
    return MarginModel(
        method=options["method"],
        measure=options["measure"],
        confidence=options["confidence"],
        lookback=options["lookback"],
        horizon_days=options["mpor"],
    )
