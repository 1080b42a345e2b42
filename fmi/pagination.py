"""How the API's lists are cut into pages."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


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
        if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:6]) <= self.max_page_size):
            raise ValidationError({"limit": f"The limit is a whole number from 1 to {self.max_page_size}."})
        return int(asked)

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        """Return the view's own order, the newest rows first when it names none."""
        ordering = getattr(view, "cursor_ordering", self.ordering)
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)
