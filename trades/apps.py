"""How Django knows this app."""

from django.apps import AppConfig


class TradesConfig(AppConfig):
    """The trades app; its README.md says what enters and what leaves."""

    name = "trades"
    verbose_name = "Trades"
    default_auto_field = "django.db.models.BigAutoField"
