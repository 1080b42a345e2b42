"""Forms of static data on pages, made of the shapes that the API takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from reference.api.crud import Shape
from reference.refusals import Refusal


@dataclass(frozen=True, slots=True)
class FormField:
    """One field as the template draws it. kind: text, number, date, check or select."""

    name: str
    label: str
    kind: str
    required: bool
    value: str
    error: str
    help: str
    max_length: int | None
    choices: list[tuple[str, str]]


def heading(name: str) -> str:
    """Write a field's name as a heading."""
    special = {
        "isin": "ISIN", "lei": "LEI", "bic": "BIC", "linked_cash": "Paid for by", "user": "Login",
        "margin_percent": "Margin, %", "short_sale_allowed": "Short sales allowed",
    }  # fmt: skip
    return special.get(name) or name.replace("_minor", ", minor units").replace("_", " ").capitalize()


def form_fields(*, shape: Shape, values: Mapping[str, Any], errors: Mapping[str, str]) -> list[FormField]:
    """Return the fields of a shape, filled in. values: by name, as the API writes or a form sends them."""
    return [_field(name, field, values, errors) for name, field in shape().fields.items()]


def read_form(*, shape: Shape, posted: Mapping[str, Any]) -> serializers.Serializer[Any]:
    """Return the shape with what a form sent: an unchecked box is false, an empty field is left out or null."""
    filled: dict[str, Any] = {}
    for name, field in shape().fields.items():
        text = str(posted.get(name, "")).strip()
        if isinstance(field, serializers.BooleanField):
            filled[name] = text == "on"
        elif text:
            filled[name] = text.replace(",", "") if isinstance(field, serializers.DecimalField) else text
        elif field.allow_null:
            filled[name] = None
    return shape(data=filled)


def errors_of(entry: serializers.Serializer[Any]) -> dict[str, str]:
    """Return what is wrong with each field, in words."""
    return {name: " ".join(str(text) for text in texts) for name, texts in entry.errors.items()}


def error_of(refusal: Refusal) -> dict[str, str]:
    """Return a refusal under the field that it points at, under "" where it points at none."""
    return {(refusal.pointer or "/").strip("/"): refusal.message}


def _field(name: str, field: Any, values: Mapping[str, Any], errors: Mapping[str, str]) -> FormField:
    """Describe one field."""
    default = None if field.default is serializers.empty else field.default
    value = values.get(name, default)
    kinds = {
        serializers.ChoiceField: "select", serializers.BooleanField: "check", serializers.DateField: "date",
        serializers.IntegerField: "number", serializers.DecimalField: "decimal",
    }  # fmt: skip
    kind = next((kind for of, kind in kinds.items() if isinstance(field, of)), "text")
    checked = value is True or value == "on"
    return FormField(
        name=name,
        label=heading(name),
        kind=kind,
        required=field.required and kind != "check",
        value=("on" if checked else "") if kind == "check" else ("" if value is None else str(value)),
        error=errors.get(name, ""),
        help=str(field.help_text or ""),
        max_length=getattr(field, "max_length", None),
        choices=[(str(value), str(word)) for value, word in field.choices.items()] if kind == "select" else [],
    )
