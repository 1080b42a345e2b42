"""The CSD's business day: its schedule as data, and how each day went."""

from django.db import models
from django.db.models import Q


class StepAction(models.TextChoices):
    """What a step of the business day does; the flow map says which services that is."""

    OPEN = "OPEN", "Open the business day"
    NET = "NET", "Net the cleared trades"
    CYCLE = "CYCLE", "Run a settlement cycle"
    REIMBURSE = "REIMBURSE", "Reimburse auto-collateralised credit"
    PENALISE = "PENALISE", "Charge cash penalties"
    CLOSE = "CLOSE", "End of day"


class Movements(models.TextChoices):
    """Which kinds of movement a cycle settles; after its cut-off a kind waits for the next business day."""

    ALL = "ALL", "Everything"
    FREE = "FREE", "Free of payment only"
    PAYMENT = "PAYMENT", "Payments only"
    CORPORATE = "CORPORATE", "Corporate actions only"


# What real-time settlement settles when it does not run.
NOTHING = "NONE"
REAL_TIME_CHOICES = [(NOTHING, "Nothing, cycles only"), *Movements.choices]


class ScheduledStep(models.Model):
    """One step of every business day's schedule: the day as data."""

    code = models.CharField(max_length=24, primary_key=True)
    name = models.CharField(max_length=80)
    phase = models.CharField(max_length=40, help_text="The phase of the day that begins with this step.")
    action = models.CharField(max_length=9, choices=StepAction.choices)
    day_offset = models.SmallIntegerField(default=0, help_text="-1: on the evening before the business date.")
    time_of_day = models.TimeField(help_text="Central European time.")
    partials = models.BooleanField(default=False, help_text="A cycle of this step may settle instructions in part.")
    movements = models.CharField(
        max_length=12,
        choices=Movements.choices,
        default=Movements.ALL,
        help_text="What a cycle of this step may settle: a cut-off per kind of movement.",
    )
    window_minutes = models.PositiveSmallIntegerField(
        default=0, help_text="How long real-time settlement too may settle in part from this step on."
    )
    real_time = models.CharField(
        max_length=12,
        choices=REAL_TIME_CHOICES,
        default=NOTHING,
        help_text="What is settled at once, between cycles, from this step until the next.",
    )
    active = models.BooleanField(default=True)
    shipped = models.JSONField(
        default=dict, editable=False, help_text="The row as the product brought it; where it differs, it was changed."
    )

    class Meta:
        ordering = ["day_offset", "time_of_day"]
        constraints = [
            models.UniqueConstraint(
                fields=["day_offset", "time_of_day"], condition=Q(active=True), name="scheduledstep_one_at_a_time"
            ),
            models.CheckConstraint(condition=Q(action__in=StepAction.values), name="scheduledstep_action"),
            models.CheckConstraint(condition=Q(day_offset__in=[-1, 0]), name="scheduledstep_day_offset"),
            models.CheckConstraint(condition=Q(movements__in=Movements.values), name="scheduledstep_movements"),
            models.CheckConstraint(
                condition=Q(real_time__in=[NOTHING, *Movements.values]), name="scheduledstep_real_time"
            ),
            models.CheckConstraint(
                condition=Q(window_minutes=0) | Q(partials=True, window_minutes__lte=1440),
                name="scheduledstep_window_is_for_partials",
            ),
            models.CheckConstraint(condition=Q(partials=False) | Q(action="CYCLE"), name="scheduledstep_cycles_part"),
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
    note = models.CharField(
        max_length=120, blank=True, db_default="", help_text="Why the step did not do what it is for."
    )

    class Meta:
        ordering = ["planned_at"]
        constraints = [models.UniqueConstraint(fields=["business_day", "step"], name="daystep_once")]

    def __str__(self) -> str:
        return f"{self.business_day_id} {self.step_id}"
