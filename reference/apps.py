"""The reference app: what every other floor looks up."""

from django.apps import AppConfig


class ReferenceConfig(AppConfig):
    """Participants, securities, currencies, calendars, prices and the business clock."""

    name = "reference"
    verbose_name = "Reference data"
    default_auto_field = "django.db.models.BigAutoField"
