"""The outbox and the audit log in Django's admin: for inspection."""

from django.contrib import admin

from events.models import AuditRecord, OutboxFact
from reference.admin_pages import FactAdmin


@admin.register(OutboxFact)
class OutboxFactAdmin(FactAdmin):
    """Facts, delivered or waiting."""

    list_display = ["id", "name", "version", "payload", "recorded_at", "delivered_at"]
    list_filter = [("delivered_at", admin.EmptyFieldListFilter)]
    search_fields = ["name__exact"]


@admin.register(AuditRecord)
class AuditRecordAdmin(FactAdmin):
    """Who did what, when and to what."""

    list_display = ["at", "actor", "role", "participant", "action", "object_type", "object_id", "summary"]
    list_select_related = ["participant"]
    search_fields = ["actor__exact", "action__startswith", "object_type__exact"]
