"""One bulk capture."""

from uuid import UUID

from django.db.models import Count

from reference.core.actor import Actor
from trades.models import RefusedLine, Submission
from trades.queries.visible import submissions_visible_to
from trades.refusals.reports import UnknownSubmission


def refusals_by_code(*, submission: Submission) -> list[tuple[str, int]]:
    """Return for which reasons lines were refused and how often, the most frequent first."""
    rows = RefusedLine.objects.filter(submission=submission).order_by().values_list("code").annotate(n=Count("pk"))
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def get_submission(*, actor: Actor, public_id: UUID | str) -> Submission:
    """Return one submission with its reporter. Raises UnknownSubmission where there is none this actor may see."""
    found = submissions_visible_to(actor=actor).select_related("reporter").filter(public_id=public_id).first()
    if found is None:
        raise UnknownSubmission
    return found
