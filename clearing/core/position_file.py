"""Positions as a CSV file: security (ISIN or symbol) and quantity, the sign is the side. Pure."""

import csv
import io
from dataclasses import dataclass
from typing import Final

from clearing.core.refusals import RiskRefused

MOST_POSITIONS: Final = 2_000
LARGEST_QUANTITY: Final = 10**12
LARGEST_FILE: Final = 200_000
SECURITY_HEADINGS: Final = ("security", "isin", "symbol", "ticker")
QUANTITY_HEADINGS: Final = ("quantity", "units", "position")


class PositionsUnreadable(RiskRefused):
    """The positions are not a CSV file with the columns security and quantity."""

    code = "positions-unreadable"


@dataclass(frozen=True, slots=True)
class GivenPosition:
    """What somebody asks about: a security by ISIN or symbol, and a signed number of units; where: for messages."""

    security: str
    quantity_units: int
    where: str


def read_positions(*, text: str) -> list[GivenPosition]:
    """Return the positions of a CSV file with a heading line, in its order.

    Comma, semicolon or tab; a decimal point only before zeros. Raises PositionsUnreadable, saying which line.
    """
    first, _, rest = text.lstrip("\ufeff").partition("\n")
    if not first.strip():
        raise PositionsUnreadable("The file is empty.")
    separator = max(",;\t", key=first.count)
    headings = [heading.strip().lower() for heading in first.split(separator)]
    places = [
        next((headings.index(name) for name in names if name in headings), -1)
        for names in (SECURITY_HEADINGS, QUANTITY_HEADINGS)
    ]
    if min(places) < 0:
        raise PositionsUnreadable(f"The columns are {', '.join(headings)}; security and quantity are needed.")
    found: list[GivenPosition] = []
    for line, row in enumerate(csv.reader(io.StringIO(rest), delimiter=separator), start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(places):
            raise PositionsUnreadable(f"Line {line} has {len(row)} columns.")
        where = f"Line {line}"
        found.append(GivenPosition(row[places[0]].strip(), read_quantity(text=row[places[1]], where=where), where))
        if len(found) > MOST_POSITIONS:
            raise PositionsUnreadable(f"There are more than {MOST_POSITIONS:,} positions.")
    if not found:
        raise PositionsUnreadable("There is no position in the file.")
    return found


def decode_file(*, data: bytes) -> str:
    """Return the text of an uploaded file, of which at most LARGEST_FILE + 1 bytes were read.

    Raises PositionsUnreadable.
    """
    if len(data) > LARGEST_FILE:
        raise PositionsUnreadable(f"The file is larger than {LARGEST_FILE:,} bytes.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PositionsUnreadable("The file is not UTF-8 text.") from error


def read_quantity(*, text: str, where: str) -> int:
    """Return a signed whole number of units. Raises PositionsUnreadable."""
    whole, _, fraction = text.strip().replace("\u2212", "-").partition(".")
    digits = whole.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and fraction.strip("0") == "") or len(digits) > 13:
        raise PositionsUnreadable(f"{where}: {text.strip()[:20]!r} is not a whole number of units.")
    quantity = int(whole)
    if abs(quantity) > LARGEST_QUANTITY:
        raise PositionsUnreadable(f"{where}: {quantity:,} units are more than there can be.")
    return quantity
