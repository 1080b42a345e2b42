"""Outages: times in which the operator lets no cycle run."""

import pgtrigger
from django.db import models
from django.db.models import Q

from reference.triggers import immutable_columns, refuse_delete


class Outage(models.Model):
    """A time in which no cycle ran, declared by an operator; it ends once, and then stands for ever.

    Parties' instructions are accepted all the while. Every business day that an outage touches is an outage day:
    its penalties are switched off (as for the T2S outage of 27 and 28 February 2025).
    """

    id = models.BigAutoField(primary_key=True)
    business_date = models.DateField(help_text="The business date on which it began.")
    last_business_date = models.DateField(null=True, help_text="The business date on which it ended.")
    reason = models.CharField(max_length=200)
    began_at = models.DateTimeField(help_text="Business time.")
    ended_at = models.DateTimeField(null=True, help_text="Business time.")
    declared_by = models.CharField(max_length=150)
    ended_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                models.F("ended_at"), name="outage_one_open", condition=Q(ended_at__isnull=True), nulls_distinct=False
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="outage_has_a_reason"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, last_business_date__isnull=True, ended_by="")
                | Q(
                    ended_at__isnull=False,
                    last_business_date__isnull=False,
                    ended_at__gte=models.F("began_at"),
                    last_business_date__gte=models.F("business_date"),
                )
                & ~Q(ended_by=""),
                name="outage_ends_after_it_began",
            ),
        ]
        triggers = [
            *refuse_delete(table="settlement_outage"),
            immutable_columns(
                table="settlement_outage", columns=("business_date", "reason", "began_at", "declared_by")
            ),
            pgtrigger.Trigger(
                name="settlement_outage_ends_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.ended_at IS NOT NULL"),
                func="RAISE EXCEPTION 'an outage that has ended never changes' USING ERRCODE = 'restrict_violation';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.business_date}: {self.reason}"
