"""What members pay in, take out and are called for. Every movement and every payment is a journal entry."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from clearing.core.call_lifecycle import TRANSITIONS, CallKind, CallStatus
from reference.triggers import append_only, immutable_columns, legal_steps, references_checked, refuse_delete


class MovementKind(models.TextChoices):
    """Why collateral moved."""

    DEPOSIT = "DEPOSIT", "Deposited"
    WITHDRAWAL = "WITHDRAWAL", "Withdrawn"
    SUBSTITUTION = "SUBSTITUTION", "Substituted"


# At the end of the transaction, for the entry is posted after the row that causes it.
MOVEMENT_POSTED = """
    IF NOT EXISTS (
        SELECT 1 FROM ledger_journalentry e
        JOIN ledger_posting p ON p.entry_id = e.id AND p.asset_id = NEW.asset_id AND p.amount = NEW.amount
        JOIN clearing_membership m ON m.member_id = NEW.member_id AND p.account_id IN (m.im_cash_id, m.im_securities_id)
        WHERE e.source = 'COLLATERAL' AND e.source_id = NEW.id
    ) THEN
        RAISE EXCEPTION 'collateral movement % has no journal entry', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'collateralmovement_posted';
    END IF;
    IF NEW.kind = 'SUBSTITUTION' AND NEW.replaces_id IS NULL AND NOT EXISTS (
        SELECT 1 FROM clearing_collateralmovement i WHERE i.replaces_id = NEW.id
    ) THEN
        RAISE EXCEPTION 'what leaves by substitution is replaced'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'collateralmovement_replaced';
    END IF;
    RETURN NULL;
"""

# A member's collateral of one segment is in its currency: the cash itself, and the securities that are paid in it.
MOVEMENT_FITS = """
    IF EXISTS (
        SELECT 1 FROM new_rows n LEFT JOIN reference_security s ON s.asset_ptr_id = n.asset_id
        WHERE coalesce(s.currency_id, n.asset_id) <> n.currency_id
    ) THEN
        RAISE EXCEPTION 'collateral is of the currency of its segment'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'collateralmovement_of_its_segment';
    END IF;
    IF EXISTS (
        SELECT 1 FROM new_rows n LEFT JOIN clearing_collateralmovement o ON o.id = n.replaces_id
        WHERE n.replaces_id IS NOT NULL AND (o.id IS NULL OR o.member_id <> n.member_id
            OR o.currency_id <> n.currency_id OR o.kind <> 'SUBSTITUTION' OR o.amount > 0)
    ) THEN
        RAISE EXCEPTION 'a movement replaces one that left by substitution, of the same member and segment'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'collateralmovement_replaces_its_own';
    END IF;
    RETURN NULL;
"""


class CollateralMovement(models.Model):
    """What a member put in (+) or took out (−) of its initial margin collateral, from or to its own house account."""

    id = models.BigAutoField(primary_key=True)
    member = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    currency = models.ForeignKey(
        "reference.Currency", on_delete=models.PROTECT, related_name="+", db_index=False, help_text="The segment."
    )
    asset = models.ForeignKey("reference.Asset", on_delete=models.PROTECT, related_name="+", db_index=False)
    amount = models.BigIntegerField(
        help_text="Positive: into the collateral. Minor units of cash, units of a security."
    )
    kind = models.CharField(max_length=12, choices=MovementKind.choices)
    replaces = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="replacements",
        help_text="What came in by substitution: the movement that left for it.",
    )  # fmt: skip
    ordered_by = models.CharField(max_length=150, help_text="Who ordered it.")
    business_date = models.DateField()
    at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["member", "currency", "business_date"], name="collateralmovement_day")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=MovementKind.values), name="collateralmovement_kind"),
            models.CheckConstraint(
                condition=Q(kind="DEPOSIT", amount__gt=0, replaces__isnull=True)
                | Q(kind="WITHDRAWAL", amount__lt=0, replaces__isnull=True)
                | Q(kind="SUBSTITUTION", amount__lt=0, replaces__isnull=True)
                | Q(kind="SUBSTITUTION", amount__gt=0, replaces__isnull=False),
                name="collateralmovement_direction",
            ),
        ]
        triggers = [
            *append_only(table="clearing_collateralmovement"),
            references_checked(
                table="clearing_collateralmovement", references={"member_id": "clearing_membership.member_id"}
            ),
            pgtrigger.Trigger(
                name="clearing_collateralmovement_fits",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func=MOVEMENT_FITS,
            ),
            pgtrigger.Trigger(
                name="clearing_collateralmovement_posted",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func=MOVEMENT_POSTED,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount:+d} by {self.member_id}"

    @property
    def given(self) -> int:
        """Return what was taken out, as a positive amount; below zero where something came in."""
        return -self.amount


PAID_IS_THE_SUM = """
    IF {paid} <> coalesce((SELECT sum(p.amount_minor) FROM clearing_callpayment p WHERE p.call_id = {call}), 0) THEN
        RAISE EXCEPTION 'margin call %: what it says is paid is not the sum of its payments', {call}
            USING ERRCODE = 'check_violation', CONSTRAINT = 'margincall_paid_is_the_sum';
    END IF;
"""


class MarginCall(models.Model):
    """What the CCP calls a member for in one segment, until when, and how much of it is paid."""

    id = models.BigAutoField(primary_key=True)
    member = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    currency = models.ForeignKey(
        "reference.Currency", on_delete=models.PROTECT, related_name="+", db_index=False, help_text="The segment."
    )
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.title()) for kind in CallKind])
    run = models.ForeignKey("clearing.MarginRun", null=True, on_delete=models.PROTECT, related_name="calls")
    amount_minor = models.BigIntegerField()
    business_date = models.DateField(db_index=True, help_text="When it was called.")
    called_at = models.DateTimeField(help_text="Business time.")
    deadline = models.DateTimeField(help_text="Business time; the member's house cash is debited then.")
    status = models.CharField(
        max_length=9,
        choices=[(state.value, state.title()) for state in CallStatus],
        default=CallStatus.ISSUED.value,
    )
    paid_minor = models.BigIntegerField(default=0)
    paid_at = models.DateTimeField(null=True, help_text="Business time; when it was paid in full.")
    overdue_at = models.DateTimeField(null=True, help_text="Business time; when the deadline passed with it unpaid.")
    withdrawn_at = models.DateTimeField(null=True, help_text="Business time; what was paid until then stays paid.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["deadline"], name="margincall_open", condition=Q(status__in=["ISSUED", "OVERDUE"])),
            models.Index(fields=["member", "currency"], name="margincall_member"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["run", "member", "currency", "kind"], name="margincall_once_a_run"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="margincall_asks_for_something"),
            models.CheckConstraint(
                condition=Q(paid_minor__gte=0, paid_minor__lte=F("amount_minor")), name="margincall_paid_at_most_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=list(CallKind)), name="margincall_kind"),
            models.CheckConstraint(condition=Q(status__in=list(CallStatus)), name="margincall_status"),
            models.CheckConstraint(condition=Q(deadline__gte=F("called_at")), name="margincall_deadline_after_call"),
            models.CheckConstraint(
                condition=Q(status="PAID", paid_minor=F("amount_minor"), paid_at__isnull=False, withdrawn_at=None)
                | Q(status="WITHDRAWN", paid_minor__lt=F("amount_minor"), paid_at=None, withdrawn_at__isnull=False)
                | Q(status="OVERDUE", paid_minor__lt=F("amount_minor"), paid_at=None, withdrawn_at=None,
                    overdue_at__isnull=False)
                | Q(status="ISSUED", paid_minor__lt=F("amount_minor"), paid_at=None, withdrawn_at=None,
                    overdue_at=None),
                name="margincall_is_as_it_says",
            ),
        ]  # fmt: skip
        triggers = [
            *refuse_delete(table="clearing_margincall"),
            legal_steps(table="clearing_margincall", column="status", transitions=TRANSITIONS),
            immutable_columns(
                table="clearing_margincall",
                columns=(
                    "member_id", "currency_id", "kind", "run_id", "amount_minor", "business_date", "called_at",
                    "deadline",
                ),
            ),
            references_checked(table="clearing_margincall", references={"member_id": "clearing_membership.member_id"}),
            pgtrigger.Trigger(
                name="clearing_margincall_born_issued",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.status <> 'ISSUED' OR NEW.paid_minor <> 0"),
                func="RAISE EXCEPTION 'a call begins ISSUED and unpaid' USING ERRCODE = 'check_violation';",
            ),
            pgtrigger.Trigger(
                name="clearing_margincall_paid_is_the_sum",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("paid_minor"),
                timing=pgtrigger.Deferred,
                func=f"""
                    PERFORM 1 FROM clearing_margincall c WHERE c.id = NEW.id AND c.paid_minor <> NEW.paid_minor;
                    IF FOUND THEN RETURN NULL; END IF;
                    {PAID_IS_THE_SUM.format(paid="NEW.paid_minor", call="NEW.id")}
                    RETURN NULL;
                """,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"call {self.pk} on {self.member_id}"

    @property
    def open_minor(self) -> int:
        """Return what is still to be paid; nothing once it is withdrawn."""
        return 0 if self.status == CallStatus.WITHDRAWN else self.amount_minor - self.paid_minor


class CallPayment(models.Model):
    """One payment of a call, in full or in part: the direct debit of the member's house cash."""

    id = models.BigAutoField(primary_key=True)
    call = models.ForeignKey(MarginCall, on_delete=models.PROTECT, related_name="payments")
    amount_minor = models.BigIntegerField()
    business_date = models.DateField()
    at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="callpayment_pays_something"),
        ]
        triggers = [
            *append_only(table="clearing_callpayment"),
            # At the end of the transaction, for the call's own row and the journal entry come with it.
            pgtrigger.Trigger(
                name="clearing_callpayment_posted",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                declare=[("said", "bigint")],
                func=f"""
                    SELECT paid_minor INTO said FROM clearing_margincall WHERE id = NEW.call_id;
                    {PAID_IS_THE_SUM.format(paid="said", call="NEW.call_id")}
                    IF NOT EXISTS (
                        SELECT 1 FROM ledger_journalentry e
                        JOIN ledger_posting p ON p.entry_id = e.id AND p.amount = NEW.amount_minor
                        JOIN clearing_margincall c ON c.id = NEW.call_id AND p.asset_id = c.currency_id
                        WHERE e.source = 'CALL' AND e.source_id = NEW.id
                    ) THEN
                        RAISE EXCEPTION 'payment % of a call has no journal entry', NEW.id
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'callpayment_posted';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} paid of call {self.call_id}"
