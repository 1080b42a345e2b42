"""The public quantitative disclosure, generated from the data: CPMI-IOSCO, February 2015 (CPMI papers, no. 125)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from django.core.cache import cache

from clearing.models import MarginRun, MarginRunKind
from clearing.queries.disclosure.item import DisclosureItem, Sheet
from clearing.queries.disclosure.margin import write_collateral, write_margin
from clearing.queries.disclosure.market import write_business, write_members, write_volumes
from clearing.queries.disclosure.resources import write_resources
from clearing.queries.margin_parameters import margin_parameters_on
from reference.queries import directory

YEAR_DAYS, QUARTER_DAYS = 365, 91
KEPT_SECONDS = 600

SECTIONS = (
    ("4", "Credit risk: default resources and stress losses"),
    ("5", "Collateral"),
    ("6", "Margin"),
    ("15", "General business risk"),
    ("18", "Members and concentration"),
    ("23", "Volumes"),
)


@dataclass(frozen=True)
class Disclosure:
    """All items of one evening, in the order of their numbers; none before the first evening."""

    as_of: date | None
    items: Sequence[DisclosureItem]

    @property
    def sections(self) -> list[tuple[str, str, list[DisclosureItem]]]:
        """Return the items by section: number, title, items."""
        return [
            (number, title, [item for item in self.items if item.number.split(".")[0] == number])
            for number, title in SECTIONS
        ]


def build_disclosure(*, business_date: date) -> Disclosure:
    """Return every item as of the last evening run, over the twelve months before it, volumes over a quarter.

    What the data cannot tell is said not to apply, with the reason. Kept for ten minutes: it is public, and the same
    for everybody.
    """
    run = MarginRun.objects.filter(kind=MarginRunKind.EVENING, business_date__lte=business_date).order_by("-id").first()
    if run is None:
        return Disclosure(as_of=None, items=())
    key = f"disclosure:{directory().stamp}:{run.pk}"
    kept = cache.get(key)
    if kept is None:
        kept = Disclosure(as_of=run.business_date, items=_write(run))
        cache.set(key, kept, timeout=KEPT_SECONDS)
    found: Disclosure = kept
    return found


def disclosure_document(*, found: Disclosure) -> dict[str, Any]:
    """Write the disclosure as JSON values."""
    return {"as_of": found.as_of, "items": [asdict(item) for item in found.items]}


def _write(run: MarginRun) -> list[DisclosureItem]:
    sheet = Sheet(
        as_of=run.business_date,
        since=run.business_date - timedelta(days=YEAR_DAYS),
        run=run,
        parameters=margin_parameters_on(day=run.business_date),
    )
    write_resources(sheet=sheet)
    write_collateral(sheet=sheet)
    write_margin(sheet=sheet)
    write_business(sheet=sheet)
    write_members(sheet=sheet)
    write_volumes(sheet=sheet, days_back=QUARTER_DAYS)
    return sorted(sheet.items, key=lambda item: ([int(part) for part in item.number.split(".")], item.segment))
