"""Margin of a portfolio out of two files, without the database."""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from clearing.core.portfolio import MarginModel
from clearing.files.options import add_risk_options, read_files, read_model
from clearing.files.risk import PROCYCLICALITY, FileMargin, margin_files
from reference.refusals import Refusal

CONVENTIONS = """\
Compute the margin of a portfolio at the last date of its prices, without the database.

Returns are simple, P[t+h]/P[t]-1 over h = --mpor days, overlapping, on the dates on which all instruments of
the portfolio trade; the last --lookback of them are the scenarios. Market values stand still: the loss of a
scenario is -sum(value x return). Losses sorted descending, m = ceil((1 - confidence) x n): VaR is the m-th,
ES the mean of the first m. The margin is the measure, and never below zero.

fhs: per instrument, over its whole history of one-day returns r: v_t is the population variance of the first
60 returns for t <= 60, then v_{t+1} = 0.97 v_t + 0.03 r_t^2; scenario t is r_t x sqrt(v_{T+1} / v_t). With
--mpor h > 1, each h consecutive filtered returns are compounded.

docs/engines/margin.md says more."""


class Command(BaseCommand):
    """Run the risk engine on anyone's prices and positions."""

    help = CONVENTIONS
    # Nothing of what Django checks takes part.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the files, the model, and what is done against procyclicality."""
        parser.formatter_class = RawDescriptionHelpFormatter
        add_risk_options(parser=parser)
        parser.add_argument(
            "--procyclicality", choices=PROCYCLICALITY, default="none",
            help="Article 28 of 153/2013: 25 %% buffer over the margin of 2,520 returns, 25 %% weight on stressed"
            " returns, or no less than over 2,520 returns; none",
        )  # fmt: skip
        parser.add_argument(
            "--stress-from", type=date.fromisoformat, default=date(2008, 9, 1), metavar="DATE",
            help="stressed returns end from this date on; 2008-09-01",
        )  # fmt: skip
        parser.add_argument(
            "--stress-to", type=date.fromisoformat, default=date(2008, 10, 31), metavar="DATE", help="2008-10-31"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Compute and print."""
        model = read_model(options=options)
        try:
            found = margin_files(
                files=read_files(options=options),
                model=model,
                procyclicality=options["procyclicality"],
                stress_from=options["stress_from"],
                stress_to=options["stress_to"],
            )
        except Refusal as refusal:
            raise CommandError(f"{refusal.message} ({refusal.code})") from refusal
        report = build_report(found=found, model=model, procyclicality=options["procyclicality"])
        self.stdout.write(json.dumps(report) if options["json"] else describe(report))


def build_report(*, found: FileMargin, model: MarginModel, procyclicality: str) -> dict[str, Any]:
    """Return what is printed, with amounts in the currency of the positions, not rounded."""
    measured = found.measured
    return {
        "method": model.method,
        "measure": model.measure,
        "confidence": model.confidence,
        "lookback": model.lookback,
        "mpor": model.horizon_days,
        "first_date": str(measured.ends[0]),
        "last_date": str(measured.ends[-1]),
        "scenarios": len(measured.losses),
        "tail": len(measured.tail),
        "VaR": measured.value_at_risk,
        "ES": measured.expected_shortfall,
        "margin": found.charged,
        "margin_before_procyclicality": measured.margin,
        "procyclicality": procyclicality,
        "positions": [
            {"ticker": ticker, "market_value": value, "contribution": contribution}
            for ticker, value, contribution in zip(
                found.instruments, found.values.tolist(), measured.contributions.tolist(), strict=True
            )
        ],
        "worst": [
            {"date": str(measured.ends[place]), "loss": float(measured.losses[place])} for place in measured.tail
        ],
    }


def describe(report: dict[str, Any]) -> str:
    """Return the report as lines to read."""
    lines = [
        f"{'position':<16}{'market value':>20}{'part of ' + report['measure'].upper():>20}",
        *(
            f"{each['ticker']:<16}{each['market_value']:>20,.2f}{each['contribution']:>20,.2f}"
            for each in report["positions"]
        ),
        "",
        f"{report['scenarios']:,} {report['method'].upper()} returns of {report['mpor']} d ended from"
        f" {report['first_date']} to {report['last_date']}; {report['tail']} make the tail at"
        f" {100 * report['confidence']:g} %.",
        f"VaR    {report['VaR']:>20,.2f}",
        f"ES     {report['ES']:>20,.2f}",
        f"margin {report['margin']:>20,.2f}   ({report['measure']}, procyclicality: {report['procyclicality']})",
        "",
        "Worst: " + ", ".join(f"{each['date']} {each['loss']:,.2f}" for each in report["worst"][:5]),
    ]
    return "\n".join(lines)
