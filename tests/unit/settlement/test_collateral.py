"""Haircuts by kind and residual maturity, values rounded down, and what is pledged first."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from settlement.core.collateral import PledgesDoNotCover, choose_pledges, classify_collateral, unit_value_minor

DAY = date(2008, 2, 29)


@pytest.mark.parametrize(
    ("security_type", "sector", "liquid", "maturity", "category"),
    [
        ("BOND", "GOVERNMENT", True, date(2009, 2, 28), "GOVERNMENT_SHORT"),
        ("BOND", "GOVERNMENT", True, date(2009, 3, 1), "GOVERNMENT_MEDIUM"),
        ("BOND", "GOVERNMENT", True, date(2013, 3, 1), "GOVERNMENT_MEDIUM"),
        ("BOND", "GOVERNMENT", True, date(2013, 3, 2), "GOVERNMENT_LONG"),
        ("BOND", "CORPORATE", False, date(2008, 3, 1), "CORPORATE_SHORT"),
        ("BOND", "CORPORATE", True, None, "CORPORATE_LONG"),
        ("BOND", "CORPORATE", True, DAY, None),
        ("EQUITY", "CORPORATE", True, None, "LIQUID_SHARES"),
        ("EQUITY", "CORPORATE", False, None, "OTHER_SHARES"),
        ("FUND", "CORPORATE", True, None, "FUNDS"),
    ],
)
def test_the_row_of_the_haircut_table(
    security_type: str, sector: str, liquid: bool, maturity: date | None, category: str | None
) -> None:
    found = classify_collateral(
        security_type=security_type, issuer_sector=sector, liquid=liquid, maturity_date=maturity, day=DAY
    )
    assert found == category


@pytest.mark.parametrize(
    ("price", "per_price", "digits", "haircut", "minor"),
    [
        ("50", "1", 2, "15", 4_250),
        ("98", "0.01", 2, "4", 94),  # 94.08 cents a unit of nominal
        ("0.01", "1", 2, "15", 0),
        ("1234", "1", 0, "0.5", 1_227),
        ("10", "1", 2, "100", 0),
    ],
)
def test_one_unit_is_worth_its_price_less_the_haircut_rounded_down(
    price: str, per_price: str, digits: int, haircut: str, minor: int
) -> None:
    found = unit_value_minor(
        price=Decimal(price), amount_per_price=Decimal(per_price), digits=digits, haircut_percent=Decimal(haircut)
    )
    assert found == minor


def choose(credit: int, units: list[int], values: list[int], wanted: list[int]) -> list[int]:
    columns = [np.array(column, np.int64) for column in (units, values, wanted)]
    return list(map(int, choose_pledges(credit=credit, units=columns[0], unit_value=columns[1], wanted=columns[2])))


def test_the_most_valuable_holding_goes_first_and_the_last_in_part() -> None:
    assert choose(1_000, [10, 5, 100], [50, 300, 1], [0, 0, 0]) == [0, 4, 0]
    assert choose(1_600, [10, 5, 100], [50, 300, 1], [0, 0, 0]) == [2, 5, 0]
    assert choose(2_050, [10, 5, 100], [50, 300, 1], [0, 0, 0]) == [10, 5, 50]


def test_what_deliveries_want_is_spared_as_long_as_the_rest_covers() -> None:
    assert choose(500, [10, 5], [50, 300], [0, 5]) == [10, 0]
    assert choose(501, [10, 5], [50, 300], [0, 5]) == [10, 1]
    assert choose(700, [10, 5], [50, 300], [9, 3]) == [1, 3]
    assert choose(100, [10], [50], [99]) == [2]


def test_nothing_is_pledged_for_nothing_and_too_little_is_told() -> None:
    assert choose(0, [10], [50], [0]) == [0]
    with pytest.raises(PledgesDoNotCover):
        choose(501, [10], [50], [0])
