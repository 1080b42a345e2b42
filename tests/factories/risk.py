"""Prices over many days and margin parameters that fit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import connection

from clearing.models import MarginParameters, MarginRun, MarginRunKind
from clearing.queries.risk_invariants import RISK_INVARIANTS
from clearing.services.load_margin_parameters import load_margin_parameters
from clearing.services.run_margin import run_margin
from reference.models import DailyPrice
from tests.factories.chain import Chain

# A plain model over a short history: one-day historical expected shortfall of the worst 5 of 20.
SHORT: dict[str, Any] = {
    "method": "HS", "measure": "ES", "confidence": Decimal("0.75"), "lookback_days": 20, "mpor_days": 1,
    "procyclicality": "NONE", "volume_days": 20,
}  # fmt: skip


def set_parameters(**changes: Any) -> MarginParameters:
    """Let the parameters that come with the product be followed by others, from 2000-01-02 on or `valid_from`."""
    load_margin_parameters()
    first = MarginParameters.objects.order_by("valid_from")[0]
    values = {
        field.name: getattr(first, field.name)
        for field in MarginParameters._meta.concrete_fields
        if field.name not in ("id", "recorded_at")
    }
    return MarginParameters.objects.create(**(values | {"valid_from": date(2000, 1, 2)} | changes))


def price_days(
    chain: Chain, symbol: str, closes: Sequence[str | float], *, last: date, volume: int = 1_000_000
) -> None:
    """Give a security a close on each of the weekdays that end with `last`, oldest first; adjusted closes alike."""
    days = np.busday_offset(np.datetime64(last), np.arange(1 - len(closes), 1), roll="backward").astype(object)
    rows = []
    for day, close in zip(days, closes, strict=True):
        price = Decimal(str(close))
        rows.append(
            DailyPrice(
                security_id=chain.assets[symbol], date=day, open=price, high=price, low=price, close=price,
                volume=volume, adjusted_close=price,
            )
        )  # fmt: skip
    DailyPrice.objects.bulk_create(rows)


def swing(*, last: str, days: int = 21, first: float = 10.0, percent: float = 1.0) -> list[str | float]:
    """Return closes that swing up and down by a percentage, and then the last one."""
    return [round(first * (1 + (percent / 100 if day % 2 else 0)), 4) for day in range(days - 1)] + [last]


def price_market(chain: Chain, closes: Mapping[str, str], *, last: date, days: int = 21) -> None:
    """Give securities a swinging history that ends with these closes."""
    for symbol, close in closes.items():
        price_days(chain, symbol, swing(last=close, days=days, first=float(close)), last=last)


def evening(chain: Chain) -> MarginRun:
    """Run the margin of the evening of the day."""
    chain.move_to(chain.day, 18, 30)
    return run_margin(kind=MarginRunKind.EVENING, at=chain.at, business_date=chain.day)


def violations() -> dict[str, int]:
    """Return how often each invariant of risk is violated, those that hold left out."""
    found = {}
    for name, sql in RISK_INVARIANTS.items():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM ({sql}) v")
            found[name] = cursor.fetchone()[0]
    return {name: count for name, count in found.items() if count}
