"""Spans around what a trace is to show, for the floors that know no tracer: off, they cost a look at a variable.

`fmi/telemetry/traces.py` says what opens a span when traces are exported (OTEL_EXPORTER_OTLP_ENDPOINT).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import date
from enum import Enum
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

P = ParamSpec("P")
R = TypeVar("R")
# Takes more attributes for the span that is open.
Note = Callable[[Mapping[str, Any]], None]
# Links the span that is open to the traces of these correlation ids.
Link = Callable[[Iterable[UUID]], None]
# Opens a span of this name with these attributes.
Opener = Callable[[str, Mapping[str, Any]], AbstractContextManager[Note]]

_opener: Opener | None = None
_note: Note | None = None
_link: Link | None = None


def trace_with(*, opener: Opener | None, note: Note | None, link: Link | None) -> None:
    """Open spans, and add attributes and links to the open one, with these from now on; None: with nothing."""
    global _opener, _note, _link
    _opener, _note, _link = opener, note, link


def is_tracing() -> bool:
    """Tell whether spans are opened, for what is read for a trace alone."""
    return _opener is not None


def link_span(*, correlation_ids: Iterable[UUID]) -> None:
    """Link the span that is open to the traces of these ids."""
    if _link is not None:
        _link(correlation_ids)


def note_on_span(**attributes: Any) -> None:
    """Add attributes to the span that is open."""
    if _note is not None:
        _note(plain(attributes))


def traced(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a service: its call is a span with the plain arguments, and the result where that is a number."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if _opener is None:
                return function(*args, **kwargs)
            with _opener(name, plain(kwargs)) as note:
                result = function(*args, **kwargs)
                if isinstance(result, int):
                    note({"result": result})
                elif getattr(result, "pk", None) is not None:
                    note({"result": str(result), "result_id": result.pk})  # type: ignore[attr-defined]
                return result

        return call

    return decorate


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those values that a span can hold: numbers, texts, dates as text."""
    shown: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Enum):
            shown[name] = str(value.value)
        elif isinstance(value, bool | int | float | str):
            shown[name] = value
        elif isinstance(value, date):
            shown[name] = value.isoformat()
    return shown
