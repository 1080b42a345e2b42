"""Trading venues and their order books: each book is a function of its events."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.triggers import append_only, immutable_columns, refuse_delete
from trades.core.book.terms import BookEventKind, OrderSide, TimeInForce
from trades.models.venue_triggers import book_keeps_to_its_log, numbered_without_gap


class Venue(models.Model):
    """A simulated trading venue: hours, fees, and how well it answers."""

    id = models.BigAutoField(primary_key=True)
    participant = models.OneToOneField("reference.Participant", on_delete=models.PROTECT, related_name="venue")
    mic = models.CharField(max_length=4, unique=True, help_text="Market identifier code (ISO 10383).")
    name = models.CharField(max_length=120)
    market_maker = models.ForeignKey(
        "reference.Participant", on_delete=models.PROTECT, related_name="+", help_text="Whose quotes stand here."
    )
    opens_at = models.TimeField()
    closes_at = models.TimeField()
    maker_ppm = models.IntegerField(help_text="Fee of a maker, parts per million; below zero a rebate.")
    taker_ppm = models.IntegerField()
    minimum_fee_minor = models.BigIntegerField(default=0)
    success_ppm = models.IntegerField(default=990_000, help_text="Calls answered, of a million.")
    price_deviation_ticks = models.FloatField(default=1.0)
    spread_ticks = models.FloatField(default=2.0)
    share_ppm = models.IntegerField(default=250_000, help_text="Share of a day's volume, parts per million.")
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["mic"]
        constraints = [
            models.CheckConstraint(condition=Q(mic__regex=r"^[A-Z0-9]{4}$"), name="venue_mic_shape"),
            models.CheckConstraint(condition=Q(opens_at__lt=F("closes_at")), name="venue_hours"),
            models.CheckConstraint(
                condition=Q(success_ppm__gte=0, success_ppm__lte=1_000_000, share_ppm__gte=0, share_ppm__lte=1_000_000)
                & Q(taker_ppm__gte=0, minimum_fee_minor__gte=0, spread_ticks__gt=0, price_deviation_ticks__gte=0),
                name="venue_figures",
            ),
        ]
        triggers = [*refuse_delete(table="trades_venue")]

    def __str__(self) -> str:
        return self.mic


class VenueBook(models.Model):
    """One security's order book at one venue. Its row is the lock of the book, and says how it stands."""

    id = models.BigAutoField(primary_key=True)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="books")
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+")
    tick = models.DecimalField(max_digits=10, decimal_places=6)
    event_number = models.BigIntegerField(default=0, db_default=0, help_text="Number of its last event.")
    execution_number = models.BigIntegerField(default=0, db_default=0, help_text="Number of its last execution.")
    session_date = models.DateField(null=True, help_text="Business date of the session that is open; empty: none.")
    quoted_at = models.DateTimeField(null=True, help_text="When its market maker last quoted. Business time.")
    best_bid_ticks = models.BigIntegerField(null=True)
    best_offer_ticks = models.BigIntegerField(null=True)
    standing_orders = models.BigIntegerField(default=0, db_default=0, help_text="Orders that rest, quotes and all.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "security"], name="venuebook_unique"),
            models.CheckConstraint(condition=Q(tick__gt=0), name="venuebook_tick"),
            models.CheckConstraint(
                condition=Q(event_number__gte=0, execution_number__gte=0, standing_orders__gte=0),
                name="venuebook_numbers",
            ),
            models.CheckConstraint(
                condition=Q(best_bid_ticks__isnull=True)
                | Q(best_offer_ticks__isnull=True)
                | Q(best_bid_ticks__lt=F("best_offer_ticks")),
                name="venuebook_never_crossed",
            ),
        ]
        triggers = [
            *refuse_delete(table="trades_venuebook"),
            immutable_columns(table="trades_venuebook", columns=("venue_id", "security_id", "tick")),
            *book_keeps_to_its_log(),
        ]

    def __str__(self) -> str:
        return f"{self.venue_id}/{self.security_id}"


class VenueEvent(models.Model):
    """One request that a book took: the book is rebuilt from these alone. Times in microseconds since 1970, UTC."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(VenueBook, on_delete=models.PROTECT, related_name="events", db_index=False)
    number = models.BigIntegerField()
    kind = models.CharField(max_length=11, choices=[(kind, kind) for kind in BookEventKind])
    time_us = models.BigIntegerField(help_text="Business time.")
    order_id = models.BigIntegerField(default=0, help_text="A slice's id; below zero: a quote of the market maker.")
    side = models.CharField(max_length=4, blank=True, choices=[(side, side) for side in OrderSide])
    quantity_units = models.BigIntegerField(default=0)
    price_ticks = models.BigIntegerField(null=True)
    time_in_force = models.CharField(max_length=3, blank=True, choices=[(force, force) for force in TimeInForce])
    owner = models.BigIntegerField(null=True, help_text="The participant whose order it is.")
    expires_at_us = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "number"], name="venueevent_number"),
            models.UniqueConstraint(
                fields=["order_id", "book"], condition=Q(kind="ADD"), name="venueevent_order_taken_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=list(BookEventKind)), name="venueevent_kind"),
            models.CheckConstraint(
                condition=~Q(kind="ADD")
                | Q(side__in=list(OrderSide), time_in_force__in=list(TimeInForce), owner__isnull=False)
                & Q(quantity_units__gt=0)
                & ~Q(order_id=0),
                name="venueevent_order_complete",
            ),
        ]
        indexes = [
            models.Index(fields=["order_id", "book"], name="venueevent_of_slice", condition=Q(order_id__gt=0)),
        ]
        triggers = [
            *append_only(table="trades_venueevent"),
            numbered_without_gap(table="trades_venueevent"),
        ]

    def __str__(self) -> str:
        return f"{self.book_id} #{self.number}"


class VenueExecution(models.Model):
    """One execution on the venue's tape, whether or not our side has recorded its fills yet."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(VenueBook, on_delete=models.PROTECT, related_name="executions", db_index=False)
    number = models.BigIntegerField()
    at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField()
    price_ticks = models.BigIntegerField()
    quantity_units = models.BigIntegerField()
    maker_order_id = models.BigIntegerField()
    taker_order_id = models.BigIntegerField()
    taker_side = models.CharField(max_length=4, choices=[(side, side) for side in OrderSide])
    maker_owner = models.BigIntegerField()
    taker_owner = models.BigIntegerField()
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "number"], name="venueexecution_number"),
            models.CheckConstraint(
                condition=Q(quantity_units__gt=0, price_ticks__gt=0), name="venueexecution_positive"
            ),
            models.CheckConstraint(condition=~Q(maker_owner=F("taker_owner")), name="venueexecution_never_with_itself"),
        ]
        indexes = [
            models.Index(fields=["maker_order_id"], name="venueexecution_maker", condition=Q(maker_order_id__gt=0)),
            models.Index(fields=["taker_order_id"], name="venueexecution_taker", condition=Q(taker_order_id__gt=0)),
            models.Index(fields=["business_date", "book"], name="venueexecution_day"),
        ]
        triggers = [
            *append_only(table="trades_venueexecution"),
            numbered_without_gap(table="trades_venueexecution"),
        ]

    def __str__(self) -> str:
        return f"{self.book_id} #{self.number}"


class VenueSnapshot(models.Model):
    """What of a book stands over a session's end: rebuilding begins here, so it never takes more than a session."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(VenueBook, on_delete=models.PROTECT, related_name="snapshots", db_index=False)
    event_number = models.BigIntegerField(help_text="The event that ended the session.")
    execution_number = models.BigIntegerField()
    time_us = models.BigIntegerField()
    orders = models.JSONField(help_text="The orders that stand over, bids first, in priority.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book", "event_number"], name="venuesnapshot_number")]
        triggers = append_only(table="trades_venuesnapshot")

    def __str__(self) -> str:
        return f"{self.book_id} after #{self.event_number}"
