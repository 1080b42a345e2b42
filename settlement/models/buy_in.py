"""Buy-ins: a fail for lack of securities ended by cash compensation."""

from django.db import models
from django.db.models import Q

from reference.triggers import append_only


class BuyIn(models.Model):
    """A fail that lasted too long: the instruction is cancelled, and who failed pays the price difference.

    The payment is an instruction of source BUY_IN with this row's id; none where there is no difference to pay.
    """

    id = models.BigAutoField(primary_key=True)
    instruction = models.OneToOneField("settlement.Instruction", on_delete=models.PROTECT, related_name="buy_in")
    business_date = models.DateField()
    due_date = models.DateField(help_text="The first day on which it could be bought in.")
    failing = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    suffering = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    quantity_units = models.BigIntegerField(help_text="What had not been delivered.")
    price = models.DecimalField(max_digits=18, decimal_places=6, help_text="The reference price of the day.")
    market_value_minor = models.BigIntegerField()
    agreed_minor = models.BigIntegerField(help_text="What the delivery would have been paid.")
    compensation_minor = models.BigIntegerField()
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(help_text="Business time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(failing=models.F("suffering")), name="buyin_two_parties"),
            models.CheckConstraint(condition=Q(business_date__gte=models.F("due_date")), name="buyin_not_too_early"),
            models.CheckConstraint(
                condition=Q(quantity_units__gt=0, price__gt=0, market_value_minor__gte=0), name="buyin_of_something"
            ),
            models.CheckConstraint(
                condition=Q(
                    market_value_minor__gt=models.F("agreed_minor"),
                    compensation_minor=models.F("market_value_minor") - models.F("agreed_minor"),
                )
                | Q(market_value_minor__lte=models.F("agreed_minor"), compensation_minor=0),
                name="buyin_pays_the_difference",
            ),
        ]
        triggers = append_only(table="settlement_buyin")

    def __str__(self) -> str:
        return f"buy-in of instruction {self.instruction_id}"
