"""The business clock: time is data."""

from django.db import models
from django.db.models import Q


class BusinessClock(models.Model):
    """The one row that says which business day and time it is."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    business_date = models.DateField()
    at = models.DateTimeField(help_text="Business time now")
    ticked_at = models.DateTimeField(null=True, blank=True, help_text="Wall time of the last tick")
    seconds_per_day = models.IntegerField(default=60, help_text="Wall seconds that one business day takes")
    running = models.BooleanField(default=False)

    class Meta:
        """One row, and a day takes some time."""

        verbose_name_plural = "business clock"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="businessclock_single_row"),
            models.CheckConstraint(condition=Q(seconds_per_day__gte=1), name="businessclock_day_takes_time"),
        ]

    def __str__(self) -> str:
        """The business date and time."""
        return f"{self.business_date} {self.at:%H:%M}"
