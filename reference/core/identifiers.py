"""Check digits of the identifiers of the market: ISIN, LEI, BIC.

Strict: upper case, no blanks, because an identifier is a key and a key has one spelling.
"""

import re
from typing import NoReturn

from stdnum import bic, isin, lei

from reference.refusals import Refusal

ISIN_SHAPE = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
LEI_SHAPE = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
BIC_SHAPE = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")


class IsinMalformed(Refusal):
    """An ISIN is a country code, nine letters or digits and a check digit, in upper case (ISO 6166)."""

    code = "isin-malformed"


class IsinCheckDigitWrong(Refusal):
    """The ISIN's check digit is wrong (ISO 6166)."""

    code = "isin-check-digit-wrong"


class LeiMalformed(Refusal):
    """An LEI is eighteen letters or digits and two check digits, in upper case (ISO 17442)."""

    code = "lei-malformed"


class LeiCheckDigitsWrong(Refusal):
    """The LEI's check digits are wrong (ISO 17442, mod 97-10)."""

    code = "lei-check-digits-wrong"


class BicMalformed(Refusal):
    """A BIC is four letters or digits, a country code, a location and an optional branch (ISO 9362)."""

    code = "bic-malformed"


def _refuse(kind: type[Refusal], value: str, pointer: str | None) -> NoReturn:
    """Raise the refusal with the value in its message."""
    shown = value if len(value) <= 40 else value[:40] + "…"
    raise kind(f"{shown!r}: {kind.__doc__}", pointer=pointer)


def isin_check_digit(*, body: str) -> str:
    """Return the check digit of the first eleven characters of an ISIN (ISO 6166, Luhn over base 36)."""
    return isin.calc_check_digit(body)


def lei_check_digits(*, body: str) -> str:
    """Return the two check digits of the first eighteen characters of an LEI (ISO 7064 mod 97-10)."""
    number = int("".join(str(int(character, 36)) for character in body + "00"))
    return f"{98 - number % 97:02d}"


def check_isin(*, value: str, pointer: str | None = None) -> str:
    """Return the ISIN itself. Raises IsinMalformed or IsinCheckDigitWrong."""
    if not ISIN_SHAPE.fullmatch(value):
        _refuse(IsinMalformed, value, pointer)
    if isin_check_digit(body=value[:11]) != value[11]:
        _refuse(IsinCheckDigitWrong, value, pointer)
    if not isin.is_valid(value):
        _refuse(IsinMalformed, value, pointer)
    return value


def check_lei(*, value: str, pointer: str | None = None) -> str:
    """Return the LEI itself. Raises LeiMalformed or LeiCheckDigitsWrong."""
    if not LEI_SHAPE.fullmatch(value):
        _refuse(LeiMalformed, value, pointer)
    if not lei.is_valid(value):
        _refuse(LeiCheckDigitsWrong, value, pointer)
    return value


def check_bic(*, value: str, pointer: str | None = None) -> str:
    """Return the BIC itself, of 8 or 11 characters. Raises BicMalformed."""
    if not BIC_SHAPE.fullmatch(value) or not bic.is_valid(value):
        _refuse(BicMalformed, value, pointer)
    return value
