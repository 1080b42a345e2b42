"""Load the compliance rules and risk weights that come with the product; what an operator changed stays."""

import csv
from pathlib import Path
from typing import Any

from trades.models import ComplianceRule, RiskWeights

APP = Path(__file__).resolve().parent.parent.parent
RULES_FILE = APP / "compliance_rules.csv"
WEIGHTS_FILE = APP / "risk_weights.csv"


def load_compliance() -> int:
    """Load the rows of compliance_rules.csv and risk_weights.csv that are not there yet.

    Returns how many rules stand.
    """
    weights = [RiskWeights(**line) for line in _read(WEIGHTS_FILE)]
    RiskWeights.objects.bulk_create(weights, ignore_conflicts=True)
    rules = [ComplianceRule(**line) for line in _read(RULES_FILE)]
    ComplianceRule.objects.bulk_create(rules, ignore_conflicts=True)
    return ComplianceRule.objects.count()


def _read(path: Path) -> list[dict[str, Any]]:
    """Read a file's lines; the fields themselves read dates and numbers from text, an empty one is not given."""
    with path.open(newline="") as file:
        return [{name: value for name, value in line.items() if value} for line in csv.DictReader(file)]
