"""One item of the public quantitative disclosure, and how amounts, shares and words are written in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from clearing.models import MarginParameters, MarginRun
from reference.api.fields import decimal_text
from reference.queries import directory


@dataclass(frozen=True)
class DisclosureItem:
    """A number of the standard, what it says, for which currency, and the value; or why there is none."""

    number: str
    description: str
    segment: str
    value: str | None
    unit: str
    as_of: date
    note: str = ""

    @property
    def is_applicable(self) -> bool:
        """Say whether there is a value."""
        return self.value is not None

    @property
    def is_amount(self) -> bool:
        """Say whether the value is an amount of money."""
        return bool(self.segment) and self.unit == self.segment


@dataclass
class Sheet:
    """The items that are written so far, and what they are written from: the day, its run and the parameters."""

    as_of: date
    since: date
    run: MarginRun
    parameters: MarginParameters
    items: list[DisclosureItem] = field(default_factory=list)

    def amount(self, number: str, description: str, currency_id: int, minor: int, note: str = "") -> None:
        """Write an amount of minor units of a currency."""
        entry = directory().currencies[currency_id]
        text = decimal_text(minor=int(minor), digits=entry.digits)
        self.items.append(DisclosureItem(number, description, entry.code, text, entry.code, self.as_of, note))

    def figure(
        self, number: str, description: str, value: object, unit: str, segment: str = "", note: str = ""
    ) -> None:
        """Write a number of something, or words (unit "text")."""
        self.items.append(DisclosureItem(number, description, segment, str(value), unit, self.as_of, note))

    def share(self, number: str, description: str, ratio: float, segment: str = "", note: str = "") -> None:
        """Write a ratio as percent."""
        self.figure(number, description, f"{100 * ratio:.2f}", "%", segment, note)

    def missing(self, number: str, description: str, why: str, segment: str = "") -> None:
        """Write that an item does not apply, and why."""
        self.items.append(DisclosureItem(number, description, segment, None, "", self.as_of, why))
