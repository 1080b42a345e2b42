"""Addresses of events and of the audit log in the API."""

from django.urls import path

from events.api import audit, events, stream, webhooks

urlpatterns = [
    path("events", events.EventList.as_view(), name="api-events"),
    path("events/stream", stream.EventStream.as_view(), name="api-event-stream"),
    path("events/schemas", events.EventSchemaList.as_view(), name="api-event-schemas"),
    path("events/schemas/<str:name>/<int:version>", events.EventSchemaDetail.as_view(), name="api-event-schema"),
    path("webhooks", webhooks.WebhookList.as_view(), name="api-webhooks"),
    path("webhooks/<uuid:public_id>", webhooks.WebhookDetail.as_view(), name="api-webhook"),
    path("webhooks/<uuid:public_id>/rotate-secret", webhooks.WebhookRotate.as_view(), name="api-webhook-rotate"),
    path("webhooks/<uuid:public_id>/test", webhooks.WebhookTest.as_view(), name="api-webhook-test"),
    path("webhooks/<uuid:public_id>/redeliver", webhooks.WebhookRedeliver.as_view(), name="api-webhook-redeliver"),
    path("webhooks/<uuid:public_id>/deliveries", webhooks.DeliveryList.as_view(), name="api-webhook-deliveries"),
    path(
        "webhooks/<uuid:public_id>/deliveries/<uuid:delivery_id>",
        webhooks.DeliveryDetail.as_view(),
        name="api-webhook-delivery",
    ),
    path(
        "webhooks/<uuid:public_id>/deliveries/<uuid:delivery_id>/redeliver",
        webhooks.DeliveryRedeliver.as_view(),
        name="api-webhook-delivery-redeliver",
    ),
    path("audit", audit.AuditList.as_view(), name="api-audit"),
    path("audit/seals", audit.AuditSealList.as_view(), name="api-audit-seals"),
    path("audit/<int:pk>", audit.AuditDetail.as_view(), name="api-audit-record"),
    path("audit/<int:pk>/proof", audit.AuditProof.as_view(), name="api-audit-proof"),
]
