"""Check digits, against published worked examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.core import identifiers
from reference.refusals import Refusal

ALPHANUMERIC = st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@pytest.mark.parametrize(
    "isin", ["US0378331005", "US4592001014", "US5949181045", "US38259P5089", "US30303M1027", "DE0001102341"]
)
def test_a_real_isin_passes(isin: str) -> None:
    assert identifiers.check_isin(value=isin) == isin


@pytest.mark.parametrize(
    ("isin", "refusal"),
    [
        ("US0378331006", identifiers.IsinCheckDigitWrong),
        ("US0378313005", identifiers.IsinCheckDigitWrong),  # Two digits changed places.
        ("us0378331005", identifiers.IsinMalformed),
        ("US037833100", identifiers.IsinMalformed),
        (" US0378331005", identifiers.IsinMalformed),
        ("US0378331005\n", identifiers.IsinMalformed),
        ("QQ0000000001", identifiers.IsinCheckDigitWrong),
        ("", identifiers.IsinMalformed),
        ("US０378331005", identifiers.IsinMalformed),
    ],
)
def test_a_wrong_isin_is_refused_by_name(isin: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal) as caught:
        identifiers.check_isin(value=isin, pointer="/isin")
    assert caught.value.pointer == "/isin"
    assert repr(isin) in caught.value.message


def test_a_country_that_does_not_exist_is_refused() -> None:
    body = "QQ000000000"
    with pytest.raises(identifiers.IsinMalformed):
        identifiers.check_isin(value=body + identifiers.isin_check_digit(body=body))


# The LEI of ISO 17442's own registry body GLEIF, and of Apple and Deutsche Bank.
@pytest.mark.parametrize("lei", ["506700GE1G29325QX363", "HWUPKR0MPOU8FGXBT394", "7LTWFZYICNSX8D621K86"])
def test_a_real_lei_passes(lei: str) -> None:
    assert identifiers.check_lei(value=lei) == lei
    assert identifiers.lei_check_digits(body=lei[:18]) == lei[18:]


def test_a_wrong_lei_is_refused() -> None:
    with pytest.raises(identifiers.LeiCheckDigitsWrong):
        identifiers.check_lei(value="506700GE1G29325QX364")
    with pytest.raises(identifiers.LeiMalformed):
        identifiers.check_lei(value="506700ge1g29325qx363")


@given(st.text(ALPHANUMERIC, min_size=18, max_size=18))
def test_made_lei_digits_always_check(body: str) -> None:
    lei = body + identifiers.lei_check_digits(body=body)
    assert identifiers.check_lei(value=lei) == lei


@given(st.text(ALPHANUMERIC, min_size=9, max_size=9), st.integers(0, 9))
def test_exactly_one_isin_check_digit_is_right(nsin: str, digit: int) -> None:
    body = f"DE{nsin}"
    right = identifiers.isin_check_digit(body=body)
    if str(digit) == right:
        assert identifiers.check_isin(value=f"{body}{digit}")
    else:
        with pytest.raises(identifiers.IsinCheckDigitWrong):
            identifiers.check_isin(value=f"{body}{digit}")


def test_bics() -> None:
    assert identifiers.check_bic(value="DEUTDEFF") == "DEUTDEFF"
    assert identifiers.check_bic(value="DEUTDEFF500") == "DEUTDEFF500"
    for wrong in ("DEUTDEFF5", "deutdeff", "DEUTQQFF", "DEUT12FF", ""):
        with pytest.raises(identifiers.BicMalformed):
            identifiers.check_bic(value=wrong)
