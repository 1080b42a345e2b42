"""Reading JSON bodies that are not trade reports: small, and nested no deeper than a person would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser, JSONParser


class BoundedJsonParser(JSONParser):
    """JSON of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes, in UTF-8."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Read the body. Raises ParseError, RequestDataTooBig."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise RequestDataTooBig
        try:
            return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not valid UTF-8: {error.reason} at byte {error.start}.") from error
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON.")


def refuse_unknown_fields(*, data: Any, known: Mapping[str, Any]) -> None:
    """Raise ValidationError for a field that the operation does not have."""
    if not isinstance(data, Mapping):
        return
    unknown = sorted(set(data) - set(known) - {"csrfmiddlewaretoken"})
    if unknown:
        raise ValidationError(dict.fromkeys(unknown[:5], "There is no such field."))


class CsvParser(BaseParser):
    """A CSV body as text, at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes of UTF-8."""

    media_type = "text/csv"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Read the body. Raises ParseError, RequestDataTooBig."""
        return read_text(stream)


def read_text(stream: Any) -> str:
    """Return a bounded body or file as text. Raises ParseError, RequestDataTooBig."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise RequestDataTooBig
    try:
        text: str = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not valid UTF-8: {error.reason} at byte {error.start}.") from error
    return text
