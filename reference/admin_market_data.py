"""Market data in Django's admin: facts, shown and never changed."""

from django.contrib import admin

from reference.admin_pages import FactAdmin
from reference.models import ExchangeRate, Quote


@admin.register(Quote)
class QuoteAdmin(FactAdmin):
    """Quotes: facts."""

    list_display = ["security", "at", "bid", "ask", "last", "bid_units", "ask_units", "last_units", "source"]
    list_select_related = ["security"]
    search_fields = ["security__code", "security__symbol"]


@admin.register(ExchangeRate)
class ExchangeRateAdmin(FactAdmin):
    """Exchange rates: facts."""

    list_display = ["currency", "date", "value", "source"]
    list_select_related = ["currency"]
