"""How Django knows this app."""

from django.apps import AppConfig


class SettlementConfig(AppConfig):
    """The settlement app; its README.md says what enters and what leaves."""

    name = "settlement"
    verbose_name = "Settlement"
    default_auto_field = "django.db.models.BigAutoField"
