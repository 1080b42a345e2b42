"""JSON Schemas of what events carry, and which changes of them their readers survive. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from events.contracts import Fact, Share
from events.core.envelope import schema_id

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
Contract = type[Fact] | type[Share]


def schema_of(*, contract: Contract) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a contract: its fields, and its docstring as the description.

    x-key is what its events are ordered by (`partitionkey`) where nothing narrower is. Raises TypeError for a field
    that is of a type of its own: what such a type holds would be promised nowhere.
    """
    (_,), components = msgspec.json.schema_components([contract])
    others = sorted(set(components) - {contract.__name__})
    if others:
        raise TypeError(f"{contract.__name__} is not plain: {', '.join(others)} would have no schema")
    shape = {"required": [], "properties": {}, **json.loads(msgspec.json.encode(components[contract.__name__]))}
    return {
        "$schema": DIALECT,
        "$id": schema_id(name=contract.__name__, version=contract.VERSION),
        **({"x-key": contract.KEY} if issubclass(contract, Fact) else {}),
        **{name: shape[name] for name in ("title", "description", "type", "properties", "required")},
    }


def find_breaks(*, published: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Return why a reader of the published schema may fail on what the current one describes; empty where none may.

    A reader survives a field more that need not be there. It does not survive a field that is gone, is of another
    shape, may now be missing, or is demanded of facts recorded before, nor another order.
    """
    breaks = []
    if "x-key" in published and published["x-key"] != current.get("x-key"):
        breaks.append(f"it was ordered by {published['x-key']} and is by {current.get('x-key')}")
    before, after = published["properties"], current["properties"]
    required_before, required_after = set(published["required"]), set(current["required"])
    for name, shape in before.items():
        if name not in after:
            breaks.append(f"the field {name} is gone")
        elif _bare(after[name]) != _bare(shape):
            breaks.append(f"the field {name} was {_bare(shape)} and is {_bare(after[name])}")
        elif name in required_before and name not in required_after:
            breaks.append(f"the field {name} may be missing now")
    for name in after:
        if name in required_after and name not in required_before:
            breaks.append(f"the field {name} is demanded, and facts recorded before do not have it")
    return breaks


def _bare(shape: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field's shape without its words and its default."""
    return {name: value for name, value in shape.items() if name not in {"title", "description", "default"}}
