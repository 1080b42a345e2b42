"""Allocations in Django's admin: for inspection."""

from django.contrib import admin

from reference.admin_pages import FactAdmin
from trades.models import Allocation, AllocationLine, AllocationShare


@admin.register(Allocation)
class AllocationAdmin(FactAdmin):
    """Allocations of blocks."""

    list_display = ["public_id", "status", "participant", "account", "side", "security", "method", "quantity_units",
                    "amount_minor", "trade_date", "settlement_date", "instructed_at"]  # fmt: skip
    list_filter = ["status", "method", "side"]
    list_select_related = ["participant", "account", "security"]
    search_fields = ["public_id__exact"]


@admin.register(AllocationLine)
class AllocationLineAdmin(FactAdmin):
    """What was told for each account."""

    list_display = ["allocation", "account", "told"]
    list_select_related = ["allocation", "account"]


@admin.register(AllocationShare)
class AllocationShareAdmin(FactAdmin):
    """What each account got."""

    list_display = ["allocation", "account", "quantity_units", "amount_minor", "fee_minor"]
    list_select_related = ["allocation", "account"]
