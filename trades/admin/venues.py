"""Venues, their books and what was sent there in Django's admin: for inspection."""

from django.contrib import admin

from reference.admin_pages import FactAdmin
from trades.models import (
    Fill,
    OrderSlice,
    Venue,
    VenueBook,
    VenueBreaker,
    VenueEvent,
    VenueExecution,
    VenueQuality,
    VenueSnapshot,
)


@admin.register(Venue)
class VenueAdmin(FactAdmin):
    """Trading venues."""

    list_display = ["mic", "name", "market_maker", "opens_at", "closes_at", "maker_ppm", "taker_ppm", "success_ppm",
                    "active"]  # fmt: skip
    list_select_related = ["market_maker"]


@admin.register(VenueBook)
class VenueBookAdmin(FactAdmin):
    """Order books."""

    list_display = ["venue", "security", "tick", "event_number", "execution_number"]
    list_select_related = ["venue", "security"]


@admin.register(VenueEvent)
class VenueEventAdmin(FactAdmin):
    """What a book took."""

    list_display = ["book", "number", "kind", "time_us", "order_id", "side", "quantity_units", "price_ticks"]
    list_filter = ["kind"]


@admin.register(VenueExecution)
class VenueExecutionAdmin(FactAdmin):
    """The venues' tape."""

    list_display = ["book", "number", "at", "price_ticks", "quantity_units", "maker_order_id", "taker_order_id"]


@admin.register(OrderSlice)
class OrderSliceAdmin(FactAdmin):
    """Parts of orders at venues."""

    list_display = ["id", "order", "venue", "status", "quantity_units", "filled_units", "attempts", "due_at"]
    list_filter = ["status", "venue"]
    list_select_related = ["order", "venue"]


@admin.register(Fill)
class FillAdmin(FactAdmin):
    """Executions of orders."""

    list_display = ["execution_id", "order", "venue", "quantity_units", "price", "fee_minor", "at"]
    list_filter = ["venue"]
    list_select_related = ["order", "venue"]
    search_fields = ["execution_id__exact"]


@admin.register(VenueBreaker)
class VenueBreakerAdmin(FactAdmin):
    """Circuit breakers."""

    list_display = ["venue", "status", "failures", "since"]
    list_select_related = ["venue"]


@admin.register(VenueQuality)
class VenueQualityAdmin(FactAdmin):
    """Execution quality by venue and security."""

    list_display = ["venue", "security", "fill_ratio", "improvement_bp", "latency_ms", "observations"]
    list_select_related = ["venue", "security"]


@admin.register(VenueSnapshot)
class VenueSnapshotAdmin(FactAdmin):
    """What of a book stands over the end of a session."""

    list_display = ["book", "event_number", "execution_number", "time_us"]
    list_select_related = ["book"]
