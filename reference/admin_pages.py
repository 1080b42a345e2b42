"""What the admin of large tables stands on: facts are shown, never changed, and never counted."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

COUNTED_PAGES = 10


class UncountedPaginator(Paginator):  # type: ignore[type-arg]  # not generic when it runs
    """Pages without a count of all rows: only as many are counted as the pages that are offered."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most those of the first COUNTED_PAGES pages."""
        rows = self.object_list
        limit = self.per_page * COUNTED_PAGES
        if not isinstance(rows, QuerySet):
            return min(len(rows), limit)
        return len(rows.order_by().values_list("pk", flat=True)[:limit])


class FactAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows that are written by services only; the database would refuse what the admin offered."""

    paginator = UncountedPaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ["-pk"]
    actions = None
    # Sorting by a column without an index would read the whole table.
    sortable_by: tuple[str, ...] = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no addition."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no deletion."""
        return False
