"""An operator's order to move the business day while its clock stands."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reference.triggers import immutable_columns, refuse_delete


class DayOrder(models.Model):
    """An order to do the steps of the day up to one of them; whoever moves the clock carries it out.

    How far it has come is told by the steps themselves, so a page that is loaded again, or a worker that takes
    over from one that was killed, goes on where it stands.
    """

    id = models.BigAutoField(primary_key=True)
    business_date = models.DateField()
    step = models.ForeignKey(
        "settlement.ScheduledStep", on_delete=models.PROTECT, related_name="+", help_text="The last step to do."
    )
    ordered_by = models.CharField(max_length=150)
    ordered_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")
    ended_at = models.DateTimeField(null=True, help_text="Wall-clock time.")
    problem = models.CharField(max_length=400, blank=True, db_default="", help_text="Why it was given up.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                models.F("ended_at"), name="dayorder_one_open", condition=Q(ended_at__isnull=True), nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(problem="") | Q(ended_at__isnull=False), name="dayorder_problem_ends_it"
            ),
        ]
        triggers = [
            *refuse_delete(table="settlement_dayorder"),
            immutable_columns(
                table="settlement_dayorder", columns=("business_date", "step_id", "ordered_by", "ordered_at")
            ),
            pgtrigger.Trigger(
                name="settlement_dayorder_ends_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.ended_at IS NOT NULL"),
                func="RAISE EXCEPTION 'an order that has ended never changes' USING ERRCODE = 'restrict_violation';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.business_date} {self.step_id}"
