"""How Django knows this app."""

from django.apps import AppConfig


class ClearingConfig(AppConfig):
    """The clearing app; its README.md says what enters and what leaves."""

    name = "clearing"
    verbose_name = "Clearing"
    default_auto_field = "django.db.models.BigAutoField"
