"""When the default fund is sized, and what members then pay or get back."""

from datetime import date

import numpy as np
import pytest

from clearing.core.fund import Standing, is_thin, second_and_third, settle_contributions, sizing_reason

OCTOBER = date(2008, 10, 1)


def standing(sized_on: date | None, cover_two: int, resources: int = 100) -> Standing:
    return Standing(sized_on=sized_on, members_minor=resources, own_minor=0, cover_two_minor=cover_two, thin_percent=90)


@pytest.mark.parametrize(
    ("sized_on", "cover_two", "expected"),
    [
        (None, 0, "FIRST"),
        (date(2008, 9, 1), 0, "MONTHLY"),
        (date(2008, 9, 30), 99, "MONTHLY"),
        (OCTOBER, 90, None),
        (OCTOBER, 91, "THIN"),
        (date(2007, 11, 30), 0, "MONTHLY"),
    ],
)
def test_the_fund_is_sized_first_each_month_and_when_thin(
    sized_on: date | None, cover_two: int, expected: str | None
) -> None:
    assert sizing_reason(standing=standing(sized_on, cover_two), business_date=date(2008, 10, 2)) == expected


def test_an_empty_fund_is_thin_at_the_first_loss() -> None:
    assert is_thin(standing=standing(OCTOBER, 1, resources=0))
    assert not is_thin(standing=standing(OCTOBER, 0, resources=0))


def test_second_and_third_are_of_one_scenario() -> None:
    losses = np.array([[90, 0, 40], [0, 70, 50], [60, 60, 0], [-5, 30, 20]])
    assert second_and_third(losses=losses) == 60
    assert second_and_third(losses=np.array([[7]])) == 0


def test_each_member_pays_or_gets_back_the_difference() -> None:
    called, returned = settle_contributions(
        contribution_minor=np.array([50, 50, 20]), held_minor=np.array([30, 80, 20])
    )
    assert called.tolist() == [20, 0, 0]
    assert returned.tolist() == [0, 30, 0]
