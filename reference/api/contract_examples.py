"""Examples for the API's description, made of the schema: what a field is called says what it looks like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

IDENTITY = "01985a7e-3c00-7000-8000-000000000001"
DEPTH = 6
# Texts by what the field's name ends with, the longest that fits.
TEXTS = {
    "code": "ALPHA", "participant": "ALPHA", "member": "ALPHA", "buyer": "ALPHA", "seller": "BRAVO", "party": "ALPHA",
    "counterparty": "BRAVO", "owner": "ALPHA", "broker": "ALPHA", "reporter": "ALPHA", "deliverer": "BRAVO",
    "receiver": "ALPHA", "name": "Alpha Bank", "lei": "529900T8BM49AURSDO55", "bic": "ALPHDEFF",
    "isin": "US0378331005", "security": "US0378331005", "instrument": "US0378331005", "symbol": "AAPL",
    "currency": "USD", "venue": "XNAS", "mic": "XNAS", "account": "ALPHA/SECURITIES/HOUSE", "trade_id": "T-1",
    "reference": "REF-1", "order_id": "ORDER-1", "client_order_id": "ORDER-1", "execution_id": "EXEC-1",
    "client": "ALPHA-CLIENT-1", "trader": "ALPHA-TRADER-1", "client_id": "fmi_5tq3v7k2m4x6a2bc", "reason": "Agreed",
    "note": "Agreed", "detail": "Agreed", "title": "Agreed", "price": "157.92", "amount": "15792.00", "rate": "0.025",
    "cursor": "cD0yMDA4", "next": "http://127.0.0.1:8000/api/v1/trades?cursor=cD0yMDA4", "actor": "alpha",
    "previous": "http://127.0.0.1:8000/api/v1/trades?cursor=cj0x", "colour": "#336699", "country": "DE",
}  # fmt: skip
BY_FORMAT = {
    "uuid": IDENTITY, "date": "2008-09-08", "date-time": "2008-09-08T10:00:00+02:00", "time": "10:00:00",
    "decimal": "15792.00", "uri": "https://fmi.example/", "email": "desk@alpha.example", "ipv4": "192.0.2.1",
    "byte": "bWluaSBmbWk=", "binary": "",
}  # fmt: skip
CANDIDATES = ("AGREED-1", "ALPHA", "US0378331005", "529900T8BM49AURSDO55", "USD", "1.5", "1", "a" * 32, "a" * 64)


class ExampleMaker:
    """Makes an example of a shape. schemas: the components that shapes refer to."""

    def __init__(self, *, schemas: Mapping[str, Schema]) -> None:
        """Keep the components."""
        self.schemas = schemas

    def make(self, shape: Schema, *, name: str = "", depth: int = 0) -> Any:
        """Return an example of a shape; of what is nested too deep, or may be anything, as little as is valid."""
        if "$ref" in shape:
            return self.make(self.schemas.get(str(shape["$ref"]).rpartition("/")[2], {}), name=name, depth=depth)
        for given in ("example", "default"):
            if shape.get(given) is not None:
                return shape[given]
        for combined in ("allOf", "oneOf", "anyOf"):
            if shape.get(combined):
                return self.make(shape[combined][0], name=name, depth=depth)
        if shape.get("enum"):
            return shape["enum"][0]
        kind = shape.get("type")
        if kind == "object" or "properties" in shape:
            return self._make_object(shape, depth)
        if kind == "array":
            wanted = max(shape.get("minItems", 1), 1)
            return [self.make(shape.get("items", {}), name=name.removesuffix("s"), depth=depth + 1)] * wanted
        if kind == "boolean":
            return True
        if kind in {"integer", "number"}:
            return max(shape.get("minimum", 1), min(100, shape.get("maximum", 100)))
        return _text(shape, name) if kind == "string" else {}

    def _make_object(self, shape: Schema, depth: int) -> dict[str, Any]:
        properties = shape.get("properties", {})
        needed = set(shape.get("required", ()))
        made = {
            name: self.make(inner, name=name, depth=depth + 1)
            for name, inner in properties.items()
            if depth < DEPTH or name in needed
        }
        if not properties and isinstance(shape.get("additionalProperties"), Mapping):
            made["ALPHA"] = self.make(shape["additionalProperties"], depth=depth + 1)
        return made


def _text(shape: Schema, name: str) -> str:
    """Return a text that looks like the field's and fits the shape."""
    endings = sorted((ending for ending in TEXTS if name.endswith(ending)), key=len, reverse=True)
    wanted = [TEXTS[ending] for ending in endings]
    if shape.get("format") in BY_FORMAT:
        wanted.insert(0, BY_FORMAT[shape["format"]])
    for text in (*wanted, *CANDIDATES):
        longest = shape.get("maxLength", len(text))
        fits = shape.get("minLength", 0) <= len(text) <= longest
        if fits and re.search(shape.get("pattern", ""), text):
            return str(text)
    return "A" * int(max(shape.get("minLength", 1), 1))
