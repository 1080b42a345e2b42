"""Wake-up calls of reference data."""

from celery import shared_task
from django.utils import timezone

from reference import four_eyes
from reference.keys.housekeeping import forget_old_sessions, forget_old_tokens, write_last_use
from reference.keys.nonces import forget_old_nonces
from reference.queries import business_clock
from reference.quote_services import republish_quotes
from reference.stored_answers import delete_expired


@shared_task(name="reference.publish_quotes")
def publish_quotes() -> None:
    """Publish every last quote again: what Valkey missed while it did not answer."""
    republish_quotes()


@shared_task(name="reference.expire_proposals")
def expire_proposals() -> None:
    """End what nobody decided in time."""
    clock = business_clock()
    four_eyes.expire_proposals(at=clock.at, business_date=clock.business_date)


@shared_task(name="reference.keep_keys")
def keep_keys() -> None:
    """Write down when API keys were used last; sweep tokens, sessions and nonces that no request can use any more."""
    now = timezone.now()
    write_last_use()
    forget_old_tokens(now=now)
    forget_old_sessions(now=now)
    forget_old_nonces()


@shared_task(name="reference.expire_answers")
def expire_answers() -> None:
    """Forget the answers kept under an Idempotency-Key for longer than a day."""
    delete_expired()
