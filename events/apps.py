"""How Django knows this app."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The events app; its README.md says what enters and what leaves."""

    name = "events"
    verbose_name = "Events and audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Write each login into the audit log."""
        from events.services.logins import follow_logins

        follow_logins()
