"""The reference app: what every other floor looks up."""

from django.apps import AppConfig
from django.conf import settings

from reference.rate_limits import read_limits


class ReferenceConfig(AppConfig):
    """Participants, securities, currencies, calendars, prices and the business clock."""

    name = "reference"
    verbose_name = "Reference data"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Refuse to start with limits that cannot be read. Raises ImproperlyConfigured."""
        read_limits(text=settings.RATE_LIMITS)
