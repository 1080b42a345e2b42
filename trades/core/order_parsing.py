"""Reading orders from JSON and from forms. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from trades.core.order_ticket import OrderTicket
from trades.core.parsing import problem_of
from trades.core.report import Problem

OPTIONAL = tuple(field.name for field in msgspec.structs.fields(OrderTicket) if not field.required)

_decoder = msgspec.json.Decoder(OrderTicket)
_many = msgspec.json.Decoder(list[msgspec.Raw])


def read_ticket(*, data: bytes | str | msgspec.Raw) -> OrderTicket | Problem:
    """Read one order from JSON."""
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError as error:
        return problem_of(error)._replace(code="malformed-order")
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        return Problem("malformed-order", "", f"Not a JSON order: {error}.")


def read_tickets(*, data: bytes) -> list[OrderTicket | Problem] | Problem:
    """Read a JSON array of orders, each by itself; a Problem where it is no array."""
    try:
        parts = _many.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        return Problem("malformed-order", "", f"Not a JSON array of orders: {error}.")
    return [read_ticket(data=part) for part in parts]


def convert_ticket(*, fields: Mapping[str, Any]) -> OrderTicket | Problem:
    """Read one order from a mapping of strings, as a form gives it. Blank means absent."""
    try:
        present = {name: value for name, value in fields.items() if value != "" or name not in OPTIONAL}
        return msgspec.convert(present, OrderTicket, strict=False)
    except msgspec.ValidationError as error:
        return problem_of(error)._replace(code="malformed-order")
