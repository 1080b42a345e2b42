"""When the default fund is sized anew, and what each member then pays or gets back."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from clearing.core.arrays import Ints


@dataclass(frozen=True, slots=True)
class Standing:
    """The fund of one currency on an evening: its last regular sizing, and what stands against what it must cover.

    members_minor: paid in by members or called of them. own_minor: the CCP's dedicated own resources.
    """

    sized_on: date | None
    members_minor: int
    own_minor: int
    cover_two_minor: int
    thin_percent: int

    @property
    def resources_minor(self) -> int:
        """Return all that stands against stress losses beyond margin."""
        return self.members_minor + self.own_minor


def is_thin(*, standing: Standing) -> bool:
    """Say whether Cover-2 takes more than its share of the fund and the CCP's own resources."""
    return standing.cover_two_minor * 100 > standing.resources_minor * standing.thin_percent


def sizing_reason(*, standing: Standing, business_date: date) -> str | None:
    """Return why the fund is to be sized on this evening: FIRST, MONTHLY, THIN; None where nothing asks for it."""
    if standing.sized_on is None:
        return "FIRST"
    if (standing.sized_on.year, standing.sized_on.month) < (business_date.year, business_date.month):
        return "MONTHLY"
    return "THIN" if is_thin(standing=standing) else None


def second_and_third(*, losses: Ints) -> int:
    """Return the largest sum of the second and the third largest loss of one scenario: losses (scenarios, groups)."""
    beyond = np.sort(np.maximum(losses, 0), axis=1)[:, ::-1]
    return int(beyond[:, 1:3].sum(axis=1).max(initial=0))


def settle_contributions(*, contribution_minor: Ints, held_minor: Ints) -> tuple[Ints, Ints]:
    """Return what is called and what is returned so that each member holds its contribution, both (members,)."""
    change = contribution_minor - held_minor
    return np.maximum(change, 0), np.maximum(-change, 0)
