"""Changes that one person proposes and another decides: the four-eyes principle."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.core.proposal_lifecycle import PROPOSAL_TRANSITIONS, ProposalStatus
from reference.triggers import immutable_columns, legal_steps, refuse_delete

# By an approval's name a change is carried out, so who decided, when and why stays as it was written.
DECIDED_ONCE = """
    RAISE EXCEPTION 'a decided proposal never changes' USING ERRCODE = 'check_violation',
        CONSTRAINT = 'reference_proposal_decided_once';
"""


class Proposal(models.Model):
    """A change of one subject that waits for a second person. What carries it out is named by its kind."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True)
    kind = models.CharField(max_length=32, help_text="What would be done, such as client-limits.")
    subject_type = models.CharField(max_length=24)
    subject_id = models.BigIntegerField()
    subject = models.CharField(max_length=40, help_text="The subject's code, as people know it.")
    participant = models.ForeignKey(
        "reference.Participant", null=True, on_delete=models.PROTECT, related_name="+",
        help_text="Whose subject it is; its logins see the proposal and may decide it. Empty: operators alone.",
    )  # fmt: skip
    summary = models.CharField(max_length=200)
    before = models.JSONField(help_text="What stands, of what would change.")
    after = models.JSONField(help_text="The same names, with what is proposed.")
    proposed_by = models.CharField(max_length=150)
    proposed_at = models.DateTimeField(help_text="Business time.")
    expires_at = models.DateTimeField(help_text="Business time.")
    status = models.CharField(
        max_length=9,
        choices=[(state.value, state.title()) for state in ProposalStatus],
        default=ProposalStatus.PROPOSED.value,
    )
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, help_text="Business time.")
    reason = models.CharField(max_length=400, blank=True, help_text="Why it was decided so.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=list(ProposalStatus)), name="proposal_status"),
            models.UniqueConstraint(
                fields=["kind", "subject_type", "subject_id"], condition=Q(status="PROPOSED"),
                name="proposal_one_open",
            ),
            # Two persons decide a change; only who proposed it withdraws it; nobody lets it expire.
            models.CheckConstraint(
                condition=Q(status__in=["PROPOSED", "EXPIRED"], decided_by="")
                | Q(status="WITHDRAWN", decided_by=F("proposed_by"))
                | (Q(status__in=["APPROVED", "REJECTED"]) & ~Q(decided_by="") & ~Q(decided_by=F("proposed_by"))),
                name="proposal_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(status="PROPOSED", decided_at__isnull=True)
                | Q(status="EXPIRED", decided_at__gte=F("expires_at"))
                | Q(status__in=["APPROVED", "REJECTED", "WITHDRAWN"], decided_at__lt=F("expires_at")),
                name="proposal_decided_in_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="REJECTED") | ~Q(reason=""), name="proposal_rejection_has_a_reason"
            ),
            models.CheckConstraint(
                condition=~Q(proposed_by="") & Q(expires_at__gt=F("proposed_at")), name="proposal_by_someone"
            ),
            models.CheckConstraint(condition=~Q(before=F("after")), name="proposal_changes_something"),
        ]  # fmt: skip
        indexes = [models.Index(fields=["subject_type", "subject_id", "id"], name="proposal_subject")]
        triggers = [
            *refuse_delete(table="reference_proposal"),
            legal_steps(table="reference_proposal", column="status", transitions=PROPOSAL_TRANSITIONS),
            immutable_columns(
                table="reference_proposal",
                columns=(
                    "public_id", "kind", "subject_type", "subject_id", "subject", "participant_id", "summary",
                    "before", "after", "proposed_by", "proposed_at", "expires_at",
                ),
            ),
            pgtrigger.Trigger(
                name="reference_proposal_born_proposed",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.status <> 'PROPOSED'"),
                func="RAISE EXCEPTION 'a proposal begins PROPOSED' USING ERRCODE = 'check_violation';",
            ),
            pgtrigger.Trigger(
                name="reference_proposal_decided_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.status <> 'PROPOSED'"),
                func=DECIDED_ONCE,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} of {self.subject}, {self.status}"
