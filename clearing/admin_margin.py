"""Margin in Django's admin: parameters and proxies are entered here, runs are for inspection."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from clearing.models import MarginParameters, MarginRun, PortfolioMargin, PriceProxy, RefusedMarginRun
from reference.admin import KeptAdmin
from reference.admin_pages import FactAdmin


@admin.register(MarginParameters)
class MarginParametersAdmin(KeptAdmin):
    """The choices about risk; a new choice is a new row with its first day."""

    list_display = ["valid_from", "why", "method", "measure", "confidence", "lookback_days", "mpor_days",
                    "procyclicality"]  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Offer no change: runs were made with it."""
        return False


@admin.register(PriceProxy)
class PriceProxyAdmin(KeptAdmin):
    """Whose moves stand in for a short price history."""

    list_display = ["security", "proxy", "scale_percent", "reason"]
    list_select_related = ["security", "proxy"]


@admin.register(MarginRun)
class MarginRunAdmin(FactAdmin):
    """Margin runs."""

    list_display = ["id", "kind", "business_date", "at", "priced_on", "portfolios"]
    list_filter = ["kind"]


@admin.register(RefusedMarginRun)
class RefusedMarginRunAdmin(FactAdmin):
    """Margin runs that were refused."""

    list_display = ["id", "kind", "business_date", "at", "code", "message"]
    list_filter = ["kind", "code"]


@admin.register(PortfolioMargin)
class PortfolioMarginAdmin(FactAdmin):
    """What portfolios were margined for."""

    list_display = ["id", "run", "account", "member", "currency", "worth_minor", "variation_minor", "variation_by",
                    "requirement_minor"]  # fmt: skip
    list_filter = ["variation_by"]
    list_select_related = ["run", "account", "member", "currency"]
