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
    """Return the JSON Schema (draft 2020-12) of a contract: its fields, and its docstring as the description."""
    (_,), components = msgspec.json.schema_components([contract])
    shape = {"required": [], "properties": {}, **json.loads(msgspec.json.encode(components[contract.__name__]))}
    return {
        "$schema": DIALECT,
        "$id": schema_id(name=contract.__name__, version=contract.VERSION),
        **{name: shape[name] for name in ("title", "description", "type", "properties", "required")},
    }


def find_breaks(*, published: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Return why a reader of the published schema may fail on what the current one describes; empty where none may.

    A reader survives a field more that need not be there. It does not survive a field that is gone, is of another
    shape, may now be missing, or is demanded of facts recorded before.
    """
    breaks = []
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
