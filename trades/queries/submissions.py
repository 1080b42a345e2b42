"""One bulk capture."""

from uuid import UUID

from reference.core.actor import Actor
from trades.models import Submission
from trades.queries.visible import submissions_visible_to
from trades.refusals import UnknownSubmission


def get_submission(*, actor: Actor, public_id: UUID | str) -> Submission:
    """Return one submission with its reporter. Raises UnknownSubmission where there is none this actor may see."""
    found = submissions_visible_to(actor=actor).select_related("reporter").filter(public_id=public_id).first()
    if found is None:
        raise UnknownSubmission
    return found
