"""How Django knows this app."""

from django.apps import AppConfig


class FmiConfig(AppConfig):
    """The fmi app; its README.md says what enters and what leaves."""

    name = "fmi"
    verbose_name = "Mini FMI"
    default_auto_field = "django.db.models.BigAutoField"
