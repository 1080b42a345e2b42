"""Backtest of a portfolio's margin out of two files, without the database."""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from clearing.core.portfolio import MarginModel
from clearing.files.options import add_risk_options, read_files, read_model
from clearing.files.risk import FileBacktest, backtest_files
from reference.refusals import Refusal

CONVENTIONS = """\
Backtest the margin of a portfolio over the whole of its prices, without the database.

Market values are the same each day. The margin of a day rests on the --lookback returns that had ended by its
close, and is held against the return over --mpor days that starts there; a breach is a loss strictly above the
margin. With --mpor above 1 these returns overlap, and so do breaches. Under fhs, a day's scenarios are scaled
to the volatility forecast on that day.

LR_pof: Kupiec, proportion of failures (chi-square, 1 degree); LR_ind: Christoffersen, independence (1 degree);
LR_cc = LR_pof + LR_ind (2 degrees). Too few breaches fail the two-sided test as well: over-margined.

`manage.py margin --help` tells how a margin is computed; docs/engines/margin.md says more."""


class Command(BaseCommand):
    """Run the backtest on anyone's prices and positions."""

    help = CONVENTIONS
    # Nothing of what Django checks takes part.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the files and the model."""
        parser.formatter_class = RawDescriptionHelpFormatter
        add_risk_options(parser=parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Compute and print."""
        model = read_model(options=options)
        try:
            found = backtest_files(files=read_files(options=options), model=model)
        except Refusal as refusal:
            raise CommandError(f"{refusal.message} ({refusal.code})") from refusal
        report = build_report(found=found, model=model)
        self.stdout.write(json.dumps(report) if options["json"] else describe(report))


def build_report(*, found: FileBacktest, model: MarginModel) -> dict[str, Any]:
    """Return what is printed, with amounts in the currency of the positions, not rounded."""
    result, rolled, dates = found.result, found.rolled, found.history.dates
    breached = np.flatnonzero(rolled.loss > rolled.margin)
    return {
        "method": model.method,
        "measure": model.measure,
        "confidence": model.confidence,
        "lookback": model.lookback,
        "mpor": model.horizon_days,
        "first_date": str(dates[rolled.row[0]]),
        "last_date": str(dates[rolled.row[-1]]),
        "observations": result.kupiec.observations,
        "breaches": result.kupiec.breaches,
        "expected": result.kupiec.expected,
        "coverage": result.coverage,
        "LR_pof": result.kupiec.likelihood_ratio,
        "p_pof": result.kupiec.p_value,
        "LR_ind": result.christoffersen.likelihood_ratio,
        "p_ind": result.christoffersen.p_value,
        "LR_cc": result.joint_likelihood_ratio,
        "p_cc": result.joint_p_value,
        "verdict": result.kupiec.verdict.value,
        "transitions": {
            "n00": result.christoffersen.calm_calm,
            "n01": result.christoffersen.calm_breach,
            "n10": result.christoffersen.breach_calm,
            "n11": result.christoffersen.breach_breach,
        },
        "peak": result.peak,
        "trough": result.trough,
        "peak_to_trough": result.peak_to_trough,
        "worst_breach": result.worst_breach,
        "breach_days": [
            {
                "date": str(dates[rolled.row[day]]),
                "margin": float(rolled.margin[day]),
                "loss": float(rolled.loss[day]),
            }
            for day in breached.tolist()
        ],
    }


def describe(report: dict[str, Any]) -> str:
    """Return the report as lines to read."""
    ratio = "none" if report["peak_to_trough"] is None else f"{report['peak_to_trough']:.4f}"
    model = f"{report['method']}, {report['measure']}, {100 * report['confidence']:g} %"
    lines = [
        f"{report['observations']:,} margins of {report['first_date']} to {report['last_date']}"
        f" ({model}, lookback {report['lookback']:,}, {report['mpor']} d):",
        f"{report['breaches']:,} breaches, {report['expected']:,.2f} expected: {report['verdict']}.",
        "",
        f"{'':<8}{'LR':>12}{'p':>12}",
        *(
            f"{name:<8}{report['LR_' + name]:>12.5f}{report['p_' + name]:>12.5f}"
            for name in ("pof", "ind", "cc")
        ),
        "",
        "Transitions " + ", ".join(f"{name} {count:,}" for name, count in report["transitions"].items()) + ".",
        f"Margin: peak {report['peak']:,.2f}, trough {report['trough']:,.2f}, peak/trough {ratio}."
        f" Worst loss beyond it {report['worst_breach']:,.2f}.",
    ]  # fmt: skip
    return "\n".join(lines)
