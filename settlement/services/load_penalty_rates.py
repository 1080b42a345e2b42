"""Load the penalty rates that come with the product; what an operator added or changed stays."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

from reference.queries import directory
from settlement.core.penalties import daily_rate
from settlement.models import PenaltyRate

RATES_FILE = Path(__file__).resolve().parent.parent / "penalty_rates.csv"


def load_penalty_rates() -> int:
    """Load the rates of penalty_rates.csv that are not there yet; return the number of rates that stand.

    The annex's rates are in basis points a day, those for cash the central bank's overnight credit rate in
    percent a year of 360 days, never below zero.
    """
    currencies = directory().currencies_by_code
    with RATES_FILE.open(newline="") as file:
        rows = [
            PenaltyRate(
                category=line["category"],
                currency_id=currencies[line["currency"]].id if line["currency"] else None,
                valid_from=date.fromisoformat(line["valid_from"]),
                bp_per_day=Decimal(line["bp_per_day"])
                if line["bp_per_day"]
                else daily_rate(percent_per_year=Decimal(line["percent_per_year"])),
            )
            for line in csv.DictReader(file)
            if not line["currency"] or line["currency"] in currencies
        ]
    PenaltyRate.objects.bulk_create(rows, ignore_conflicts=True)
    return PenaltyRate.objects.count()
