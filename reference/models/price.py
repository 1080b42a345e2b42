"""Daily prices."""

from django.db import models
from django.db.models import F, Q

from reference.models.asset import Security


class DailyPrice(models.Model):
    """One day's prices of a security, in its quotation (bonds: percent of nominal)."""

    security = models.ForeignKey(Security, on_delete=models.PROTECT, related_name="daily_prices", db_index=False)
    date = models.DateField()
    open = models.DecimalField(max_digits=18, decimal_places=6)
    high = models.DecimalField(max_digits=18, decimal_places=6)
    low = models.DecimalField(max_digits=18, decimal_places=6)
    close = models.DecimalField(max_digits=18, decimal_places=6)
    volume = models.BigIntegerField(help_text="Units traded that day")
    adjusted_close = models.DecimalField(
        max_digits=24, decimal_places=15, help_text="Close adjusted for splits and dividends"
    )

    class Meta:
        """One row per security and date; low is lowest, high is highest, all are positive."""

        ordering = ["security", "date"]
        constraints = [
            models.UniqueConstraint(fields=["security", "date"], name="dailyprice_security_date_unique"),
            models.CheckConstraint(condition=Q(low__gt=0, adjusted_close__gt=0), name="dailyprice_positive"),
            models.CheckConstraint(condition=Q(volume__gte=0), name="dailyprice_volume_not_negative"),
            models.CheckConstraint(
                condition=Q(low__lte=F("open")) & Q(low__lte=F("close")), name="dailyprice_low_is_lowest"
            ),
            models.CheckConstraint(
                condition=Q(high__gte=F("open")) & Q(high__gte=F("close")), name="dailyprice_high_is_highest"
            ),
        ]

    def __str__(self) -> str:
        """The security's id, the date and the close."""
        return f"{self.security_id} {self.date} {self.close}"
