"""Wake-up calls of reference data."""

from celery import shared_task

from reference import four_eyes
from reference.queries import business_clock
from reference.quote_services import republish_quotes


@shared_task(name="reference.publish_quotes")
def publish_quotes() -> None:
    """Publish every last quote again: what Valkey missed while it did not answer."""
    republish_quotes()


@shared_task(name="reference.expire_proposals")
def expire_proposals() -> None:
    """End what nobody decided in time."""
    clock = business_clock()
    four_eyes.expire_proposals(at=clock.at, business_date=clock.business_date)
