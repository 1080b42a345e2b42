"""When a venue takes orders. Pure."""

from datetime import date, datetime, time

from reference.core.calendar import BUSINESS_ZONE


def is_open(*, opens_at: time, closes_at: time, at: datetime, on: date) -> bool:
    """Say whether a moment lies within a venue's hours on a business date; at its closing it is closed."""
    local = at.astimezone(BUSINESS_ZONE)
    return local.date() == on and opens_at <= local.time() < closes_at
