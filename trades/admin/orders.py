"""Orders and their steps in Django's admin: for inspection."""

from django.contrib import admin

from reference.admin_pages import FactAdmin
from trades.models import CreditUse, DailyUse, Order, OrderStep


@admin.register(Order)
class OrderAdmin(FactAdmin):
    """Orders."""

    list_display = ["client_order_id", "status", "client", "side", "security", "quantity_units", "filled_units",
                    "order_type", "limit_price", "time_in_force", "received_at"]  # fmt: skip
    list_filter = ["status", "side", "order_type", "time_in_force"]
    list_select_related = ["client", "security"]
    search_fields = ["client_order_id__exact", "public_id__exact"]


@admin.register(OrderStep)
class OrderStepAdmin(FactAdmin):
    """Steps of orders."""

    list_display = ["order", "status", "at", "note", "actor"]
    list_filter = ["status"]
    list_select_related = ["order"]


@admin.register(CreditUse)
class CreditUseAdmin(FactAdmin):
    """What clients hold of their credit limits."""

    list_display = ["client", "used_minor", "limit_minor"]
    list_select_related = ["client"]


@admin.register(DailyUse)
class DailyUseAdmin(FactAdmin):
    """What clients have ordered on a day."""

    list_display = ["client", "business_date", "ordered_minor", "replaced_minor", "limit_minor"]
    list_filter = ["business_date"]
    list_select_related = ["client"]
