"""What-if: the margin of a portfolio before and after positions are added. Stores nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta

import numpy as np

from clearing.core.marking import MILLION, PERCENT
from clearing.core.position_file import GivenPosition, PositionsUnreadable
from clearing.core.risk_model import Margins, margin_accounts
from clearing.models import MarginParameters, MarginRun, MarginRunKind
from clearing.queries.margin_parameters import margin_parameters_on
from clearing.queries.positions import open_positions
from clearing.queries.risk_prices import cached_risk_model, read_marks
from ledger.models import Account
from reference.core.directory import SecurityEntry
from reference.queries import directory

PARTS = tuple(field.name for field in fields(Margins))


@dataclass(frozen=True)
class MarginParts:
    """A portfolio's margin and its parts, in minor units."""

    base: int = 0
    concentration: int = 0
    procyclicality: int = 0
    flat: int = 0
    expected_shortfall: int = 0
    value_at_risk: int = 0
    gross: int = 0

    @property
    def requirement(self) -> int:
        """Return what is charged."""
        return self.base + self.concentration + self.procyclicality

    def less(self, other: MarginParts) -> MarginParts:
        """Return the difference, part by part."""
        return MarginParts(*(getattr(self, name) - getattr(other, name) for name in PARTS))


@dataclass(frozen=True)
class WhatIfPosition:
    """One security of a portfolio: what is open, what is added, and the price it is valued at, in millionths."""

    security: SecurityEntry
    open_units: int
    added_units: int
    price_millionths: int


@dataclass(frozen=True)
class WhatIfSegment:
    """One currency of the portfolio, margin before and after."""

    currency: str
    before: MarginParts
    after: MarginParts
    positions: list[WhatIfPosition]

    @property
    def increment(self) -> MarginParts:
        """Return what the added positions cost, part by part; below zero, what they save."""
        return self.after.less(self.before)


@dataclass(frozen=True)
class WhatIf:
    """The answer; priced_on: the latest price used."""

    priced_on: date | None
    segments: list[WhatIfSegment]


def resolve_positions(*, given: Sequence[GivenPosition]) -> dict[int, int]:
    """Return security id -> units to add, summed. Raises PositionsUnreadable for a security that nobody knows."""
    source = directory()
    added: defaultdict[int, int] = defaultdict(int)
    for position in given:
        key = position.security.upper()
        entry = source.securities_by_isin.get(key) or source.securities_by_symbol.get(key)
        if entry is None:
            raise PositionsUnreadable(f"{position.where}: there is no security {position.security[:24]!r}.")
        added[entry.id] += position.quantity_units
    return dict(added)


def closing_day(*, business_date: date) -> date:
    """Return the last day whose closing prices are known: today once its evening has been run, else the day before."""
    is_done = MarginRun.objects.filter(kind=MarginRunKind.EVENING, business_date__gte=business_date).exists()
    return business_date if is_done else business_date - timedelta(days=1)


def margin_what_if(*, account: Account | None, added: dict[int, int], business_date: date) -> WhatIf:
    """Return the margin of an account's open portfolio before and after units are added to it, by currency.

    account: a securities account; None begins with an empty portfolio. Only segments to which something is added.
    Raises RiskRefused, NoMarginParameters.
    """
    source = directory()
    day = closing_day(business_date=business_date)
    parameters = margin_parameters_on(day=business_date)
    held: defaultdict[int, int] = defaultdict(int)
    if account is not None:
        open_now = open_positions(business_date=business_date, accounts=[account.pk])
        for security, units in zip(open_now.security.tolist(), open_now.quantity_units.tolist(), strict=True):
            held[security] += units
    segments: defaultdict[str, list[int]] = defaultdict(list)
    wanted = {source.securities[security].currency.code for security in added}
    for security in sorted({*held, *added}):
        code = source.securities[security].currency.code
        if code in wanted and (held.get(security) or security in added):
            segments[code].append(security)
    marks = read_marks(
        securities=[security for group in segments.values() for security in group],
        day=day,
        stale_after_days=parameters.stale_after_days,
    )
    prices = dict(zip(marks.securities.tolist(), marks.price_millionths.tolist(), strict=True))
    return WhatIf(
        priced_on=marks.dates.max().astype(object) if len(marks.dates) else None,
        segments=[
            _segment(
                currency=code,
                positions=[
                    WhatIfPosition(
                        security=source.securities[security],
                        open_units=held.get(security, 0),
                        added_units=added.get(security, 0),
                        price_millionths=prices[security],
                    )
                    for security in group
                ],
                parameters=parameters,
                day=day,
            )
            for code, group in sorted(segments.items())
        ],
    )


def _segment(
    *, currency: str, positions: list[WhatIfPosition], parameters: MarginParameters, day: date
) -> WhatIfSegment:
    """Margin both portfolios of one currency in one call of the model."""
    model = cached_risk_model(
        securities=[position.security.id for position in positions], day=day, parameters=parameters
    )
    digits = directory().currencies_by_code[currency].digits
    unit = np.array(
        [
            position.price_millionths / MILLION / (PERCENT if position.security.percent else 1) * 10.0**digits
            for position in positions
        ]
    )
    before = np.array([position.open_units for position in positions], dtype=np.float64)
    quantities = np.array([before, before + [position.added_units for position in positions]])
    margins = margin_accounts(model=model, values=quantities * unit, quantity_units=quantities)
    parts = [MarginParts(*(int(getattr(margins, name)[row]) for name in PARTS)) for row in (0, 1)]
    return WhatIfSegment(currency=currency, before=parts[0], after=parts[1], positions=positions)
