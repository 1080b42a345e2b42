"""Django admin, one noun a file; Django imports this package."""

from trades.admin import allocations, clients, compliance, orders, positions, routing, trades, venues

__all__ = ["allocations", "clients", "compliance", "orders", "positions", "routing", "trades", "venues"]
