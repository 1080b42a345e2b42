"""What there is to be named in addresses and bodies, from the API's own lists, and the documented examples."""

from __future__ import annotations

from typing import Any

from django.test import Client

METHODS = ("get", "post", "put", "patch", "delete")
Lists = dict[str, list[dict[str, Any]]]
KEYS = ("id", "public_id", "code", "client_id", "mic", "isin", "trade_id", "name", "key", "account_id")


def read_lists(*, paths: dict[str, Any], reader: Client) -> Lists:
    """Return the first page of every list that needs no parameter, by its path."""
    found: Lists = {}
    for path, operations in paths.items():
        if "{" not in path and "get" in operations:
            answer = reader.get(path)
            body = answer.json() if answer.status_code == 200 and "json" in answer["Content-Type"] else {}
            rows = body.get("results") if isinstance(body, dict) else body
            if isinstance(rows, list) and rows and isinstance(rows[0], dict):
                found[path] = rows
    return found


def known_values(*, paths: dict[str, Any], lists: Lists) -> dict[str, list[dict[str, Any]]]:
    """Return path parameters that name what exists, by path: those of the list that the path begins with."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in paths:
        head, brace, rest = path.partition("/{")
        rows = lists.get(head, lists.get(head + "s", []))
        if not brace or not rows:
            continue
        name = rest.partition("}")[0]
        field_name = next((key for key in (name, *KEYS) if key in rows[0]), None)
        if field_name is not None:
            found[path] = [{name: row[field_name]} for row in rows[:20] if row[field_name] is not None]
    return found


def values_by_field(*, lists: Lists) -> dict[str, list[Any]]:
    """Return what stands in the fields of all lists, by the field's name: what bodies are made of."""
    found: dict[str, list[Any]] = {}
    for rows in lists.values():
        for row in rows[:20]:
            for name, value in row.items():
                if isinstance(value, str | int) and not isinstance(value, bool):
                    values = found.setdefault(name, [])
                    if value not in values and len(values) < 20:
                        values.append(value)
    found["isin"] = found["security"]
    codes = [row["code"] for row in lists["/api/v1/participants"]]
    for name in ("buyer", "seller", "participant", "deliverer", "receiver", "counterparty", "member", "reporter"):
        found[name] = codes
    return found


def examples(*, paths: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the first documented example of the body of each operation that has one, by its label."""
    found: dict[str, dict[str, Any]] = {}
    for path, operations in paths.items():
        for method in METHODS:
            body = operations.get(method, {}).get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in body.get("examples", {}).values():
                if isinstance(example["value"], dict):
                    found.setdefault(f"{method.upper()} {path}", example["value"])
    return found
