"""How Django knows this app."""

from django.apps import AppConfig


class FmiConfig(AppConfig):
    """The fmi app; its README.md says what enters and what leaves."""

    name = "fmi"
    verbose_name = "Mini FMI"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make new databases in less than half of the time; send traces where the environment says so."""
        from django.conf import settings

        from fmi.migrating import keep_classes

        keep_classes()
        if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
            from fmi.telemetry.traces import export_traces

            export_traces(version=settings.VERSION)
