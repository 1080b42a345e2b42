"""Load the collateral haircuts that come with the product; what an operator added or changed stays."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

from settlement.models import CollateralHaircut

HAIRCUTS_FILE = Path(__file__).resolve().parent.parent / "collateral_haircuts.csv"


def load_haircuts() -> int:
    """Load the haircuts of collateral_haircuts.csv that are not there yet; return the number that stand.

    12 CFR Part 1221, Appendix B. Funds have no row, so they are not eligible unless an operator adds one.
    """
    with HAIRCUTS_FILE.open(newline="") as file:
        rows = [
            CollateralHaircut(
                category=line["category"],
                valid_from=date.fromisoformat(line["valid_from"]),
                percent=Decimal(line["percent"]),
            )
            for line in csv.DictReader(file)
        ]
    CollateralHaircut.objects.bulk_create(rows, ignore_conflicts=True)
    return CollateralHaircut.objects.count()
