"""The CSD: its business day, its settlement cycles and the instructions they settle."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reference.triggers import append_only, immutable_columns, legal_steps, references_checked, refuse_delete
from settlement.core.lifecycle import TRANSITIONS, InstructionStatus, Reason


class StepAction(models.TextChoices):
    """What a step of the business day does; the flow map says which services that is."""

    OPEN = "OPEN", "Open the business day"
    NET = "NET", "Net the cleared trades"
    CYCLE = "CYCLE", "Run a settlement cycle"
    CLOSE = "CLOSE", "End of day"


class ScheduledStep(models.Model):
    """One step of every business day's schedule: the day as data."""

    code = models.CharField(max_length=24, primary_key=True)
    name = models.CharField(max_length=80)
    phase = models.CharField(max_length=40, help_text="The phase of the day that begins with this step.")
    action = models.CharField(max_length=8, choices=StepAction.choices)
    day_offset = models.SmallIntegerField(default=0, help_text="-1: on the evening before the business date.")
    time_of_day = models.TimeField(help_text="Central European time.")
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["day_offset", "time_of_day"]
        constraints = [
            models.UniqueConstraint(fields=["day_offset", "time_of_day"], name="scheduledstep_one_at_a_time"),
            models.CheckConstraint(condition=Q(action__in=StepAction.values), name="scheduledstep_action"),
            models.CheckConstraint(condition=Q(day_offset__in=[-1, 0]), name="scheduledstep_day_offset"),
        ]

    def __str__(self) -> str:
        return self.name


class BusinessDay(models.Model):
    """A business day that was opened, and closed at its end."""

    business_date = models.DateField(primary_key=True)
    opened_at = models.DateTimeField(help_text="Business time.")
    closed_at = models.DateTimeField(null=True, help_text="Business time.")
    report = models.JSONField(default=dict, help_text="The day in figures, written at its end.")

    class Meta:
        ordering = ["-business_date"]
        constraints = [
            models.UniqueConstraint(
                models.F("closed_at"),
                name="businessday_one_open",
                condition=Q(closed_at__isnull=True),
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.business_date.isoformat()


class DayStep(models.Model):
    """A step of one business day: the schedule against what happened."""

    id = models.BigAutoField(primary_key=True)
    business_day = models.ForeignKey(BusinessDay, on_delete=models.PROTECT, related_name="steps")
    step = models.ForeignKey(ScheduledStep, on_delete=models.PROTECT, related_name="+")
    planned_at = models.DateTimeField(help_text="Business time.")
    done_at = models.DateTimeField(null=True, help_text="Wall-clock time.")
    took_ms = models.IntegerField(null=True)

    class Meta:
        ordering = ["planned_at"]
        constraints = [models.UniqueConstraint(fields=["business_day", "step"], name="daystep_once")]

    def __str__(self) -> str:
        return f"{self.business_day_id} {self.step_id}"


class Cycle(models.Model):
    """One settlement cycle: one decision over all that was due, and its outcome."""

    id = models.BigAutoField(primary_key=True)
    business_date = models.DateField()
    number = models.IntegerField(help_text="1 is the first cycle of the business date.")
    name = models.CharField(max_length=80)
    ran_at = models.DateTimeField(help_text="Business time.")
    considered = models.IntegerField()
    settled = models.IntegerField()
    lack = models.IntegerField(default=0)
    mony = models.IntegerField(default=0)
    held = models.IntegerField(default=0)
    considered_minor = models.JSONField(default=dict, help_text="Currency -> value of all that was due.")
    settled_minor = models.JSONField(default=dict, help_text="Currency -> value that settled.")
    decided_in_ms = models.IntegerField()
    took_ms = models.IntegerField()
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["business_date", "number"], name="cycle_number_once"),
            models.CheckConstraint(
                condition=Q(considered=models.F("settled") + models.F("lack") + models.F("mony") + models.F("held")),
                name="cycle_counts_add_up",
            ),
        ]
        triggers = append_only(table="settlement_cycle")

    def __str__(self) -> str:
        return f"{self.business_date} cycle {self.number}"


class InstructionSource(models.TextChoices):
    """Where an instruction comes from."""

    OBLIGATION = "OBLIGATION", "From clearing"
    DIRECT = "DIRECT", "Entered directly"


class Instruction(models.Model):
    """A matched pair of settlement instructions: securities one way, cash the other, both or neither.

    Only status, reason, shortfall, holds and the settling cycle ever change.
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
        "reference.Security", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
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
    cycle = models.ForeignKey(
        Cycle, null=True, on_delete=models.PROTECT, related_name="settled_instructions", db_index=False
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
                name="settlement_instruction_born_pending",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.status <> 'PENDING'"),
                func="RAISE EXCEPTION 'an instruction begins PENDING' USING ERRCODE = 'check_violation';",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"instruction {self.pk}"


class Attempt(models.Model):
    """A cycle that considered an instruction and could not settle it: what was missing, and where."""

    id = models.BigAutoField(primary_key=True)
    instruction = models.ForeignKey(Instruction, on_delete=models.PROTECT, related_name="attempts", db_constraint=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="attempts")
    reason = models.CharField(max_length=4, choices=[(reason, reason.name) for reason in Reason])
    short_account = models.ForeignKey(
        "ledger.Account", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    short_asset = models.ForeignKey(
        "reference.Asset", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    shortfall = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instruction", "cycle"], name="attempt_once_a_cycle")]
        triggers = append_only(table="settlement_attempt")

    def __str__(self) -> str:
        return f"{self.instruction_id} in cycle {self.cycle_id}: {self.reason}"
