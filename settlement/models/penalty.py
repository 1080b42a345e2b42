"""CSDR cash penalties: the rates, each day's run, and the netted payments of a month."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reference.triggers import append_only
from settlement.core.lifecycle import Reason
from settlement.core.penalties import PenaltyCategory, PenaltyKind, Side


class PenaltyRate(models.Model):
    """A rate of the annex of Delegated Regulation (EU) 2017/389, valid until the next one of its category.

    The rate for a fail of cash is the central bank's overnight credit rate of the currency, a day of 360.
    """

    id = models.BigAutoField(primary_key=True)
    category = models.CharField(max_length=15, choices=[(row, row) for row in PenaltyCategory])
    currency = models.ForeignKey("reference.Currency", null=True, on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateField()
    bp_per_day = models.DecimalField(max_digits=12, decimal_places=8)

    class Meta:
        ordering = ["category", "currency", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["category", "currency", "valid_from"], name="penaltyrate_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(category__in=list(PenaltyCategory)), name="penaltyrate_category"),
            models.CheckConstraint(
                condition=Q(category="CASH", currency__isnull=False) | (~Q(category="CASH") & Q(currency__isnull=True)),
                name="penaltyrate_only_cash_has_a_currency",
            ),
            models.CheckConstraint(
                condition=Q(bp_per_day__gte=0, bp_per_day__lte=10_000), name="penaltyrate_between_nothing_and_all"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} from {self.valid_from}: {self.bp_per_day} bp"


class PenaltyRun(models.Model):
    """The penalties of one business day as computed once; a corrected day has a later version, which counts."""

    id = models.BigAutoField(primary_key=True)
    business_date = models.DateField()
    version = models.IntegerField()
    switched_off = models.BooleanField(help_text="An outage day: nothing is charged.")
    missing = models.JSONField(default=list, help_text="What had no price or no rate, so that it was not charged.")
    why = models.CharField(max_length=200, blank=True, help_text="Why the day was computed anew.")
    at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["business_date", "version"], name="penaltyrun_version_once"),
            models.CheckConstraint(
                condition=Q(version=1, why="") | (Q(version__gt=1) & ~Q(why="")), name="penaltyrun_corrections_say_why"
            ),
        ]
        triggers = append_only(table="settlement_penaltyrun")

    def __str__(self) -> str:
        return f"{self.business_date} version {self.version}"


class Penalty(models.Model):
    """One day's penalty of one failing party for one instruction."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(PenaltyRun, on_delete=models.PROTECT, related_name="penalties")
    kind = models.CharField(max_length=4, choices=[(kind.value, kind.value) for kind in PenaltyKind])
    fail_date = models.DateField(help_text="The business day penalised; for a late match one of the days before it.")
    instruction = models.ForeignKey("settlement.Instruction", on_delete=models.PROTECT, related_name="penalties")
    side = models.CharField(max_length=9, choices=[(side, side.title()) for side in Side])
    failing = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    suffering = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=4, blank=True, choices=[(reason, reason.name) for reason in Reason])
    category = models.CharField(max_length=15, choices=[(row, row) for row in PenaltyCategory])
    quantity_units = models.BigIntegerField(help_text="What had not settled.")
    price = models.DecimalField(max_digits=18, decimal_places=6, help_text="The reference price of the day.")
    bp_per_day = models.DecimalField(max_digits=12, decimal_places=8)
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "instruction", "side", "kind", "fail_date"], name="penalty_once"),
            models.CheckConstraint(condition=~Q(failing=models.F("suffering")), name="penalty_two_parties"),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=0, quantity_units__gt=0, price__gt=0, bp_per_day__gte=0),
                name="penalty_not_negative",
            ),
            models.CheckConstraint(condition=Q(kind__in=list(PenaltyKind)), name="penalty_kind"),
            models.CheckConstraint(condition=Q(category__in=list(PenaltyCategory)), name="penalty_category"),
            models.CheckConstraint(
                condition=Q(kind="SEFP") & ~Q(reason="") | Q(kind="LMFP", reason=""), name="penalty_reason_of_a_fail"
            ),
        ]
        triggers = [
            *append_only(table="settlement_penalty"),
            pgtrigger.Trigger(
                name="settlement_penalty_not_on_an_outage_day",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func="""
                    IF EXISTS (SELECT 1 FROM settlement_penaltyrun r WHERE r.switched_off
                               AND r.id IN (SELECT DISTINCT run_id FROM new_rows)) THEN
                        RAISE EXCEPTION 'nothing is charged for an outage day'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'penalty_not_on_an_outage_day';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.fail_date} instruction {self.instruction_id}: {self.amount_minor}"


class PenaltyPayment(models.Model):
    """What one participant owes another of a month's penalties, netted. Paid by an instruction from it."""

    id = models.BigAutoField(primary_key=True)
    month = models.DateField(help_text="The first day of the month penalised.")
    payer = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    payee = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField()
    payable_minor = models.BigIntegerField(help_text="The payer's own penalties, before netting.")
    receivable_minor = models.BigIntegerField(help_text="The payee's penalties towards the payer, before netting.")
    business_date = models.DateField(help_text="The day on which it was instructed.")
    at = models.DateTimeField(help_text="Business time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["month", "payer", "payee", "currency"], name="penaltypayment_once_a_month"),
            models.CheckConstraint(condition=~Q(payer=models.F("payee")), name="penaltypayment_two_parties"),
            models.CheckConstraint(
                condition=Q(
                    amount_minor__gt=0,
                    receivable_minor__gte=0,
                    payable_minor=models.F("amount_minor") + models.F("receivable_minor"),
                ),
                name="penaltypayment_is_the_net",
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="penaltypayment_month_begins"),
            models.CheckConstraint(condition=Q(business_date__gt=models.F("month")), name="penaltypayment_later"),
        ]
        triggers = append_only(table="settlement_penaltypayment")

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.payer_id} pays {self.payee_id} {self.amount_minor}"
