"""What is found out about each trade and order once it stands: market, size in the base currency, and risk."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.core.limits import LARGEST_AMOUNT
from reference.triggers import append_only, references_checked, refuse_delete

RISK_PARTS = ("size", "deviation", "liquidity", "counterparty", "settlement")


class PriceSource(models.TextChoices):
    """What a price was held against."""

    QUOTE = "QUOTE", "Quote that stood when it came"
    CLOSE = "CLOSE", "Close of the day before: no quote stood"
    NONE = "NONE", "Nothing: no price was known"


class RiskWeights(models.Model):
    """How the risk score is weighed, valid from a date until the next row. Never changed, only followed.

    A part has all its points where its measure is `…_full` or more, and a share of them in proportion below.
    """

    id = models.BigAutoField(primary_key=True)
    valid_from = models.DateField(unique=True)
    why = models.CharField(max_length=200, blank=True)
    size_points = models.SmallIntegerField()
    size_full_bp = models.IntegerField(help_text="Quantity, in basis points of the average daily volume.")
    deviation_points = models.SmallIntegerField()
    deviation_full_bp = models.IntegerField(help_text="Distance of the price from the middle.")
    liquidity_points = models.SmallIntegerField()
    liquidity_full_bp = models.IntegerField(help_text="Spread, in basis points of the middle.")
    unquoted_bp = models.IntegerField(help_text="Taken as the spread of a liquid security that has no quote.")
    counterparty_points = models.SmallIntegerField()
    counterparty_full_bp = models.IntegerField(help_text="Share of one counterparty in a participant's trading.")
    settlement_points = models.SmallIntegerField()
    settlement_full_days = models.SmallIntegerField(help_text="Calendar days from trade to settlement.")
    volume_days = models.SmallIntegerField(help_text="Trading days over which a volume is averaged.")
    counterparty_days = models.SmallIntegerField(help_text="Calendar days of trading that the share is taken of.")

    class Meta:
        ordering = ["-valid_from"]
        verbose_name_plural = "risk weights"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    size_points=100 - F("deviation_points") - F("liquidity_points")
                    - F("counterparty_points") - F("settlement_points")
                ),
                name="riskweights_sum_to_100",
            ),
            models.CheckConstraint(
                condition=Q(**{f"{part}_points__gte": 0 for part in RISK_PARTS}), name="riskweights_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(
                    size_full_bp__gte=1, deviation_full_bp__gte=1, liquidity_full_bp__gte=1,
                    counterparty_full_bp__gte=1, settlement_full_days__gte=1, unquoted_bp__gte=0,
                    volume_days__gte=1, volume_days__lte=500, counterparty_days__gte=0, counterparty_days__lte=366,
                ),
                name="riskweights_measures",
            ),
        ]  # fmt: skip
        triggers = append_only(table="trades_riskweights")

    def __str__(self) -> str:
        return f"risk weights from {self.valid_from}"


class Enrichment(models.Model):
    """What both have: trades and orders are measured by the same statement."""

    weights = models.ForeignKey(
        RiskWeights, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    price_source = models.CharField(max_length=5, choices=PriceSource.choices)
    mid = models.DecimalField(
        max_digits=18, decimal_places=6, null=True, help_text="Middle of the quote, or the close."
    )
    spread = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    quoted_at = models.DateTimeField(null=True, help_text="When the quote was given. Business time.")
    priced_on = models.DateField(null=True, help_text="Day of the quote, or of the close.")
    notional_minor = models.BigIntegerField(null=True, help_text="In its own currency; empty: it has no price yet.")
    notional_base_minor = models.BigIntegerField(null=True, help_text="In EUR; empty: no exchange rate was known.")
    average_volume_units = models.BigIntegerField(null=True, help_text="Average daily volume; empty: none was known.")
    size_bp = models.BigIntegerField(null=True, help_text="Quantity in basis points of the average daily volume.")
    deviation_bp = models.BigIntegerField(null=True, help_text="Price above (+) or below (−) the middle.")
    spread_bp = models.BigIntegerField(null=True)
    counterparty_bp = models.BigIntegerField(
        null=True, help_text="Share of the counterparty in the reporter's trading."
    )
    settlement_days = models.IntegerField(help_text="Calendar days from trade to settlement.")
    size_points = models.SmallIntegerField()
    deviation_points = models.SmallIntegerField()
    liquidity_points = models.SmallIntegerField()
    counterparty_points = models.SmallIntegerField()
    settlement_points = models.SmallIntegerField()
    risk_score = models.SmallIntegerField(help_text="0 to 100: the sum of its parts.")
    enriched_at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    risk_score=F("size_points") + F("deviation_points") + F("liquidity_points")
                    + F("counterparty_points") + F("settlement_points")
                )
                & Q(risk_score__gte=0, risk_score__lte=100),
                name="%(class)s_score_is_the_sum_of_its_parts",
            ),
            models.CheckConstraint(
                condition=Q(**{f"{part}_points__gte": 0 for part in RISK_PARTS}), name="%(class)s_points_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(
                    price_source="QUOTE", mid__isnull=False, mid__gt=0, spread__isnull=False, spread__gte=0,
                    quoted_at__isnull=False,
                )
                | Q(price_source="CLOSE", mid__isnull=False, mid__gt=0, spread__isnull=True, quoted_at__isnull=True,
                    priced_on__isnull=False)
                | Q(price_source="NONE", mid__isnull=True, spread__isnull=True, quoted_at__isnull=True,
                    deviation_bp__isnull=True),
                name="%(class)s_says_what_it_was_held_against",
            ),
            models.CheckConstraint(
                condition=Q(average_volume_units__isnull=True, size_bp__isnull=True)
                | Q(average_volume_units__isnull=False, average_volume_units__gt=0, size_bp__isnull=False)
                & Q(size_bp__gte=0),
                name="%(class)s_size_needs_a_volume",
            ),
            models.CheckConstraint(
                condition=Q(notional_base_minor__isnull=True)
                | Q(notional_minor__isnull=False, notional_base_minor__gte=0, notional_base_minor__lte=LARGEST_AMOUNT),
                name="%(class)s_notional",
            ),
        ]  # fmt: skip


class TradeEnrichment(Enrichment):
    """What is known of a trade besides its report. Written once, never changed."""

    trade = models.OneToOneField(
        "trades.Trade", primary_key=True, on_delete=models.PROTECT, related_name="enrichment", db_constraint=False
    )

    class Meta(Enrichment.Meta):
        triggers = [
            *append_only(table="trades_tradeenrichment"),
            references_checked(
                table="trades_tradeenrichment",
                references={"trade_id": "trades_trade", "weights_id": "trades_riskweights"},
                distinct=("trade_id",),
            ),
        ]

    def __str__(self) -> str:
        return f"trade {self.trade_id}: risk {self.risk_score}"


class OrderEnrichment(Enrichment):
    """What is known of an order besides its ticket. Written once, never changed."""

    order = models.OneToOneField(
        "trades.Order", primary_key=True, on_delete=models.PROTECT, related_name="enrichment", db_constraint=False
    )

    class Meta(Enrichment.Meta):
        triggers = [
            *append_only(table="trades_orderenrichment"),
            references_checked(
                table="trades_orderenrichment",
                references={"order_id": "trades_order", "weights_id": "trades_riskweights"},
                distinct=("order_id",),
            ),
        ]

    def __str__(self) -> str:
        return f"order {self.order_id}: risk {self.risk_score}"


class CounterpartyVolume(models.Model):
    """What a participant has traded with each other one on a day, as its reports say. A sum of enrichments."""

    id = models.BigAutoField(primary_key=True)
    business_date = models.DateField()
    participant = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+", db_index=False)
    counterparty = models.ForeignKey(
        "reference.Participant", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    notional_base_minor = models.DecimalField(max_digits=30, decimal_places=0, help_text="In EUR.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["business_date", "participant", "counterparty"], name="counterpartyvolume_unique"
            ),
            models.CheckConstraint(condition=Q(notional_base_minor__gte=0), name="counterpartyvolume_not_negative"),
            models.CheckConstraint(condition=~Q(participant=F("counterparty")), name="counterpartyvolume_with_another"),
        ]
        triggers = refuse_delete(table="trades_counterpartyvolume")

    def __str__(self) -> str:
        return f"{self.business_date} {self.participant_id} with {self.counterparty_id}"


class EnrichmentSubject(models.TextChoices):
    """What a run enriches."""

    TRADES = "TRADES", "Trades"
    ORDERS = "ORDERS", "Orders"


class EnrichmentRun(models.Model):
    """One drain of what had no enrichment yet, and from where the next one need look.

    Everything with an id up to `floor_id` is enriched, and nothing can still appear there. `seen_id` was the
    highest id given out when the run began, `running` the transactions that were open then: once all of those
    have ended, nothing new can appear up to `seen_id`.
    """

    id = models.BigAutoField(primary_key=True)
    subject = models.CharField(max_length=6, choices=EnrichmentSubject.choices)
    at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField()
    enriched = models.IntegerField()
    alerts = models.IntegerField()
    first_id = models.BigIntegerField(help_text="The lowest id it enriched.")
    floor_id = models.BigIntegerField()
    seen_id = models.BigIntegerField()
    running = ArrayField(models.CharField(max_length=32), help_text="Virtual ids of transactions.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(subject__in=EnrichmentSubject.values), name="enrichmentrun_subject"),
            models.CheckConstraint(
                condition=Q(enriched__gt=0, alerts__gte=0, floor_id__gte=0) & Q(floor_id__lte=F("seen_id")),
                name="enrichmentrun_floor_under_what_was_seen",
            ),
        ]
        indexes = [models.Index(fields=["subject", "at"], name="enrichmentrun_at")]
        triggers = append_only(table="trades_enrichmentrun")

    def __str__(self) -> str:
        return f"{self.subject} up to {self.floor_id}"
