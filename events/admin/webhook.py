"""Webhooks in Django's admin: for inspection."""

from django.contrib import admin

from events.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret
from reference.admin_pages import FactAdmin


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(FactAdmin):
    """Where events are sent; they are changed on their own pages, which keep the log."""

    list_display = ["public_id", "url", "participant", "owner", "enabled", "failures", "opened_until"]
    list_select_related = ["participant", "owner"]
    list_filter = ["enabled", "disabled_because"]


@admin.register(WebhookSecret)
class WebhookSecretAdmin(FactAdmin):
    """When which secret signs; not the secrets."""

    list_display = ["id", "endpoint", "created_at", "ends_at"]
    exclude = ["secret"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(FactAdmin):
    """What was sent to whom."""

    list_display = ["public_id", "endpoint", "event", "state", "attempts", "next_attempt_at", "ended_at"]
    list_select_related = ["endpoint", "event"]
    list_filter = ["state"]


@admin.register(WebhookAttempt)
class WebhookAttemptAdmin(FactAdmin):
    """What came of each attempt."""

    list_display = ["at", "delivery", "status", "duration_ms", "error"]
    list_select_related = ["delivery"]
    list_filter = ["status"]
