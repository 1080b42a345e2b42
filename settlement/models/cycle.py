"""Settlement cycles: their outcome, what they could not settle, and what they settled in part."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reference.triggers import append_only
from settlement.core.lifecycle import Reason


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
    partly = models.IntegerField(db_default=0, help_text="Settled in part; the rest waits.")
    linked = models.IntegerField(db_default=0, help_text="Waiting for a linked instruction.")
    deferred = models.IntegerField(
        db_default=0, help_text="Not tried: past the cut-off of its kind, or its currency's calendar is closed."
    )
    partials = models.BooleanField(db_default=False, help_text="Whether the cycle was a partial-settlement window.")
    value_settled = models.BigIntegerField(null=True, help_text="What the decision maximises, as settled.")
    value_bound = models.BigIntegerField(null=True, help_text="No decision could have settled more: a proved bound.")
    credit_drawn_minor = models.JSONField(default=dict, help_text="Currency -> auto-collateralised credit drawn.")
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
                condition=Q(
                    considered=models.F("settled")
                    + models.F("partly")
                    + models.F("lack")
                    + models.F("mony")
                    + models.F("held")
                    + models.F("linked")
                    + models.F("deferred")
                ),
                name="cycle_counts_add_up",
            ),
            models.CheckConstraint(
                condition=Q(value_settled__isnull=True, value_bound__isnull=True)
                | Q(value_settled__gte=0, value_settled__lte=models.F("value_bound")),
                name="cycle_settled_within_bound",
            ),
        ]
        triggers = append_only(table="settlement_cycle")

    def __str__(self) -> str:
        return f"{self.business_date} cycle {self.number}"


class Attempt(models.Model):
    """A cycle that considered an instruction and could not settle it: what was missing, and where."""

    id = models.BigAutoField(primary_key=True)
    instruction = models.ForeignKey(
        "settlement.Instruction", on_delete=models.PROTECT, related_name="attempts", db_constraint=False
    )
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="attempts")
    reason = models.CharField(max_length=4, choices=[(reason, reason.name) for reason in Reason])
    short_account = models.ForeignKey(
        "ledger.Account", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    short_asset = models.ForeignKey(
        "reference.Asset", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    shortfall = models.BigIntegerField(default=0)
    waits_for = models.ForeignKey(
        "settlement.Instruction", null=True, on_delete=models.PROTECT, related_name="+", db_index=False,
        db_constraint=False, help_text="The delivery or payment that would have brought what is missing.",
    )  # fmt: skip

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instruction", "cycle"], name="attempt_once_a_cycle")]
        triggers = append_only(table="settlement_attempt")

    def __str__(self) -> str:
        return f"{self.instruction_id} in cycle {self.cycle_id}: {self.reason}"


class PartialSettlement(models.Model):
    """A part of an instruction that settled in a cycle while the rest stayed pending. Posted as (PARTIAL, id)."""

    id = models.BigAutoField(primary_key=True)
    instruction = models.ForeignKey("settlement.Instruction", on_delete=models.PROTECT, related_name="parts")
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="parts")
    settled_units = models.BigIntegerField()
    settled_minor = models.BigIntegerField(help_text="Signed as the instruction's cash.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instruction", "cycle"], name="partialsettlement_once_a_cycle"),
            models.CheckConstraint(condition=Q(settled_units__gt=0), name="partialsettlement_moves_something"),
        ]
        triggers = append_only(table="settlement_partialsettlement")

    def __str__(self) -> str:
        return f"{self.settled_units} of instruction {self.instruction_id}"
