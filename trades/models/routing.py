"""What the router sent where, what came back, and what it has learned of each venue."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.triggers import append_only, immutable_columns, legal_steps, refuse_delete
from trades.core.retry import BreakerStatus
from trades.core.slice_lifecycle import SLICE_TRANSITIONS, SliceStatus


class OrderSlice(models.Model):
    """The part of an order that goes to one venue. Its id is the order's id there, so asking twice is harmless."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey("trades.Order", on_delete=models.PROTECT, related_name="slices")
    venue = models.ForeignKey("trades.Venue", on_delete=models.PROTECT, related_name="slices")
    quantity_units = models.BigIntegerField()
    filled_units = models.BigIntegerField(default=0)
    status = models.CharField(max_length=9, choices=[(state, state.title()) for state in SliceStatus])
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField(help_text="When the venue is asked next. Business time.")
    quoted_price = models.DecimalField(
        max_digits=18, decimal_places=6, null=True, help_text="The venue's best opposite price when it was chosen."
    )
    latency_ms = models.IntegerField(null=True, help_text="How long the venue took to answer, all attempts.")
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=list(SliceStatus)), name="orderslice_status"),
            models.CheckConstraint(
                condition=Q(quantity_units__gt=0, filled_units__gte=0, attempts__gte=0)
                & Q(filled_units__lte=F("quantity_units")),
                name="orderslice_never_filled_above_quantity",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="orderslice_due", condition=Q(status="WAITING")),
        ]
        triggers = [
            *refuse_delete(table="trades_orderslice"),
            legal_steps(table="trades_orderslice", column="status", transitions=SLICE_TRANSITIONS),
            immutable_columns(table="trades_orderslice", columns=("order_id", "venue_id")),
        ]

    def __str__(self) -> str:
        return f"slice {self.pk}"


class Fill(models.Model):
    """An execution of an order, recorded once, together with the locked-in trade that clears and settles it."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True)
    order = models.ForeignKey("trades.Order", on_delete=models.PROTECT, related_name="fills")
    slice = models.ForeignKey(OrderSlice, on_delete=models.PROTECT, related_name="fills")
    venue = models.ForeignKey("trades.Venue", on_delete=models.PROTECT, related_name="+")
    execution_id = models.CharField(max_length=35, help_text="The venue's reference; the trade's trade_id.")
    trade = models.ForeignKey("trades.Trade", on_delete=models.PROTECT, related_name="fills")
    maker = models.BooleanField(help_text="Whether the order stood in the book.")
    quantity_units = models.BigIntegerField()
    price = models.DecimalField(max_digits=18, decimal_places=6)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(help_text="Below zero: a rebate.")
    quoted_price = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    at = models.DateTimeField(help_text="When it was executed. Business time.")
    business_date = models.DateField()
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        constraints = [
            # Two client orders that meet have one execution and a fill each.
            models.UniqueConstraint(fields=["venue", "execution_id", "order"], name="fill_recorded_once"),
            models.CheckConstraint(
                condition=Q(quantity_units__gt=0, price__gt=0, amount_minor__gt=0), name="fill_positive"
            ),
        ]
        indexes = [models.Index(fields=["business_date", "id"], name="fill_business_date")]
        triggers = append_only(table="trades_fill")

    def __str__(self) -> str:
        return self.execution_id


class VenueBreaker(models.Model):
    """The circuit breaker before a venue: trades/core/retry.py says how it moves."""

    venue = models.OneToOneField("trades.Venue", primary_key=True, on_delete=models.PROTECT, related_name="breaker")
    status = models.CharField(max_length=9, choices=[(state, state.title()) for state in BreakerStatus])
    failures = models.IntegerField(default=0)
    successes = models.IntegerField(default=0)
    since = models.DateTimeField(null=True, help_text="Business time.")
    probing = models.BooleanField(default=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(status__in=list(BreakerStatus)), name="venuebreaker_status")]

    def __str__(self) -> str:
        return f"{self.venue_id} {self.status}"


class VenueQuality(models.Model):
    """How a venue has done in a security so far: exponentially weighted means (trades/core/routing.py)."""

    id = models.BigAutoField(primary_key=True)
    venue = models.ForeignKey("trades.Venue", on_delete=models.PROTECT, related_name="qualities")
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+")
    fill_ratio = models.FloatField()
    improvement_bp = models.FloatField()
    latency_ms = models.FloatField()
    observations = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "venue qualities"
        constraints = [
            models.UniqueConstraint(fields=["venue", "security"], name="venuequality_unique"),
            models.CheckConstraint(
                condition=Q(fill_ratio__gte=0, fill_ratio__lte=1, latency_ms__gte=0, observations__gte=0),
                name="venuequality_ranges",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.venue_id}/{self.security_id}"
