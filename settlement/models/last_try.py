"""What real-time settlement last tried, so that it tries again only where something has changed."""

from django.db import models
from django.db.models import Q

from settlement.models.day import Movements


class LastTry(models.Model):
    """The one row that says over what the last cycle decided, and what it was free to settle."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    business_date = models.DateField()
    movements = models.CharField(max_length=12, choices=Movements.choices)
    partials = models.BooleanField()
    on_record = models.BooleanField(
        help_text="Whether it left a cycle; what real-time settlement tries in vain does not."
    )
    state = models.CharField(max_length=120, help_text="What was due and the last entry of the journal, afterwards.")

    class Meta:
        verbose_name_plural = "last try"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="lasttry_single_row")]

    def __str__(self) -> str:
        return f"{self.business_date} {self.state}"
