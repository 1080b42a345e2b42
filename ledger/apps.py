"""How Django knows this app."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """The ledger app; its README.md says what enters and what leaves."""

    name = "ledger"
    verbose_name = "Ledger"
    default_auto_field = "django.db.models.BigAutoField"
