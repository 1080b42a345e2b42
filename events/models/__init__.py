"""The tables of facts, of those who read them and of the audit log, one noun a file."""

from events.models.audit import AuditRecord
from events.models.inbox import Consumer, DeadLetter, InboxEntry
from events.models.outbox import OutboxFact
from events.models.seal import AuditLeaf, AuditVerification, SealedBatch, UnsealedRecord
from events.models.webhook import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret

__all__ = [
    "AuditLeaf",
    "AuditRecord",
    "AuditVerification",
    "Consumer",
    "DeadLetter",
    "InboxEntry",
    "OutboxFact",
    "SealedBatch",
    "UnsealedRecord",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookSecret",
]
