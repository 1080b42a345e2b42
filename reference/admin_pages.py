"""What the admin of large tables stands on: facts are shown, never changed, and never counted."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

from reference.access import actor_of
from reference.audit import record_action, telling_itself
from reference.queries import business_moment

COUNTED_PAGES = 10
# Their values are secrets, even as hashes.
UNTOLD = frozenset({"password"})


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


class AuditedAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows that an operator changes here: every addition, change and deletion is in the audit log, before and after."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and remember what stood before for the record that `log_change` writes in the same transaction."""
        standing = self.get_queryset(request).filter(pk=obj.pk).first() if change else None
        before = {} if standing is None else {
            name: values_of(getattr(standing, name)) for name in form.changed_data if hasattr(standing, name)
        }  # fmt: skip
        with telling_itself():
            super().save_model(request, obj, form, change)
        request.changed_before = before  # type: ignore[attr-defined]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save what a row has many of, which `log_addition` and `log_change` tell as the rest."""
        with telling_itself():
            super().save_related(request, form, formsets, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record an addition."""
        self._record(request=request, obj=obj, verb="add", detail={"after": self._row_values(obj)})
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record a change; one without a form's fields is of a secret, such as a password."""
        before = getattr(request, "changed_before", None)
        if before is None:
            detail: dict[str, Any] = {"changed": "a secret, which is not told"}
        else:
            detail = {
                name: "changed" if name in UNTOLD else {"before": value, "after": values_of(getattr(obj, name))}
                for name, value in before.items()
            }
        if detail:
            self._record(request=request, obj=obj, verb="change", detail=detail)
        return super().log_change(request, obj, message)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete one row, and record what it was."""
        with transaction.atomic(), telling_itself():
            self._record(request=request, obj=obj, verb="delete", detail={"before": self._row_values(obj)})
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete chosen rows, and record what each was."""
        with transaction.atomic(), telling_itself():
            for obj in queryset:
                self._record(request=request, obj=obj, verb="delete", detail={"before": self._row_values(obj)})
            super().delete_queryset(request, queryset)

    def _record(self, *, request: HttpRequest, obj: Any, verb: str, detail: dict[str, Any]) -> None:
        """Write the record."""
        at, business_date = business_moment(now=timezone.now())
        noun = str(self.opts.model_name)
        record_action(
            actor=actor_of(request), action=f"{noun}.{verb}", at=at, business_date=business_date,
            object_type=noun[:24], object_id=obj.pk if isinstance(obj.pk, int) else 0,
            summary=f"{str(self.opts.verbose_name).capitalize()} {obj}: {verb} in the admin", detail=detail,
        )  # fmt: skip

    def _row_values(self, obj: Any) -> dict[str, Any]:
        """Return a row's own columns, and the keys of what it has many of; secrets left out."""
        return {
            field.attname: values_of(getattr(obj, field.attname))
            for field in (*self.opts.concrete_fields, *self.opts.many_to_many)
            if field.name not in UNTOLD
        }


def values_of(value: Any) -> Any:
    """Return a field's value as JSON holds it; of a relation to many, the keys."""
    if isinstance(value, models.Manager):
        return sorted(value.values_list("pk", flat=True))
    if isinstance(value, models.Model):
        return value.pk
    return value if value is None or isinstance(value, bool | int | str) else str(value)
