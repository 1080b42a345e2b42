"""Derivatives: what is traded, and the accounts that trade it."""

from django.db import models
from django.db.models import F, Q

from clearing.core.derivatives.terms import LARGEST_POSITION_MINOR, LARGEST_PRODUCT, LARGEST_STEPS
from reference.triggers import append_only, immutable_columns, legal_steps, refuse_delete

CONTRACT_STEPS = {"ACTIVE": frozenset({"EXPIRED"}), "EXPIRED": frozenset[str]()}


class ContractKind(models.TextChoices):
    """Whether a contract ends."""

    PERPETUAL = "PERPETUAL", "Perpetual, held to its index by funding payments"
    FUTURE = "FUTURE", "Future, settled in cash at its expiry"


class ContractStatus(models.TextChoices):
    """Whether a contract can be traded."""

    ACTIVE = "ACTIVE", "Active"
    EXPIRED = "EXPIRED", "Expired and settled"


class DerivativeContract(models.Model):
    """What is traded, its scales and its rules.

    A quantity is a whole number of steps of 10**-quantity_digits, a price one of ticks of 10**-price_digits;
    steps × ticks × value_multiplier / value_divisor is the value in minor units of the currency.
    """

    id = models.BigAutoField(primary_key=True)
    symbol = models.CharField(max_length=24, unique=True, help_text="AAPL-PERP, IBM-FUT-200812")
    kind = models.CharField(max_length=9, choices=ContractKind.choices)
    underlying = models.ForeignKey(
        "reference.Security", null=True, on_delete=models.PROTECT, related_name="+", help_text="Its close is the index."
    )
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    expiry_date = models.DateField(null=True, help_text="Futures only.")
    price_digits = models.SmallIntegerField()
    quantity_digits = models.SmallIntegerField()
    value_multiplier = models.BigIntegerField()
    value_divisor = models.BigIntegerField()
    initial_bp = models.IntegerField(default=2_000, help_text="Initial margin, basis points of the notional.")
    maintenance_bp = models.IntegerField(default=1_000, help_text="Maintenance margin, basis points of the notional.")
    liquidation_fee_bp = models.IntegerField(default=150, help_text="Of what a liquidation fills at market.")
    depth_steps = models.BigIntegerField(help_text="What the market takes of one liquidation, in steps.")
    price_band_bp = models.IntegerField(default=1_000, help_text="How far from the mark a trade may be.")
    mark_band_bp = models.IntegerField(default=5_000, help_text="How far from the last mark the next may be.")
    position_limit_steps = models.BigIntegerField()
    largest_price_ticks = models.BigIntegerField()
    funding_cap_ppm = models.IntegerField(default=7_500, help_text="Highest rate of one funding, either way.")
    stale_after_seconds = models.IntegerField(default=86_400, help_text="A mark older than this decides no trade.")
    market_maker = models.ForeignKey(
        "clearing.DerivativeAccount", null=True, on_delete=models.PROTECT, related_name="+",
        help_text="Takes the other side of trades that name none, and of liquidations.",
    )  # fmt: skip
    status = models.CharField(max_length=7, choices=ContractStatus.choices, default=ContractStatus.ACTIVE)
    expired_at = models.DateTimeField(null=True, help_text="Business time.")

    class Meta:
        ordering = ["symbol"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="PERPETUAL", expiry_date__isnull=True, symbol__regex=r"^[A-Z0-9]{1,12}-PERP$")
                | Q(kind="FUTURE", expiry_date__isnull=False, symbol__regex=r"^[A-Z0-9]{1,12}-FUT-[0-9]{6}$"),
                name="derivativecontract_kind",
            ),
            models.CheckConstraint(
                condition=Q(price_digits__range=(0, 6), quantity_digits__range=(0, 8), value_multiplier__gte=1)
                & Q(value_divisor__in=[10**digits for digits in range(13)]),
                name="derivativecontract_scales",
            ),
            models.CheckConstraint(
                condition=Q(maintenance_bp__gte=1, initial_bp__gte=F("maintenance_bp"), initial_bp__lte=10_000),
                name="derivativecontract_margins",
            ),
            models.CheckConstraint(
                condition=Q(liquidation_fee_bp__range=(0, 1_000), funding_cap_ppm__range=(0, 100_000))
                & Q(price_band_bp__range=(1, 10_000), mark_band_bp__range=(1, 10_000), stale_after_seconds__gte=1),
                name="derivativecontract_rates",
            ),
            models.CheckConstraint(
                condition=Q(depth_steps__gte=0, position_limit_steps__range=(1, LARGEST_STEPS))
                & Q(largest_price_ticks__range=(1, 10**12)),
                name="derivativecontract_limits",
            ),
            # What the live script multiplies stays within the whole numbers that its double floats hold.
            models.CheckConstraint(
                condition=Q(
                    position_limit_steps__lte=models.Value(LARGEST_PRODUCT)
                    / F("largest_price_ticks")
                    / F("value_multiplier")
                )
                & Q(
                    position_limit_steps__lte=models.Value(LARGEST_POSITION_MINOR)
                    / F("largest_price_ticks")
                    * F("value_divisor")
                    / F("value_multiplier")
                ),
                name="derivativecontract_worth_within_range",
            ),
            models.CheckConstraint(
                condition=Q(status="ACTIVE", expired_at__isnull=True)
                | Q(status="EXPIRED", expired_at__isnull=False, kind="FUTURE"),
                name="derivativecontract_only_futures_expire",
            ),
        ]
        triggers = [
            *refuse_delete(table="clearing_derivativecontract"),
            immutable_columns(
                table="clearing_derivativecontract",
                columns=(
                    "id", "symbol", "kind", "underlying_id", "currency_id", "expiry_date", "price_digits",
                    "quantity_digits", "value_multiplier", "value_divisor", "initial_bp", "maintenance_bp",
                    "position_limit_steps", "largest_price_ticks",
                ),
            ),
            legal_steps(table="clearing_derivativecontract", column="status", transitions=CONTRACT_STEPS),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.symbol


class AccountPurpose(models.TextChoices):
    """Whose money a derivatives account holds."""

    PARTICIPANT = "PARTICIPANT", "A participant's margin account"
    INSURANCE = "INSURANCE", "The insurance fund"


class DerivativeAccount(models.Model):
    """A margin account in one currency: a participant's, or the insurance fund.

    Its money lies on an account of the CCP in the ledger, DV-<participant> or DV-INSURANCE.
    """

    id = models.BigAutoField(primary_key=True)
    participant = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=11, choices=AccountPurpose.choices)
    cash_account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(help_text="Business time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["participant", "currency", "purpose"], name="derivativeaccount_once_a_currency"
            ),
            models.UniqueConstraint(fields=["cash_account", "currency"], name="derivativeaccount_own_cash"),
            models.UniqueConstraint(
                fields=["currency"], condition=Q(purpose="INSURANCE"), name="derivativeaccount_one_insurance_fund"
            ),
            models.CheckConstraint(condition=Q(purpose__in=AccountPurpose.values), name="derivativeaccount_purpose"),
        ]
        triggers = append_only(table="clearing_derivativeaccount")

    def __str__(self) -> str:
        return f"derivatives account {self.pk}"
