"""Settlement instructions, matched, and the links between them."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reference.triggers import immutable_columns, legal_steps, references_checked, refuse_delete
from settlement.core.lifecycle import TRANSITIONS, InstructionStatus, Reason


class InstructionSource(models.TextChoices):
    """Where an instruction comes from."""

    OBLIGATION = "OBLIGATION", "From clearing"
    DIRECT = "DIRECT", "Entered directly"
    PENALTY = "PENALTY", "Penalty payment"
    CORPORATE = "CORPORATE", "Corporate action"
    BUY_IN = "BUY_IN", "Buy-in"


class Instruction(models.Model):
    """A matched pair of settlement instructions: securities one way, cash the other, both or neither.

    What moves, between whom and when it is due never changes. A part may settle before the rest where both
    parties allow it: the status stays PENDING until the whole has settled (T2S: PSET is a pending instruction
    of which a part has settled).
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True)
    source = models.CharField(max_length=10, choices=InstructionSource.choices)
    source_id = models.BigIntegerField(null=True, help_text="The obligation, for an instruction from clearing.")
    reference = models.CharField(max_length=35, blank=True, help_text="The instructing party's own reference.")
    instructed_by = models.ForeignKey(
        "reference.Participant", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    deliverer_account = models.ForeignKey(
        "ledger.Account", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    receiver_account = models.ForeignKey(
        "ledger.Account", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    security = models.ForeignKey(
        "reference.Security", null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    quantity_units = models.BigIntegerField(help_text="Zero: a payment only.")
    currency = models.ForeignKey(
        "reference.Currency", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    cash_minor = models.BigIntegerField(
        help_text="What the receiver pays the deliverer; negative: the deliverer pays; zero: free of payment."
    )
    intended_date = models.DateField()
    priority = models.SmallIntegerField(default=4, help_text="1 reserved, 2 top, 3 high, 4 normal.")
    held_by_deliverer = models.BooleanField(default=False)
    held_by_receiver = models.BooleanField(default=False)
    status = models.CharField(max_length=9, choices=[(state, state.title()) for state in InstructionStatus])
    reason = models.CharField(max_length=4, blank=True, choices=[(reason, reason.name) for reason in Reason])
    shortfall = models.BigIntegerField(default=0, help_text="What was missing in the last cycle, in units or minor.")
    settled_units = models.BigIntegerField(db_default=0, help_text="How much of the quantity has settled.")
    settled_minor = models.BigIntegerField(db_default=0, help_text="How much of the cash has settled.")
    partial_allowed = models.BooleanField(db_default=False, help_text="Both parties allow partial settlement.")
    partial_minimum_units = models.BigIntegerField(db_default=0, help_text="The least part that may settle.")
    cancel_wanted_by_deliverer = models.BooleanField(db_default=False)
    cancel_wanted_by_receiver = models.BooleanField(db_default=False)
    cycle = models.ForeignKey(
        "settlement.Cycle", null=True, on_delete=models.PROTECT, related_name="settled_instructions", db_index=False
    )
    created_at = models.DateTimeField(help_text="Business time.")
    settled_at = models.DateTimeField(null=True, help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        indexes = [
            models.Index(fields=["intended_date", "id"], name="instruction_intended_date"),
            # However old, what is pending is found: fails from clearing are recycled until they settle.
            models.Index(fields=["intended_date"], name="instruction_pending", condition=Q(status="PENDING")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["source", "source_id"], name="instruction_source_once"),
            models.UniqueConstraint(
                fields=["instructed_by", "reference"],
                condition=Q(source="DIRECT"),
                name="instruction_reference_once",
            ),
            models.CheckConstraint(
                condition=~Q(deliverer_account=models.F("receiver_account")), name="instruction_two_accounts"
            ),
            models.CheckConstraint(
                condition=Q(quantity_units__gte=0) & (Q(quantity_units__gt=0) | ~Q(cash_minor=0)),
                name="instruction_moves_something",
            ),
            models.CheckConstraint(
                condition=Q(quantity_units=0) | Q(security__isnull=False), name="instruction_names_its_security"
            ),
            models.CheckConstraint(
                condition=Q(settled_units__gte=0, settled_units__lte=models.F("quantity_units")),
                name="instruction_settled_units_within",
            ),
            models.CheckConstraint(
                condition=Q(settled_minor__gte=0, settled_minor__lte=models.F("cash_minor"))
                | Q(settled_minor__lte=0, settled_minor__gte=models.F("cash_minor")),
                name="instruction_settled_minor_within",
            ),
            models.CheckConstraint(
                condition=Q(
                    status="SETTLED", settled_units=models.F("quantity_units"), settled_minor=models.F("cash_minor")
                )
                | (
                    ~Q(status="SETTLED")
                    & ~Q(settled_units=models.F("quantity_units"), settled_minor=models.F("cash_minor"))
                ),
                name="instruction_settled_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(partial_allowed=False, partial_minimum_units=0)
                | Q(partial_allowed=True, partial_minimum_units__gte=0, quantity_units__gt=0),
                name="instruction_partial_terms",
            ),
            models.CheckConstraint(
                condition=Q(partial_minimum_units__lte=models.F("quantity_units")),
                name="instruction_partial_minimum_within",
            ),
            models.CheckConstraint(
                condition=Q(settled_units=0, settled_minor=0) | Q(status="SETTLED") | Q(partial_allowed=True),
                name="instruction_parts_were_allowed",
            ),
            models.CheckConstraint(condition=Q(status__in=list(InstructionStatus)), name="instruction_status"),
            models.CheckConstraint(condition=Q(priority__gte=1, priority__lte=4), name="instruction_priority"),
            models.CheckConstraint(
                condition=(
                    Q(status="SETTLED", cycle__isnull=False, settled_at__isnull=False)
                    | (~Q(status="SETTLED") & Q(cycle__isnull=True, settled_at__isnull=True))
                ),
                name="instruction_settled_in_a_cycle",
            ),
        ]
        triggers = [
            *refuse_delete(table="settlement_instruction"),
            legal_steps(table="settlement_instruction", column="status", transitions=TRANSITIONS),
            immutable_columns(
                table="settlement_instruction",
                columns=(
                    "public_id", "source", "source_id", "reference", "instructed_by_id", "deliverer_account_id",
                    "receiver_account_id", "security_id", "quantity_units", "currency_id", "cash_minor",
                    "intended_date", "created_at",
                ),
            ),
            references_checked(
                table="settlement_instruction",
                references={
                    "deliverer_account_id": "ledger_account",
                    "receiver_account_id": "ledger_account",
                    "security_id": "reference_security.asset_ptr_id",
                    "currency_id": "reference_currency.asset_ptr_id",
                },
            ),
            pgtrigger.Trigger(
                name="settlement_instruction_settled_only_grows",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("settled_units", "settled_minor"),
                condition=pgtrigger.Condition(
                    "NEW.settled_units < OLD.settled_units OR abs(NEW.settled_minor) < abs(OLD.settled_minor)"
                ),
                func="RAISE EXCEPTION 'what has settled stays settled' USING ERRCODE = 'restrict_violation';",
            ),
            pgtrigger.Trigger(
                name="settlement_instruction_born_pending",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition(
                    "NEW.status <> 'PENDING' OR NEW.settled_units <> 0 OR NEW.settled_minor <> 0"
                ),
                func="RAISE EXCEPTION 'an instruction begins PENDING' USING ERRCODE = 'check_violation';",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"instruction {self.pk}"


class LinkKind(models.TextChoices):
    """How two instructions hang together (T2S: WITH, AFTE; BEFO is AFTE seen from the other one)."""

    WITH = "WITH", "Settle together or not at all"
    AFTER = "AFTER", "Settles only once the other has, or with it"


LINKS_NEVER_CIRCLE = """
    IF EXISTS (
        WITH RECURSIVE ahead AS (
            SELECT n.other_id AS id, n.instruction_id AS start FROM new_rows n WHERE n.kind = 'AFTER'
            UNION
            SELECT l.other_id, ahead.start FROM ahead JOIN settlement_instructionlink l ON l.instruction_id = ahead.id
            WHERE l.kind = 'AFTER' AND l.removed_at IS NULL
        )
        SELECT 1 FROM ahead WHERE id = start
    ) THEN
        RAISE EXCEPTION 'instructions would wait for each other'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'instructionlink_never_circles';
    END IF;
    RETURN NULL;
"""


class InstructionLink(models.Model):
    """A link between two instructions: both or neither, or one only once the other has settled.

    A link is removed by an amendment, never deleted.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=5, choices=LinkKind.choices)
    instruction = models.ForeignKey(Instruction, on_delete=models.PROTECT, related_name="links")
    other = models.ForeignKey(Instruction, on_delete=models.PROTECT, related_name="links_from")
    created_at = models.DateTimeField(help_text="Business time.")
    removed_at = models.DateTimeField(null=True, help_text="Business time.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=LinkKind.values), name="instructionlink_kind"),
            models.CheckConstraint(
                condition=Q(kind="AFTER") & ~Q(instruction=models.F("other"))
                | Q(kind="WITH", instruction__lt=models.F("other")),
                name="instructionlink_two_instructions",
            ),
            models.UniqueConstraint(
                fields=["kind", "instruction", "other"],
                condition=Q(removed_at__isnull=True),
                name="instructionlink_once",
            ),
        ]
        triggers = [
            *refuse_delete(table="settlement_instructionlink"),
            immutable_columns(
                table="settlement_instructionlink", columns=("kind", "instruction_id", "other_id", "created_at")
            ),
            pgtrigger.Trigger(
                name="settlement_instructionlink_never_circles",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func=LINKS_NEVER_CIRCLE,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instruction_id} {self.kind} {self.other_id}"
