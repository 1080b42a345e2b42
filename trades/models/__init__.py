"""The tables of trading, one noun a file."""

from trades.core.client_lifecycle import ClientStatus
from trades.models.allocation import Allocation, AllocationLine, AllocationMethod, AllocationShare
from trades.models.client import Client, Trader
from trades.models.compliance import ComplianceAlert, RestrictedEntry, Severity
from trades.models.compliance_rule import ComplianceRule, RuleAction, RuleKind
from trades.models.enrichment import (
    CounterpartyVolume,
    EnrichmentRun,
    EnrichmentSubject,
    OrderEnrichment,
    PriceSource,
    RiskWeights,
    TradeEnrichment,
)
from trades.models.limit_use import CreditUse, DailyUse
from trades.models.order import Order, OrderStep
from trades.models.position import CostChoice, Position, PositionAlert, PositionLimit, PositionRun
from trades.models.routing import ExecutionMark, Fill, OrderSlice, OrderWish, VenueBreaker, VenueQuality
from trades.models.trade import CancellationRequest, Match, MatchRule, RefusedLine, Submission, Trade, UnmatchedTrade
from trades.models.venue import Venue, VenueBook, VenueEvent, VenueExecution, VenueSnapshot

__all__ = [
    "Allocation",
    "AllocationLine",
    "AllocationMethod",
    "AllocationShare",
    "CancellationRequest",
    "Client",
    "ClientStatus",
    "ComplianceAlert",
    "ComplianceRule",
    "CostChoice",
    "CounterpartyVolume",
    "CreditUse",
    "DailyUse",
    "EnrichmentRun",
    "EnrichmentSubject",
    "ExecutionMark",
    "Fill",
    "Match",
    "MatchRule",
    "Order",
    "OrderEnrichment",
    "OrderSlice",
    "OrderStep",
    "OrderWish",
    "Position",
    "PositionAlert",
    "PositionLimit",
    "PositionRun",
    "PriceSource",
    "RefusedLine",
    "RestrictedEntry",
    "RiskWeights",
    "RuleAction",
    "RuleKind",
    "Severity",
    "Submission",
    "Trade",
    "TradeEnrichment",
    "Trader",
    "UnmatchedTrade",
    "Venue",
    "VenueBook",
    "VenueBreaker",
    "VenueEvent",
    "VenueExecution",
    "VenueQuality",
    "VenueSnapshot",
]
