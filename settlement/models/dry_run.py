"""Dry runs: what is pending, settled on paper under each model of delivery versus payment."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reference.triggers import immutable_columns, refuse_delete

DRY_RUN_STATES = [("RUNNING", "Running"), ("DONE", "Done"), ("FAILED", "Failed")]


class DryRun(models.Model):
    """One comparison of the models over what was pending at a moment. It writes nothing to the books."""

    id = models.BigAutoField(primary_key=True)
    business_date = models.DateField()
    at = models.DateTimeField(help_text="Business time.")
    by = models.CharField(max_length=150)
    state = models.CharField(max_length=7, choices=DRY_RUN_STATES, default="RUNNING")
    progress_percent = models.SmallIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True, help_text="Why it failed.")
    result = models.JSONField(default=dict, help_text="The outcome under each model.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="RUNNING", problem="")
                | Q(state="DONE", progress_percent=100, problem="")
                | Q(state="FAILED") & ~Q(problem=""),
                name="dryrun_state",
            ),
            models.CheckConstraint(
                condition=Q(progress_percent__gte=0, progress_percent__lte=100), name="dryrun_progress"
            ),
        ]
        triggers = [
            *refuse_delete(table="settlement_dryrun"),
            immutable_columns(table="settlement_dryrun", columns=("business_date", "at", "by")),
            pgtrigger.Trigger(
                name="settlement_dryrun_ends_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.state <> 'RUNNING'"),
                func="RAISE EXCEPTION 'a dry run that has ended never changes' USING ERRCODE = 'restrict_violation';",
            ),
        ]

    def __str__(self) -> str:
        return f"dry run {self.pk} of {self.business_date}"
