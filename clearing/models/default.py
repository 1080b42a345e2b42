"""Default management: the case, what was done in it, its hedges and its calls on the survivors; drills."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from clearing.core.default_lifecycle import CASE_TRANSITIONS, CaseStatus
from reference.triggers import append_only, immutable_columns, legal_steps, refuse_delete

# Who declares is a second person, and says so once.
DECLARED_ONCE = """
    RAISE EXCEPTION 'a default is declared once' USING ERRCODE = 'check_violation',
        CONSTRAINT = 'defaultcase_declared_once';
"""

# What the layers bear is what it costs, and no layer bears anything before those above it are used up.
ALLOCATED_IN_ORDER = """
    IF EXISTS (
        SELECT 1 FROM (
            SELECT currency_id, greatest(sum(amount_minor), 0) AS lost FROM clearing_casemovement
            WHERE case_id = NEW.id AND kind IN ('VARIATION', 'PRICE', 'HEDGE') GROUP BY currency_id
        ) m
        FULL JOIN (
            SELECT currency_id, sum(used_minor) AS borne FROM clearing_waterfalluse
            WHERE case_id = NEW.id GROUP BY currency_id
        ) u USING (currency_id)
        WHERE coalesce(m.lost, 0) <> coalesce(u.borne, 0)
    ) THEN
        RAISE EXCEPTION 'default case %: what the layers bear is not what it lost', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'defaultcase_losses_borne';
    END IF;
    IF EXISTS (
        SELECT 1 FROM clearing_waterfalluse above
        JOIN clearing_waterfalluse below USING (case_id, currency_id)
        WHERE case_id = NEW.id AND above.layer < below.layer
          AND above.used_minor < above.available_minor AND below.used_minor > 0
    ) THEN
        RAISE EXCEPTION 'default case %: a layer bears losses before those above it are used up', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'defaultcase_order_respected';
    END IF;
    RETURN NULL;
"""


class DefaultCase(models.Model):
    """The default of one clearing member: proposed by one person, declared by another, worked off step by step."""

    id = models.BigAutoField(primary_key=True)
    member = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="default_cases")
    reason = models.CharField(max_length=400)
    status = models.CharField(
        max_length=11,
        choices=[(state.value, state.title()) for state in CaseStatus],
        default=CaseStatus.PROPOSED.value,
    )
    juniorise = models.BooleanField(
        help_text="Contributions of members that bid poorly or not at all are used before the others'."
    )
    assessment_percent = models.IntegerField(help_text="Cap of each survivor's assessment, of its contribution.")
    proposed_by = models.CharField(max_length=150)
    proposed_at = models.DateTimeField(help_text="Business time.")
    declared_by = models.CharField(max_length=150, blank=True)
    declared_at = models.DateTimeField(null=True, help_text="Business time.")
    margin_run = models.ForeignKey(
        "clearing.MarginRun", null=True, on_delete=models.PROTECT, related_name="+",
        help_text="The last run in which it still paid and received variation margin.",
    )  # fmt: skip
    closed_at = models.DateTimeField(null=True, help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["member"], condition=~Q(status__in=["WITHDRAWN", "CLOSED"]), name="defaultcase_one_a_member"
            ),
            models.CheckConstraint(condition=Q(status__in=list(CaseStatus)), name="defaultcase_status"),
            models.CheckConstraint(condition=~Q(proposed_by=F("declared_by")), name="defaultcase_four_eyes"),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(proposed_by=""), name="defaultcase_said_why_by_whom"),
            models.CheckConstraint(
                condition=Q(assessment_percent__gte=0, assessment_percent__lte=1000), name="defaultcase_cap"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["PROPOSED", "WITHDRAWN"], declared_by="", declared_at=None)
                | Q(declared_at__isnull=False) & ~Q(status__in=["PROPOSED", "WITHDRAWN"]) & ~Q(declared_by=""),
                name="defaultcase_declared_by_someone",
            ),
            models.CheckConstraint(
                condition=Q(status="CLOSED", closed_at__isnull=False) | ~Q(status="CLOSED") & Q(closed_at=None),
                name="defaultcase_closed_at",
            ),
        ]
        triggers = [
            *refuse_delete(table="clearing_defaultcase"),
            legal_steps(table="clearing_defaultcase", column="status", transitions=CASE_TRANSITIONS),
            immutable_columns(
                table="clearing_defaultcase",
                columns=("member_id", "reason", "juniorise", "assessment_percent", "proposed_by", "proposed_at"),
            ),
            pgtrigger.Trigger(
                name="clearing_defaultcase_born_proposed",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.status <> 'PROPOSED'"),
                func="RAISE EXCEPTION 'a default case begins PROPOSED' USING ERRCODE = 'check_violation';",
            ),
            pgtrigger.Trigger(
                name="clearing_defaultcase_declared_once",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("declared_by", "declared_at", "margin_run_id"),
                condition=pgtrigger.Condition(
                    "OLD.declared_at IS NOT NULL AND (OLD.declared_by, OLD.declared_at)"
                    " IS DISTINCT FROM (NEW.declared_by, NEW.declared_at)"
                    " OR OLD.margin_run_id IS NOT NULL AND OLD.margin_run_id IS DISTINCT FROM NEW.margin_run_id"
                ),
                func=DECLARED_ONCE,
            ),
            pgtrigger.Trigger(
                name="clearing_defaultcase_allocated_in_order",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("status"),
                condition=pgtrigger.Condition("OLD.status <> NEW.status AND NEW.status = 'ALLOCATED'"),
                func=ALLOCATED_IN_ORDER,
            ),
        ]

    def __str__(self) -> str:
        return f"default of {self.member_id}, {self.status}"


class CaseStep(models.Model):
    """One thing that was done in a case, by whom and what came of it."""

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey(DefaultCase, on_delete=models.PROTECT, related_name="steps")
    action = models.CharField(max_length=20)
    status = models.CharField(max_length=11, help_text="Where the case stood afterwards.")
    summary = models.CharField(max_length=400)
    done_by = models.CharField(max_length=150)
    at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=list(CaseStatus)), name="casestep_status"),
            models.CheckConstraint(condition=~Q(done_by="") & ~Q(summary=""), name="casestep_says_what_by_whom"),
        ]
        triggers = append_only(table="clearing_casestep")

    def __str__(self) -> str:
        return f"{self.action} in case {self.case_id}"


class CaseHedge(models.Model):
    """A hedge that the CCP took for a defaulter's positions, and what it cost all in all; paid with the losses."""

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey(DefaultCase, on_delete=models.PROTECT, related_name="hedges")
    counterparty = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+")
    quantity_units = models.BigIntegerField(help_text="Positive: bought; negative: sold.")
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    cost_minor = models.BigIntegerField(help_text="Its result: positive, it cost so much; negative, it brought it.")
    entered_by = models.CharField(max_length=150)
    at = models.DateTimeField(help_text="Business time.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(quantity_units=0), name="casehedge_of_something"),
        ]
        triggers = append_only(table="clearing_casehedge")

    def __str__(self) -> str:
        return f"hedge of {self.quantity_units:+d} in case {self.case_id}"


class CaseCall(models.Model):
    """A call that a default concerns: what the defaulter did not pay, an assessment of a survivor, a refill."""

    id = models.BigAutoField(primary_key=True)
    case = models.ForeignKey(DefaultCase, on_delete=models.PROTECT, related_name="calls")
    call = models.OneToOneField("clearing.MarginCall", on_delete=models.PROTECT, related_name="default_call")

    class Meta:
        triggers = append_only(table="clearing_casecall")

    def __str__(self) -> str:
        return f"call {self.call_id} in case {self.case_id}"


class DefaultDrill(models.Model):
    """A default that was played through and rolled back: only what came of it is kept."""

    id = models.BigAutoField(primary_key=True)
    member = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    inputs = models.JSONField(help_text="What the drill assumed.")
    outcome = models.JSONField(help_text="Each step, and the waterfall.")
    played_by = models.CharField(max_length=150)
    at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        triggers = append_only(table="clearing_defaultdrill")

    def __str__(self) -> str:
        return f"drill of {self.member_id}"
