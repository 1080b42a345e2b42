"""Positions, their limits and alerts in Django's admin: for inspection."""

from django.contrib import admin

from reference.admin_pages import FactAdmin
from trades.models import CostChoice, Position, PositionAlert, PositionLimit, PositionRun


@admin.register(PositionRun)
class PositionRunAdmin(FactAdmin):
    """Closes."""

    list_display = ["business_date", "at", "moves", "positions", "recorded_at"]


@admin.register(Position)
class PositionAdmin(FactAdmin):
    """Positions at a close."""

    list_display = ["run", "account", "security", "method", "quantity_units", "cost_minor", "realised_minor",
                    "unrealised_minor", "fees_minor"]  # fmt: skip
    list_filter = ["method"]
    list_select_related = ["run", "account", "security"]


@admin.register(CostChoice)
class CostChoiceAdmin(FactAdmin):
    """Costing chosen."""

    list_display = ["participant", "method", "changed_by", "changed_at"]
    list_select_related = ["participant"]


@admin.register(PositionLimit)
class PositionLimitAdmin(FactAdmin):
    """Limits."""

    list_display = ["id", "participant", "account", "security", "largest_units", "volume_percent", "active", "set_by"]
    list_filter = ["active"]
    list_select_related = ["participant", "account", "security"]


@admin.register(PositionAlert)
class PositionAlertAdmin(FactAdmin):
    """Alerts."""

    list_display = ["id", "business_date", "participant", "account", "security", "quantity_units", "limit_units",
                    "acknowledged_by"]  # fmt: skip
    list_select_related = ["participant", "account", "security"]
