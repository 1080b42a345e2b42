"""Trade reports, their matches, and what waits to be matched."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.core.limits import LARGEST_AMOUNT
from reference.triggers import append_only, immutable_columns, legal_steps, references_checked, refuse_delete
from trades.core.lifecycle import TRANSITIONS, Side, TradeStatus


class Submission(models.Model):
    """One bulk capture: a file or a request body, with what became of its lines."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True)
    reporter = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    submitted_by = models.CharField(max_length=150)
    source = models.CharField(max_length=120, help_text="File name, or API.")
    received_at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField()
    lines = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)
    repeated = models.BigIntegerField(default=0, help_text="Lines that repeat a trade that stands already.")
    refused = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 over all lines.")
    finished_at = models.DateTimeField(null=True, help_text="Wall-clock time.")
    problem = models.TextField(blank=True, help_text="Why the reading ended early, where it did.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lines=F("accepted") + F("repeated") + F("refused")),
                name="submission_counts_add_up",
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} ({self.lines} lines)"


class RefusedLine(models.Model):
    """One line of a submission that was not taken, and why."""

    id = models.BigAutoField(primary_key=True)
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="refused_lines")
    line = models.BigIntegerField()
    code = models.CharField(max_length=48)
    pointer = models.CharField(max_length=60, blank=True)
    message = models.TextField()
    content = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["submission", "line"], name="refusedline_unique")]
        triggers = append_only(table="trades_refusedline")

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


class Trade(models.Model):
    """One report of a trade: one side's, or both sides' at once when locked in.

    Only the status ever changes, and only along the steps of core/lifecycle.py. No index holds the
    status, so that moving it is a heap-only update.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True)
    trade_id = models.CharField(max_length=35, help_text="The reporter's own reference.")
    reporter = models.ForeignKey(
        "reference.Participant",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    side = models.CharField(max_length=4, choices=[(side, side.title()) for side in Side])
    buyer = models.ForeignKey(
        "reference.Participant",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    seller = models.ForeignKey(
        "reference.Participant",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    buyer_account = models.ForeignKey(
        "ledger.Account",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="Where the buyer receives; known to the report that speaks for the buyer.",
    )
    seller_account = models.ForeignKey(
        "ledger.Account",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="Where the seller delivers from; known to the report that speaks for the seller.",
    )
    security = models.ForeignKey(
        "reference.Security", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    currency = models.ForeignKey(
        "reference.Currency", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    quantity_units = models.BigIntegerField()
    price = models.DecimalField(max_digits=18, decimal_places=6)
    amount_minor = models.BigIntegerField(help_text="Settlement amount in the currency's minor units.")
    trade_date = models.DateField()
    settlement_date = models.DateField()
    cleared = models.BooleanField(default=True, help_text="Whether the CCP is to step in between.")
    transaction_type = models.CharField(max_length=4, blank=True, help_text="Optional matching field.")
    trading_venue = models.CharField(max_length=4, blank=True, help_text="MIC; optional matching field.")
    status = models.CharField(max_length=9, choices=[(state, state.title()) for state in TradeStatus])
    received_at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField()
    submission = models.ForeignKey(
        Submission,
        null=True,
        on_delete=models.PROTECT,
        related_name="trades",
        db_constraint=False,
        db_index=False,
    )
    match_key = models.BigIntegerField(help_text="Hash of the fields both reports must agree on.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reporter", "trade_id"], name="trade_reported_once"),
            models.CheckConstraint(condition=Q(side__in=list(Side)), name="trade_side"),
            models.CheckConstraint(condition=Q(status__in=list(TradeStatus)), name="trade_status"),
            models.CheckConstraint(condition=~Q(buyer=F("seller")), name="trade_buyer_is_not_seller"),
            models.CheckConstraint(
                condition=Q(quantity_units__gt=0, price__gt=0, amount_minor__gt=0), name="trade_positive"
            ),
            models.CheckConstraint(
                condition=Q(quantity_units__lte=LARGEST_AMOUNT, amount_minor__lte=LARGEST_AMOUNT),
                name="trade_not_absurd",
            ),
            models.CheckConstraint(condition=Q(settlement_date__gte=F("trade_date")), name="trade_dates"),
            models.CheckConstraint(
                condition=Q(side="BUY", reporter=F("buyer"), buyer_account__isnull=False, seller_account__isnull=True)
                | Q(
                    side="SELL",
                    reporter=F("seller"),
                    seller_account__isnull=False,
                    buyer_account__isnull=True,
                )
                | Q(side="BOTH", buyer_account__isnull=False, seller_account__isnull=False),
                name="trade_reported_by_its_side",
            ),
        ]
        indexes = [models.Index(fields=["business_date", "id"], name="trade_business_date")]
        triggers = [
            *refuse_delete(table="trades_trade"),
            legal_steps(table="trades_trade", column="status", transitions=TRANSITIONS),
            immutable_columns(
                table="trades_trade",
                columns=(
                    "public_id", "trade_id", "reporter_id", "side", "buyer_id", "seller_id", "buyer_account_id",
                    "seller_account_id", "security_id", "currency_id", "quantity_units", "price", "amount_minor",
                    "trade_date", "settlement_date", "cleared", "transaction_type", "trading_venue",
                    "received_at", "business_date", "match_key",
                ),
            ),
            references_checked(
                table="trades_trade",
                references={
                    "reporter_id": "reference_participant",
                    "buyer_id": "reference_participant",
                    "seller_id": "reference_participant",
                    "buyer_account_id": "ledger_account",
                    "seller_account_id": "ledger_account",
                    "security_id": "reference_security.asset_ptr_id",
                    "currency_id": "reference_currency.asset_ptr_id",
                    "submission_id": "trades_submission",
                },
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.trade_id


class UnmatchedTrade(models.Model):
    """The pool of trades still NEW: the matching engine's work queue and the allegement list."""

    trade = models.OneToOneField(
        Trade, primary_key=True, on_delete=models.PROTECT, related_name="unmatched", db_constraint=False
    )
    checked = models.BooleanField(default=False, help_text="Whether matching has looked at it since it came.")
    alleged_at = models.DateTimeField(null=True, help_text="When the counterparty was told. Business time.")
    near_miss = models.ForeignKey(Trade, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    difference = models.TextField(blank=True, help_text="In what it differs from the near miss.")

    class Meta:
        triggers = [
            immutable_columns(table="trades_unmatchedtrade", columns=("trade_id",)),
            references_checked(
                table="trades_unmatchedtrade", references={"trade_id": "trades_trade"}, distinct=("trade_id",)
            ),
        ]

    def __str__(self) -> str:
        return f"unmatched {self.trade_id}"


class MatchRule(models.TextChoices):
    """By which rule two reports were found to be one trade."""

    LOCKED_IN = "LOCKED_IN", "Locked in: one report for both sides"
    EXACT = "EXACT", "All fields agree"
    OPTIONAL = "OPTIONAL", "A filled optional field against a blank one"
    TOLERANCE = "TOLERANCE", "Cash amounts differ within the tolerance"


class Match(models.Model):
    """Two reports that are one trade, and its terms as they will clear and settle."""

    id = models.BigAutoField(primary_key=True)
    buy_trade = models.OneToOneField(Trade, on_delete=models.PROTECT, related_name="match_as_buy", db_constraint=False)
    sell_trade = models.OneToOneField(
        Trade, on_delete=models.PROTECT, related_name="match_as_sell", db_constraint=False
    )
    rule = models.CharField(max_length=9, choices=MatchRule.choices)
    buyer_account = models.ForeignKey(
        "ledger.Account", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    seller_account = models.ForeignKey(
        "ledger.Account", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    security = models.ForeignKey(
        "reference.Security", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    currency = models.ForeignKey(
        "reference.Currency", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    quantity_units = models.BigIntegerField()
    amount_minor = models.BigIntegerField(help_text="The deliverer's amount, where the two differ.")
    settlement_date = models.DateField()
    cleared = models.BooleanField()
    matched_at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField()
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        verbose_name_plural = "matches"
        indexes = [
            models.Index(fields=["settlement_date", "security"], name="match_settlement_date"),
            models.Index(fields=["business_date", "id"], name="match_business_date"),
        ]
        triggers = [
            *append_only(table="trades_match"),
            references_checked(
                table="trades_match",
                references={
                    "buy_trade_id": "trades_trade",
                    "sell_trade_id": "trades_trade",
                    "buyer_account_id": "ledger_account",
                    "seller_account_id": "ledger_account",
                },
                distinct=("buy_trade_id", "sell_trade_id"),
            ),
        ]

    def __str__(self) -> str:
        return f"match {self.pk}"


class CancellationRequest(models.Model):
    """One party's wish to cancel a matched trade; it takes both."""

    id = models.BigAutoField(primary_key=True)
    match = models.ForeignKey(Match, on_delete=models.PROTECT, related_name="cancellation_requests")
    participant = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    requested_at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField(help_text="A cancelled trade leaves the positions on the last one's.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["match", "participant"], name="cancellation_asked_once")]
        triggers = append_only(table="trades_cancellationrequest")

    def __str__(self) -> str:
        return f"cancel match {self.match_id}"
