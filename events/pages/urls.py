"""Addresses of the pages of events and of the audit log."""

from django.urls import URLPattern, path

from events.pages import audit, events, webhooks

urlpatterns: list[URLPattern] = [
    path("events/", events.events, name="events"),
    path("events/dead-letters/", events.dead_letters, name="dead-letters"),
    path("events/dead-letters/replay/", events.replay, name="dead-letters-replay"),
    path("events/schemas/", events.schemas, name="event-schemas"),
    path("events/schemas/<str:name>/<int:version>/", events.schema, name="event-schema"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/new/", webhooks.new_webhook, name="webhook-new"),
    path("webhooks/<uuid:public_id>/", webhooks.webhook, name="webhook"),
    path("webhooks/<uuid:public_id>/deliveries/<uuid:delivery_id>/", webhooks.delivery, name="webhook-delivery"),
    path("webhooks/<uuid:public_id>/<slug:step>/", webhooks.change, name="webhook-change"),
    path("audit/", audit.audit, name="audit"),
    path("audit/seals/", audit.audit_seals, name="audit-seals"),
    path("audit/<int:pk>/", audit.record, name="audit-record"),
    path("audit/<int:pk>/proof/", audit.proof, name="audit-proof"),
]
