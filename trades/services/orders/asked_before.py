"""Whether an order was changed by this very request already, though nobody was told: its process died before it could.

Cancelling and replacing commit before they are answered, for the venues are asked in between. The audit record of the
change is written with it, and says under which Idempotency-Key it was asked for.
"""

from typing import Any

from events.queries.audit import actions_on
from reference.refusals import IdempotencyKeyReused
from reference.stored_answers import Asked


def told(*, asked: Asked | None) -> dict[str, Any]:
    """Return what the audit record of a change says of its request: nothing without a key."""
    if asked is None:
        return {}
    return {"asked_as": asked.reference, "asked_digest": asked.fingerprint.hex()}


def was_asked(*, order_id: int, action: str, asked: Asked) -> bool:
    """Say whether this was done to the order for this request. Raises IdempotencyKeyReused where it was for another."""
    wanted = told(asked=asked)
    records = actions_on(object_type="order", object_ids=[order_id]).filter(
        action=action, detail__asked_as=wanted["asked_as"]
    )
    digests = {detail["asked_digest"] for detail in records.values_list("detail", flat=True)}
    if digests - {wanted["asked_digest"]}:
        raise IdempotencyKeyReused
    return bool(digests)
