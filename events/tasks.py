"""Wake-up calls: each drains whatever is due, so a lost, doubled or late one changes nothing."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from events.services.consume import consume_all
from events.services.prune import prune_deliveries, prune_inbox
from events.services.publish import publish_facts
from events.services.seal import seal_records
from events.services.send_webhooks import send_due
from events.services.verify import signing_key, trusted_keys, verify_and_keep


@shared_task(name="events.publish", expires=5)
def publish() -> None:
    """Publish the facts that may be told, and let the product's own consumers handle them."""
    publish_facts()
    consume_all(now=timezone.now())


@shared_task(name="events.send_webhooks", expires=5)
def send_webhooks() -> None:
    """Send the webhooks that are due."""
    send_due(now=timezone.now())


@shared_task(name="events.prune", expires=3_600)
def prune() -> None:
    """Delete the bookkeeping of deliveries that is old by now."""
    before = timezone.now() - timedelta(days=settings.EVENT_LOG_DAYS)
    prune_deliveries(before=before)
    prune_inbox(before=before)


@shared_task(name="events.seal", expires=10)
def seal() -> None:
    """Seal what waits of the audit log."""
    seal_records(key=signing_key(), heads=settings.AUDIT_HEADS, now=timezone.now())


@shared_task(name="events.verify_audit")
def verify_audit() -> None:
    """Hold the whole audit log against its seals, and keep what is found."""
    verify_and_keep(keys=trusted_keys(), heads=settings.AUDIT_HEADS)
