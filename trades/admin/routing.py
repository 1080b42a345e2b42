"""What the router has not finished with, in Django's admin: for inspection."""

from django.contrib import admin

from reference.admin_pages import FactAdmin
from trades.models import ExecutionMark, OrderWish


@admin.register(OrderWish)
class OrderWishAdmin(FactAdmin):
    """Cancellations and replacements that are being carried out."""

    list_display = ["order", "kind", "quantity_units", "limit_price", "actor", "wished_at"]
    list_select_related = ["order"]


@admin.register(ExecutionMark)
class ExecutionMarkAdmin(FactAdmin):
    """Marks of the executions that are recorded."""

    list_display = ["book", "number"]
    list_select_related = ["book"]
