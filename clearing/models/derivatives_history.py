"""Mark prices, funding, liquidations and deleveraging: the rest of derivatives' history."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest

from clearing.models.derivatives import DerivativeAccount, DerivativeContract
from clearing.models.derivatives_events import DerivativeEvent
from reference.triggers import append_only, references_checked


class MarkPrice(models.Model):
    """A price at which positions are valued from this event on."""

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(
        DerivativeEvent, on_delete=models.PROTECT, related_name="marks", db_constraint=False, db_index=False
    )
    contract = models.ForeignKey(
        DerivativeContract, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    price_ticks = models.BigIntegerField()
    at = models.DateTimeField(help_text="Business time that the price is of.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "event"], name="markprice_once_an_event"),
            models.CheckConstraint(condition=Q(price_ticks__gte=1), name="markprice_positive"),
        ]
        triggers = [
            *append_only(table="clearing_markprice"),
            references_checked(
                table="clearing_markprice",
                references={
                    "event_id": "clearing_derivativeevent.sequence",
                    "contract_id": "clearing_derivativecontract",
                },
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract_id}: {self.price_ticks}"


class FundingRound(models.Model):
    """One funding of one perpetual: its longs paid its shorts, or the other way."""

    event = models.OneToOneField(DerivativeEvent, primary_key=True, on_delete=models.PROTECT, related_name="funding")
    contract = models.ForeignKey(DerivativeContract, on_delete=models.PROTECT, related_name="+")
    funded_for = models.DateTimeField(help_text="The hour of funding, business time.")
    mark_ticks = models.BigIntegerField()
    index_ticks = models.BigIntegerField()
    rate_ppm = models.IntegerField(help_text="Of the notional; positive: longs pay shorts.")

    class Meta:
        ordering = ["-funded_for"]
        constraints = [
            models.UniqueConstraint(fields=["contract", "funded_for"], name="fundinground_once"),
            models.CheckConstraint(condition=Q(mark_ticks__gte=1, index_ticks__gte=1), name="fundinground_prices"),
            models.CheckConstraint(condition=Q(rate_ppm__range=(-100_000, 100_000)), name="fundinground_rate"),
        ]
        triggers = append_only(table="clearing_fundinground")

    def __str__(self) -> str:
        return f"funding of {self.contract_id} for {self.funded_for}"


class LiquidationOutcome(models.TextChoices):
    """How far a liquidation came."""

    FILLED = "FILLED", "Filled at market"
    PARTIAL = "PARTIAL", "Filled in part; the rest is tried again"
    COVERED = "COVERED", "Closed; the insurance fund covered the loss"
    DELEVERAGED = "DELEVERAGED", "Closed against the other side at the bankruptcy price"


class Liquidation(models.Model):
    """One account closed by force, as far as it went: never unless equity was strictly below maintenance."""

    event = models.OneToOneField(
        DerivativeEvent, primary_key=True, on_delete=models.PROTECT, related_name="liquidation"
    )
    account = models.ForeignKey(DerivativeAccount, on_delete=models.PROTECT, related_name="liquidations")
    equity_minor = models.BigIntegerField(help_text="Before.")
    maintenance_minor = models.BigIntegerField(help_text="Before.")
    filled_minor = models.BigIntegerField(help_text="Notional closed at market.")
    fee_minor = models.BigIntegerField(help_text="Never more than the equity there was.")
    covered_minor = models.BigIntegerField(help_text="Paid by the insurance fund.")
    deleveraged_minor = models.BigIntegerField(help_text="Loss borne by those deleveraged.")
    spread_minor = models.BigIntegerField(help_text="Loss spread over accounts with equity: the last resort.")
    equity_after_minor = models.BigIntegerField()
    outcome = models.CharField(max_length=11, choices=LiquidationOutcome.choices)

    class Meta:
        ordering = ["-event"]
        constraints = [
            models.CheckConstraint(
                condition=Q(equity_minor__lt=F("maintenance_minor")), name="liquidation_strictly_below_maintenance"
            ),
            models.CheckConstraint(
                condition=Q(
                    filled_minor__gte=0,
                    fee_minor__gte=0,
                    covered_minor__gte=0,
                    deleveraged_minor__gte=0,
                    spread_minor__gte=0,
                ),
                name="liquidation_amounts",
            ),
            models.CheckConstraint(
                condition=Q(fee_minor__lte=Greatest(F("equity_minor"), 0)), name="liquidation_fee_capped"
            ),
            models.CheckConstraint(condition=Q(equity_after_minor__gte=0), name="liquidation_leaves_no_debt"),
            models.CheckConstraint(condition=Q(outcome__in=LiquidationOutcome.values), name="liquidation_outcome"),
            models.CheckConstraint(
                condition=Q(covered_minor=0, deleveraged_minor=0, spread_minor=0)
                | Q(equity_minor__lt=0, outcome__in=["COVERED", "DELEVERAGED"]),
                name="liquidation_others_pay_only_for_debt",
            ),
        ]
        triggers = append_only(table="clearing_liquidation")  # fmt: skip

    def __str__(self) -> str:
        return f"liquidation {self.event_id}"


class Deleveraging(models.Model):
    """One account whose position was closed against a bankrupt one, and its place in the queue."""

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(Liquidation, on_delete=models.PROTECT, related_name="deleveragings")
    contract = models.ForeignKey(DerivativeContract, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(DerivativeAccount, on_delete=models.PROTECT, related_name="+")
    place = models.IntegerField(help_text="1 was the most profitable and most levered.")
    score = models.FloatField(help_text="Profit by entry value × leverage, what the queue is ordered by.")
    quantity_steps = models.BigIntegerField()
    loss_minor = models.BigIntegerField(help_text="Against closing at the mark price.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "contract", "account"], name="deleveraging_once"),
            models.UniqueConstraint(fields=["event", "contract", "place"], name="deleveraging_place"),
            models.CheckConstraint(
                condition=Q(place__gte=1, quantity_steps__gte=1, loss_minor__gte=0), name="deleveraging_amounts"
            ),
        ]
        triggers = append_only(table="clearing_deleveraging")

    def __str__(self) -> str:
        return f"deleveraging of {self.account_id}"
