"""Dry runs as a page shows them: each model's figures by currency, and their sizes beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from settlement.models import DryRun

# Key of the result -> what it is called.
MEASURES = {
    "settled_minor": "Value settled",
    "unwound_minor": "Value unwound",
    "credit_minor": "Credit used",
    "liquidity_gross_minor": "Liquidity, booked one by one",
    "liquidity_net_minor": "Liquidity, booked at the net",
}


@dataclass(frozen=True)
class Bar:
    """One model's amount, and its share of the largest of all models, 0 to 100."""

    name: str
    minor: int
    share_percent: float


@dataclass(frozen=True)
class MeasureView:
    """One measure in one currency, model by model."""

    name: str
    currency: str
    bars: tuple[Bar, ...]


def view_measures(*, run: DryRun) -> list[MeasureView]:
    """Return the measures of a dry run that is done, currency by currency; without those that are nil throughout."""
    models: list[dict[str, Any]] = run.result.get("models", [])
    views = []
    for currency in sorted(run.result.get("due_minor", {})):
        for key, name in MEASURES.items():
            amounts = [int(model[key].get(currency, 0)) for model in models]
            largest = max(amounts, default=0)
            if largest:
                bars = tuple(
                    Bar(model["name"], minor, 100 * minor / largest)
                    for model, minor in zip(models, amounts, strict=True)
                )
                views.append(MeasureView(name, currency, bars))
    return views
