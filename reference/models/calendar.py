"""Calendars and their holidays."""

from django.db import models
from django.db.models import Q

from reference.models.version import stamp_version


class Calendar(models.Model):
    """The days on which a currency's payments settle: TARGET for EUR, US for USD."""

    code = models.CharField(max_length=12, unique=True, help_text="TARGET or US")
    name = models.CharField(max_length=80)
    financial_code = models.CharField(
        max_length=12, help_text="The market code of the holidays package, for example XECB or XNYS"
    )

    class Meta:
        """Ordered by code; every change gives the directory a new stamp."""

        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9]{2,12}$"), name="calendar_code_shape"),
        ]
        triggers = [stamp_version(table="reference_calendar")]

    def __str__(self) -> str:
        """The calendar's code."""
        return self.code


class Holiday(models.Model):
    """A weekday on which a calendar is closed; weekends are not rows, so rows can be counted."""

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="holidays", db_index=False)
    date = models.DateField()
    name = models.CharField(max_length=120)

    class Meta:
        """One row per calendar and date."""

        ordering = ["calendar", "date"]
        constraints = [
            models.UniqueConstraint(fields=["calendar", "date"], name="holiday_calendar_date_unique"),
            models.CheckConstraint(condition=Q(date__iso_week_day__lte=5), name="holiday_is_a_weekday"),
        ]
        triggers = [stamp_version(table="reference_holiday")]

    def __str__(self) -> str:
        """The date and the holiday's name."""
        return f"{self.date} {self.name}"
