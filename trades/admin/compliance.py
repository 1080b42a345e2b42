"""Enrichment and compliance in Django's admin: for inspection."""

from django.contrib import admin

from reference.admin_pages import FactAdmin
from trades.models import (
    ComplianceAlert,
    ComplianceRule,
    CounterpartyVolume,
    EnrichmentRun,
    OrderEnrichment,
    RestrictedEntry,
    RiskWeights,
    TradeEnrichment,
)


@admin.register(ComplianceRule)
class ComplianceRuleAdmin(FactAdmin):
    """Rules; they change by proposal."""

    list_display = ["code", "name", "kind", "action", "active", "valid_from"]
    list_filter = ["kind", "action", "active"]


@admin.register(ComplianceAlert)
class ComplianceAlertAdmin(FactAdmin):
    """Alerts."""

    list_display = ["id", "severity", "status", "rule", "participant", "security", "words", "at"]
    list_filter = ["status", "severity"]
    list_select_related = ["rule", "participant", "security"]


@admin.register(RestrictedEntry)
class RestrictedEntryAdmin(FactAdmin):
    """The restricted list."""

    list_display = ["security", "participant", "reason", "valid_from", "valid_to", "entered_by"]
    list_select_related = ["security", "participant"]


@admin.register(RiskWeights)
class RiskWeightsAdmin(FactAdmin):
    """Weights of the risk score."""

    list_display = ["valid_from", "why", "size_points", "deviation_points", "liquidity_points"]


@admin.register(TradeEnrichment)
class TradeEnrichmentAdmin(FactAdmin):
    """Enrichments of trades."""

    list_display = ["trade_id", "price_source", "mid", "deviation_bp", "notional_base_minor", "risk_score"]
    list_filter = ["price_source"]


@admin.register(OrderEnrichment)
class OrderEnrichmentAdmin(FactAdmin):
    """Enrichments of orders."""

    list_display = ["order_id", "price_source", "mid", "deviation_bp", "notional_base_minor", "risk_score"]
    list_filter = ["price_source"]


@admin.register(CounterpartyVolume)
class CounterpartyVolumeAdmin(FactAdmin):
    """What participants traded with one another."""

    list_display = ["business_date", "participant", "counterparty", "notional_base_minor"]
    list_select_related = ["participant", "counterparty"]


@admin.register(EnrichmentRun)
class EnrichmentRunAdmin(FactAdmin):
    """Drains of what had no enrichment."""

    list_display = ["id", "subject", "at", "enriched", "alerts", "floor_id", "seen_id"]
    list_filter = ["subject"]
