"""Load the stress scenarios, factors and fund parameters that come with the product; what stands already stays."""

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

from django.db import transaction

from clearing.models import FactorExposure, FundParameters, ScenarioKind, StressFactor, StressScenario, StressShock
from reference.queries import directory

FOLDER = Path(__file__).resolve().parent.parent
SCENARIOS_FILE = FOLDER / "stress_scenarios.csv"
FACTORS_FILE = FOLDER / "stress_factors.csv"
PARAMETERS_FILE = FOLDER / "fund_parameters.csv"
BASIS_POINTS = 100


def load_stress_scenarios() -> int:
    """Load what is not there yet; return how many scenarios stand.

    A shock of a security that is not in the directory is left out, and a scenario whole that has none left.
    """
    with transaction.atomic():
        FundParameters.objects.bulk_create(
            [
                FundParameters(
                    valid_from=date.fromisoformat(line.pop("valid_from")),
                    **{name: int(value) for name, value in line.items()},
                )
                for line in _read(PARAMETERS_FILE)
            ],
            ignore_conflicts=True,
        )
        securities = directory().securities_by_symbol
        FactorExposure.objects.bulk_create(
            [
                FactorExposure(
                    security_id=securities[line["symbol"]].id,
                    factor=line["factor"],
                    sensitivity_percent=int(line["sensitivity_percent"]),
                )
                for line in _read(FACTORS_FILE)
                if line["symbol"] in securities
            ],
            ignore_conflicts=True,
        )
        _load_scenarios()
    return StressScenario.objects.count()


def _load_scenarios() -> None:
    """Write the scenarios that are new, with their shocks."""
    securities = directory().securities_by_symbol
    standing = set(StressScenario.objects.values_list("code", flat=True))
    scenarios: dict[str, StressScenario] = {}
    shocks: list[StressShock] = []
    for line in _read(SCENARIOS_FILE):
        target = line["target"]
        by_factor = target in StressFactor.values
        if line["code"] in standing or not (by_factor or target in securities):
            continue
        history = line["kind"] == ScenarioKind.HISTORICAL
        scenario = scenarios.setdefault(
            line["code"],
            StressScenario(
                code=line["code"],
                name=line["name"],
                kind=line["kind"],
                from_date=date.fromisoformat(line["from_date"]) if history else None,
                to_date=date.fromisoformat(line["to_date"]) if history else None,
            ),
        )
        shocks.append(
            StressShock(
                scenario=scenario,
                factor=target if by_factor else "",
                security_id=None if by_factor else securities[target].id,
                move_bp=int(Decimal(line["move_percent"]) * BASIS_POINTS),
            )
        )
    StressScenario.objects.bulk_create(scenarios.values())
    StressShock.objects.bulk_create(shocks)


def _read(path: Path) -> Iterator[dict[str, str]]:
    """Return the lines of a file by the names in its first one."""
    with path.open(newline="") as file:
        yield from csv.DictReader(file)
