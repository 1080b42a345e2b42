"""Decide what of a file of instructions settles, without the database."""

from __future__ import annotations

import json
import math
import time
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reference.refusals import Refusal
from settlement.core.delivery_versus_payment import MODELS
from settlement.core.submission import OBJECTIVES
from settlement.files.refusals import OptionInvalid
from settlement.services.optimise_files import Outcome, optimise_files


class Command(BaseCommand):
    """Run the settlement optimiser on anyone's instructions and balances."""

    help = "Choose what settles of a file of instructions; docs/engines/optimise-files.md describes the files."
    # Nothing of what Django checks takes part.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the files, and what is to be maximised under which model of delivery versus payment."""
        parser.add_argument("--instructions", type=Path, required=True, metavar="FILE.csv", help="also .csv.gz")
        parser.add_argument("--balances", type=Path, required=True, metavar="FILE.csv", help="also .csv.gz")
        parser.add_argument("--output", type=Path, required=True, metavar="FILE.csv")
        parser.add_argument("--model", type=int, choices=MODELS, default=1, help="of delivery versus payment; 1")
        parser.add_argument("--objective", choices=OBJECTIVES, default="value", help="to be maximised; value")
        parser.add_argument(
            "--seconds", type=float, help="decide in no more; 5, and 7 more for each 100,000 instructions"
        )
        parser.add_argument("--seed", type=int, default=1, help="same seed, same answer; 1")
        parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Decide, write the output and print the outcome."""
        try:
            outcome = optimise_files(
                instructions=options["instructions"],
                balances=options["balances"],
                output=options["output"],
                model=options["model"],
                objective=options["objective"],
                seconds=check_seconds(options["seconds"]),
                seed=options["seed"],
                clock=time.perf_counter,
            )
        except Refusal as refusal:
            raise CommandError(f"{refusal.message} ({refusal.code})") from refusal
        self.stdout.write(json.dumps(asdict(outcome)) if options["json"] else describe(outcome))


def check_seconds(seconds: float | None) -> float | None:
    """Refuse a time that is none. Raises OptionInvalid."""
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise OptionInvalid("--seconds must be above 0.")
    return seconds


def describe(outcome: Outcome) -> str:
    """Return the outcome as a few lines to read."""
    lines = [
        f"{outcome.settled_number:,} of {outcome.instructions:,} instructions settle in full"
        f" and {outcome.settled_in_part:,} in part:",
        f"value {outcome.settled_value:,} of {outcome.submitted_value:,} ({outcome.value_share:.4%}).",
        f"Model {outcome.model}, objective {outcome.objective}, {outcome.seconds:.2f} s.",
    ]
    if outcome.gap is not None:
        lines.append(f"That is within {outcome.gap:.4%} of the best possible (certified).")
    waiting = ", ".join(f"{name} {count:,}" for name, count in outcome.reasons.items() if count)
    lines.append(f"Waiting: {waiting or 'none'}. All floors hold.")
    if outcome.accounts_below:
        lines.append(f"{outcome.accounts_below:,} accounts began below their floor and took credits only.")
    return "\n".join(lines)
