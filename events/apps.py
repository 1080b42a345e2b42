"""How Django knows this app."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The events app; its README.md says what enters and what leaves."""

    name = "events"
    verbose_name = "Events and audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Write into the audit log who logs in, and every change of logins."""
        from events.login_changes import follow_changes
        from events.logins import follow_logins

        follow_logins()
        follow_changes()
