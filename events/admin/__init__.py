"""Django admin, one noun a file; Django imports this package."""

from events.admin import audit, outbox, webhook

__all__ = ["audit", "outbox", "webhook"]
