"""Figures as people type and read them."""

import re
from decimal import ROUND_HALF_UP, Decimal

MINUS = "\N{MINUS SIGN}"

_FIGURE = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


def read_figure(*, text: str) -> Decimal | None:
    """Return the decimal number that a text holds, None where it is none.

    Thousands may be told apart by commas. At most 20 digits on either side of the point and no exponent: what is
    read stays exact and cheap in whatever is worked out of it, which a number such as 1e999999 does not.
    """
    plain = text.strip().replace(",", "")
    return Decimal(plain) if _FIGURE.fullmatch(plain) else None


def write_figure(*, value: Decimal | float, places: int = 2, trim: bool = False, plus: bool = False) -> str:
    """Write a number with thousands and so many places, rounded half up; below zero with a true minus sign.

    What rounds to zero has no sign. trim: without the zeros that end the places. plus: with a sign above zero too.
    """
    exact = Decimal(str(value))
    if not exact.is_finite():
        return str(value)
    rounded = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    text = f"{abs(rounded):,f}"
    if trim and places:
        text = text.rstrip("0").rstrip(".")
    sign = MINUS if rounded < 0 else "+" if plus and rounded > 0 else ""
    return f"{sign}{text}"


def show_sign(*, text: str) -> str:
    """Return a text that begins with a negative number with its true minus sign; any other as it is."""
    return MINUS + text[1:] if text.startswith("-") and text[1:2].isdigit() else text
