"""The tables of trading, one noun a file."""

from trades.models.client import Client, ClientStatus, Trader
from trades.models.order import Order, OrderStep, OrderType
from trades.models.routing import Fill, OrderSlice, VenueBreaker, VenueQuality
from trades.models.trade import CancellationRequest, Match, MatchRule, RefusedLine, Submission, Trade, UnmatchedTrade
from trades.models.venue import Venue, VenueBook, VenueEvent, VenueExecution

__all__ = [
    "CancellationRequest",
    "Client",
    "ClientStatus",
    "Fill",
    "Match",
    "MatchRule",
    "Order",
    "OrderSlice",
    "OrderStep",
    "OrderType",
    "RefusedLine",
    "Submission",
    "Trade",
    "Trader",
    "UnmatchedTrade",
    "Venue",
    "VenueBook",
    "VenueBreaker",
    "VenueEvent",
    "VenueExecution",
    "VenueQuality",
]
