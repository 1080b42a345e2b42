"""Load the margin parameters and price proxies that come with the product; what an operator added stays."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

from clearing.models import MarginParameters, PriceProxy
from reference.queries import directory

PARAMETERS_FILE = Path(__file__).resolve().parent.parent / "margin_parameters.csv"
PROXIES_FILE = Path(__file__).resolve().parent.parent / "price_proxies.csv"


def load_margin_parameters() -> int:
    """Load the rows of margin_parameters.csv and price_proxies.csv that are not there yet; return the parameter rows.

    A proxy whose securities are not in the reference data is left out.
    """
    with PARAMETERS_FILE.open(newline="") as file:
        # The fields themselves read dates and numbers from text.
        rows = [MarginParameters(**dict[str, Any](line)) for line in csv.DictReader(file)]
    MarginParameters.objects.bulk_create(rows, ignore_conflicts=True)
    securities = directory().securities_by_symbol
    with PROXIES_FILE.open(newline="") as file:
        proxies = [
            PriceProxy(
                security_id=securities[line["security"]].id,
                proxy_id=securities[line["proxy"]].id,
                scale_percent=Decimal(line["scale_percent"]),
                reason=line["reason"],
            )
            for line in csv.DictReader(file)
            if line["security"] in securities and line["proxy"] in securities
        ]
    PriceProxy.objects.bulk_create(proxies, ignore_conflicts=True)
    return MarginParameters.objects.count()
