"""What the router sent where, what came back, and what it has learned of each venue."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.triggers import append_only, immutable_columns, legal_steps, refuse_delete
from trades.core.retry import BreakerStatus
from trades.core.slice_lifecycle import SLICE_TRANSITIONS, SliceStatus, WishKind
from trades.models.routing_triggers import fills_agree, mark_never_goes_back


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
    end_code = models.CharField(max_length=48, blank=True, help_text="Why its rest ended, by a stable code.")
    note = models.TextField(blank=True)
    learned = models.BooleanField(
        default=False, db_default=False, help_text="Whether how it fared has entered the venue's quality."
    )
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
            models.CheckConstraint(
                condition=Q(status="FILLED", filled_units=F("quantity_units"))
                | ~Q(status="FILLED") & ~Q(filled_units=F("quantity_units")),
                name="orderslice_filled_iff_filled_whole",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["CANCELLED", "EXPIRED", "REJECTED"]) & ~Q(end_code="")
                | Q(status__in=["WAITING", "RESTING", "FILLED"], end_code=""),
                name="orderslice_end_has_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="orderslice_due", condition=Q(status="WAITING")),
            models.Index(fields=["venue", "id"], name="orderslice_resting", condition=Q(status="RESTING")),
            models.Index(
                fields=["id"], name="orderslice_to_learn",
                condition=Q(learned=False, status__in=["FILLED", "CANCELLED", "EXPIRED", "REJECTED"]),
            ),
        ]  # fmt: skip
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
        triggers = [*append_only(table="trades_fill"), fills_agree()]

    def __str__(self) -> str:
        return self.execution_id


class ExecutionMark(models.Model):
    """Up to which of a book's executions the fills are recorded; what lies above the mark waits."""

    book = models.OneToOneField("trades.VenueBook", primary_key=True, on_delete=models.PROTECT, related_name="mark")
    number = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(number__gte=0), name="executionmark_number")]
        triggers = [*refuse_delete(table="trades_executionmark"), mark_never_goes_back()]

    def __str__(self) -> str:
        return f"{self.book_id} #{self.number}"


class OrderWish(models.Model):
    """What is wished of an order that is at the venues, from the moment it is wished until it is done.

    Whoever began with it may die: the router finishes what stands here.
    """

    order = models.OneToOneField("trades.Order", primary_key=True, on_delete=models.PROTECT, related_name="wish")
    kind = models.CharField(max_length=7, choices=[(kind, kind.title()) for kind in WishKind])
    quantity_units = models.BigIntegerField(null=True, help_text="Of a replacement: the whole new quantity.")
    limit_price = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    actor = models.CharField(max_length=150)
    note = models.TextField(blank=True)
    wished_at = models.DateTimeField(help_text="Business time.")

    class Meta:
        verbose_name_plural = "order wishes"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=list(WishKind)), name="orderwish_kind"),
            models.CheckConstraint(
                condition=Q(limit_price__isnull=True) | Q(limit_price__gt=0), name="orderwish_limit_positive"
            ),
            models.CheckConstraint(
                condition=Q(kind="REPLACE", quantity_units__gt=0)
                | ~Q(kind="REPLACE") & Q(quantity_units__isnull=True, limit_price__isnull=True),
                name="orderwish_terms_iff_replacement",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.order_id}"


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
