"""Positions at the end of each business day, how they are costed, and their limits."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.core.limits import LARGEST_AMOUNT
from reference.triggers import append_only, immutable_columns, refuse_delete
from trades.core.positions import CostMethod

METHODS = [(CostMethod.AVERAGE, "Average cost"), (CostMethod.FIFO, "First in, first out")]


class PositionRun(models.Model):
    """One working out of all positions at the close of a business date. The last one of a date counts.

    moves: how much of the date it knew: matches, cancellations, allocations and what came without a trade. Where there
    is more by now, something was committed after it, and readers start from an earlier date.
    """

    id = models.BigAutoField(primary_key=True)
    business_date = models.DateField()
    at = models.DateTimeField(help_text="Business time.")
    moves = models.BigIntegerField()
    positions = models.IntegerField()
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(moves__gte=0, positions__gte=0), name="positionrun_counts"),
        ]
        indexes = [models.Index(fields=["business_date", "id"], name="positionrun_business_date")]
        triggers = append_only(table="trades_positionrun")

    def __str__(self) -> str:
        return f"positions of {self.business_date}"


class Position(models.Model):
    """An account's position in a security at the close, by trade date, with its result since the first day."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(PositionRun, on_delete=models.PROTECT, related_name="rows", db_index=False)
    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+", db_index=False)
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    method = models.CharField(max_length=7, choices=METHODS)
    quantity_units = models.BigIntegerField(help_text="Below zero: short.")
    cost_minor = models.BigIntegerField(help_text="Of the open lots; below zero: received for a short position.")
    realised_minor = models.BigIntegerField(help_text="Since the first day, without fees.")
    realised_day_minor = models.BigIntegerField(help_text="On this day, without fees.")
    fees_minor = models.BigIntegerField(help_text="Since the first day.")
    price = models.DecimalField(max_digits=18, decimal_places=6, null=True, help_text="The close; empty: none known.")
    unrealised_minor = models.BigIntegerField(null=True, help_text="At the close; empty: no price.")
    lot_units = ArrayField(models.BigIntegerField(), default=list, help_text="First in, first out: oldest first.")
    lot_minor = ArrayField(models.BigIntegerField(), default=list, help_text="What each lot cost.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "account", "security", "currency"], name="position_once"),
            models.CheckConstraint(condition=Q(method__in=list(CostMethod)), name="position_method"),
            models.CheckConstraint(
                condition=Q(quantity_units=0, cost_minor=0)
                | Q(quantity_units__gt=0, cost_minor__gte=0)
                | Q(quantity_units__lt=0, cost_minor__lte=0),
                name="position_cost_has_its_sign",
            ),
            models.CheckConstraint(
                condition=Q(price__isnull=True, unrealised_minor__isnull=True)
                | Q(price__isnull=False, unrealised_minor__isnull=False),
                name="position_valued_iff_priced",
            ),
            models.CheckConstraint(
                condition=Q(method=CostMethod.FIFO) | Q(lot_units__len=0, lot_minor__len=0),
                name="position_lots_only_fifo",
            ),
        ]
        indexes = [models.Index(fields=["account", "security", "run"], name="position_account_security")]
        triggers = append_only(table="trades_position")

    def __str__(self) -> str:
        return f"{self.account_id}/{self.security_id}: {self.quantity_units}"


class CostChoice(models.Model):
    """By which method a participant's positions are costed from the next evening on; without a row, average cost."""

    participant = models.OneToOneField(
        "reference.Participant", primary_key=True, on_delete=models.PROTECT, related_name="cost_choice"
    )
    method = models.CharField(max_length=7, choices=METHODS)
    changed_by = models.CharField(max_length=150)
    changed_at = models.DateTimeField(help_text="Business time.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(method__in=list(CostMethod)), name="costchoice_method")]
        triggers = refuse_delete(table="trades_costchoice")

    def __str__(self) -> str:
        return f"{self.participant_id}: {self.method}"


class PositionLimit(models.Model):
    """How large a position may grow before it is alerted, in units or in percent of an average day's volume.

    What is left empty holds for all. A participant's is on the sum of its accounts, an account's on that account
    besides. Of several that fit, the closest counts: a participant's own before everybody's, then a security's own.
    """

    id = models.BigAutoField(primary_key=True)
    participant = models.ForeignKey("reference.Participant", null=True, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey("ledger.Account", null=True, on_delete=models.PROTECT, related_name="+")
    security = models.ForeignKey("reference.Security", null=True, on_delete=models.PROTECT, related_name="+")
    largest_units = models.BigIntegerField(null=True)
    volume_percent = models.DecimalField(
        max_digits=9, decimal_places=2, null=True, help_text="Of the average daily volume of the last 20 trading days."
    )
    active = models.BooleanField(default=True)
    set_by = models.CharField(max_length=150)
    set_at = models.DateTimeField(help_text="Business time.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(largest_units__gte=0, largest_units__lte=LARGEST_AMOUNT, volume_percent__isnull=True)
                | Q(largest_units__isnull=True, volume_percent__gte=0),
                name="positionlimit_units_or_percent",
            ),
            models.CheckConstraint(
                condition=Q(account__isnull=True) | Q(participant__isnull=True), name="positionlimit_one_holder"
            ),
            models.UniqueConstraint(
                fields=["participant", "account", "security"],
                condition=Q(active=True),
                nulls_distinct=False,
                name="positionlimit_one_active",
            ),
        ]
        triggers = [
            *refuse_delete(table="trades_positionlimit"),
            immutable_columns(
                table="trades_positionlimit",
                columns=("participant_id", "account_id", "security_id", "largest_units", "volume_percent", "set_by",
                         "set_at"),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"position limit {self.pk}"


class PositionAlert(models.Model):
    """A position above its limit, once a day. An operator acknowledges it; nobody takes it away."""

    id = models.BigAutoField(primary_key=True)
    limit = models.ForeignKey(PositionLimit, on_delete=models.PROTECT, related_name="alerts")
    participant = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(
        "ledger.Account", null=True, on_delete=models.PROTECT, related_name="+", help_text="Empty: all together."
    )
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+")
    business_date = models.DateField()
    at = models.DateTimeField(help_text="Business time.")
    quantity_units = models.BigIntegerField()
    limit_units = models.BigIntegerField()
    acknowledged_at = models.DateTimeField(null=True, help_text="Business time.")
    acknowledged_by = models.CharField(max_length=150, blank=True)
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["limit", "participant", "account", "security", "business_date"],
                nulls_distinct=False,
                name="positionalert_once_a_day",
            ),
            models.CheckConstraint(
                condition=Q(quantity_units__gt=F("limit_units")) | Q(quantity_units__lt=-F("limit_units")),
                name="positionalert_above_its_limit",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=True, acknowledged_by="")
                | Q(acknowledged_at__isnull=False) & ~Q(acknowledged_by=""),
                name="positionalert_acknowledged_by_somebody",
            ),
        ]
        triggers = [
            *refuse_delete(table="trades_positionalert"),
            immutable_columns(
                table="trades_positionalert",
                columns=("limit_id", "participant_id", "account_id", "security_id", "business_date", "at",
                         "quantity_units", "limit_units"),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"alert {self.pk}"
