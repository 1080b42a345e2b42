"""Submissions, trades and matches in Django's admin: for inspection."""

from django.contrib import admin

from reference.admin_pages import FactAdmin
from trades.models import CancellationRequest, Match, RefusedLine, Submission, Trade, UnmatchedTrade


@admin.register(Submission)
class SubmissionAdmin(FactAdmin):
    """Bulk captures."""

    list_display = ["public_id", "reporter", "submitted_by", "source", "received_at", "lines", "accepted",
                    "repeated", "refused", "problem"]  # fmt: skip
    list_select_related = ["reporter"]
    search_fields = ["public_id__exact", "source__startswith"]


@admin.register(RefusedLine)
class RefusedLineAdmin(FactAdmin):
    """Lines that were not taken."""

    list_display = ["submission", "line", "code", "pointer", "message"]
    list_select_related = ["submission"]
    search_fields = ["code__exact"]


@admin.register(Trade)
class TradeAdmin(FactAdmin):
    """Trade reports."""

    list_display = ["trade_id", "status", "side", "reporter", "buyer", "seller", "security", "quantity_units",
                    "price", "currency", "trade_date", "settlement_date", "cleared"]  # fmt: skip
    list_filter = ["status", "side", "cleared"]
    list_select_related = ["reporter", "buyer", "seller", "security", "currency"]
    search_fields = ["trade_id__exact", "public_id__exact"]
    raw_id_fields = ["submission"]


@admin.register(UnmatchedTrade)
class UnmatchedTradeAdmin(FactAdmin):
    """Trades that wait for their other side."""

    list_display = ["trade", "checked", "alleged_at", "near_miss", "difference"]
    list_filter = ["checked", ("alleged_at", admin.EmptyFieldListFilter)]
    list_select_related = ["trade", "near_miss"]


@admin.register(Match)
class MatchAdmin(FactAdmin):
    """Two reports that are one trade."""

    list_display = ["id", "rule", "buy_trade", "sell_trade", "security", "quantity_units", "amount_minor",
                    "settlement_date", "cleared", "matched_at"]  # fmt: skip
    list_filter = ["rule", "cleared"]
    list_select_related = ["buy_trade", "sell_trade", "security"]


@admin.register(CancellationRequest)
class CancellationRequestAdmin(FactAdmin):
    """Wishes to cancel a matched trade."""

    list_display = ["match", "participant", "reason", "requested_at"]
    list_select_related = ["match", "participant"]
