"""Figures as people type them."""

import re
from decimal import Decimal

_FIGURE = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


def read_figure(*, text: str) -> Decimal | None:
    """Return the decimal number that a text holds, None where it is none.

    Thousands may be told apart by commas. At most 20 digits on either side of the point and no exponent: what is
    read stays exact and cheap in whatever is worked out of it, which a number such as 1e999999 does not.
    """
    plain = text.strip().replace(",", "")
    return Decimal(plain) if _FIGURE.fullmatch(plain) else None
