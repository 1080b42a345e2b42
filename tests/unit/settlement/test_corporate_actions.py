"""What a holding is entitled to: worked examples."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.core.corporate_actions import amount_per_unit, entitlement


def each(
    kind: str, rate: str | None = None, new: int | None = None, old: int | None = None, digits: int = 2
) -> Fraction:
    return amount_per_unit(kind=kind, rate=Decimal(rate) if rate else None, ratio_new=new, ratio_old=old, digits=digits)


@pytest.mark.parametrize(
    ("units", "one", "amount"),
    [
        (100, each("DIVIDEND", "1.25"), 125_00),
        (3, each("DIVIDEND", "0.123456"), 37),
        (1_000_000, each("COUPON", "5"), 50_000_00),
        (1_000_000, each("COUPON", "5.125"), 51_250_00),
        (1_000, each("COUPON", "4.65", digits=0), 46),
        (101, each("SPLIT", new=2, old=1), 101),
        (101, each("SPLIT", new=3, old=2), 50),
        (1, each("SPLIT", new=3, old=2), 0),
    ],
    ids=[
        "dividend",
        "rounded down",
        "coupon",
        "to the cent",
        "no cents",
        "two for one",
        "an odd holding",
        "a fraction",
    ],
)
def test_worked_examples(units: int, one: Fraction, amount: int) -> None:
    assert entitlement(units=units, each=one) == amount


def test_terms_that_give_nothing() -> None:
    for nothing in (("DIVIDEND", "0", None, None), ("SPLIT", None, 1, 2), ("SPLIT", None, 1, 1)):
        with pytest.raises(ValueError, match="distributes nothing"):
            each(*nothing)


@given(st.integers(1, 10**12), st.integers(1, 999), st.integers(1, 999))
def test_a_split_leaves_the_ratio_rounded_down(units: int, old: int, more: int) -> None:
    new = old + more
    assert units + entitlement(units=units, each=each("SPLIT", new=new, old=old)) == units * new // old
