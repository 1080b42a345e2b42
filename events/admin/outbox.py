"""The outbox, its readers and what they could not handle, in Django's admin: for inspection."""

from django.contrib import admin

from events.models import Consumer, DeadLetter, OutboxFact
from reference.admin_pages import FactAdmin


@admin.register(OutboxFact)
class OutboxFactAdmin(FactAdmin):
    """Facts, delivered or waiting, published or not."""

    list_display = [
        "id",
        "position",
        "name",
        "version",
        "key",
        "payload",
        "recorded_at",
        "delivered_at",
        "published_at",
    ]
    list_filter = [("delivered_at", admin.EmptyFieldListFilter), ("published_at", admin.EmptyFieldListFilter)]
    search_fields = ["name__exact", "key__exact"]


@admin.register(Consumer)
class ConsumerAdmin(FactAdmin):
    """How far each reader has come."""

    list_display = ["name", "position", "moved_at", "first_seen_at"]


@admin.register(DeadLetter)
class DeadLetterAdmin(FactAdmin):
    """What readers could not handle."""

    list_display = ["id", "consumer", "event", "attempts", "reason", "dead_at", "replayed_at"]
    list_select_related = ["event"]
    list_filter = [("replayed_at", admin.EmptyFieldListFilter)]
    search_fields = ["consumer__name__exact"]
