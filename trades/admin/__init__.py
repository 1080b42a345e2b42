"""Django admin, one noun a file; Django imports this package."""

from trades.admin import orders, trades, venues

__all__ = ["orders", "trades", "venues"]
