"""How the API's lists are cut into pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError as FieldError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

LIMIT_DIGITS = 6


class LimitCursorPagination(CursorPagination):
    """Pages by cursor: `limit` of 1 to 100 rows (25 unless asked), `cursor` from the last answer.

    A list is ordered by the view's `cursor_ordering`, which must be unique; newest first by default.
    """

    page_size = 25
    page_size_query_param = "limit"
    max_page_size = 100
    ordering = "-id"

    def get_page_size(self, request: Request) -> int:
        """Return the asked page size. Raises ValidationError outside 1 to 100."""
        asked = request.query_params.get("limit")
        if asked is None:
            return self.page_size
        limit = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= LIMIT_DIGITS else 0
        if not 1 <= limit <= self.max_page_size:
            raise ValidationError({"limit": f"The limit is a whole number from 1 to {self.max_page_size}."})
        return limit

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        """Return the view's own order, the newest rows first when it names none."""
        ordering = getattr(view, "cursor_ordering", self.ordering)
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return the rows of the page. Raises NotFound for a cursor that this list never gave."""
        self.model = queryset.model
        return super().paginate_queryset(queryset, request, view)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return where the page begins, None for the first. Raises NotFound for what cannot stand in the column."""
        cursor = super().decode_cursor(request)
        if cursor is None or cursor.position is None:
            return cursor
        # The stubs take it for a number; it is text.
        position: Any = self._read_position(str(cursor.position))
        return cursor._replace(position=position)

    def _read_position(self, text: str) -> str:
        """Return a position as the column's values write themselves. Raises NotFound."""
        try:
            value = getattr(self.model, self.ordering[0].lstrip("-")).field.to_python(text)
            if isinstance(value, datetime):
                if value.tzinfo is None:
                    raise ValueError(text)
                value = value.astimezone(UTC)
        except (FieldError, ValueError, OverflowError):
            raise NotFound(self.invalid_cursor_message) from None
        if value is None or "\x00" in text:
            raise NotFound(self.invalid_cursor_message)
        return str(value)
