"""What moved the derivatives accounts, in its order: the history from which the live state is rebuilt."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from clearing.models.derivatives import DerivativeAccount, DerivativeContract
from clearing.models.derivatives_rules import (
    CHANGES_SUM_TO_ZERO,
    MOVEMENTS_SUM_TO_ZERO,
    checked_after_insert,
)
from reference.triggers import append_only, references_checked


class EventKind(models.TextChoices):
    """What moved the live state."""

    TRADE = "TRADE", "Trade"
    MARK = "MARK", "Mark price"
    DEPOSIT = "DEPOSIT", "Deposit"
    WITHDRAWAL = "WITHDRAWAL", "Withdrawal"
    FUNDING = "FUNDING", "Funding payment"
    LIQUIDATION = "LIQUIDATION", "Liquidation"
    EXPIRY = "EXPIRY", "Settlement at expiry"


class DerivativeEvent(models.Model):
    """One movement of the live state, in the order in which it moved: the live store gave the number.

    What stands here has happened; what does not may be lost and has been acknowledged to nobody.
    """

    sequence = models.BigIntegerField(primary_key=True)
    nonce = models.UUIDField(unique=True, help_text="Tells this event from a lost one that had the same number.")
    kind = models.CharField(max_length=11, choices=EventKind.choices)
    account = models.ForeignKey(
        DerivativeAccount, null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False,
        help_text="Who asked for it, or whom it befell.",
    )  # fmt: skip
    client_id = models.CharField(max_length=64, blank=True, default="", help_text="The asker's own id of it.")
    digest = models.CharField(max_length=64, blank=True, default="", help_text="Of what was asked under client_id.")
    by = models.CharField(max_length=150, help_text="The login.")
    at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField()
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-sequence"]
        constraints = [
            models.CheckConstraint(condition=Q(sequence__gte=1), name="derivativeevent_counted_from_one"),
            models.CheckConstraint(condition=Q(kind__in=EventKind.values), name="derivativeevent_kind"),
            models.UniqueConstraint(
                fields=["account", "client_id"], condition=~Q(client_id=""), name="derivativeevent_asked_once"
            ),
            # A mark price is nobody's account's: it is asked for once by whoever sets it.
            models.UniqueConstraint(
                fields=["client_id"], condition=Q(kind="MARK") & ~Q(client_id=""), name="derivativeevent_marked_once"
            ),
            models.CheckConstraint(
                condition=Q(client_id="") | Q(account__isnull=False) | Q(kind="MARK"),
                name="derivativeevent_client_has_account",
            ),
        ]
        triggers = [
            *append_only(table="clearing_derivativeevent"),
            references_checked(
                table="clearing_derivativeevent", references={"account_id": "clearing_derivativeaccount"}
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.sequence}"


class TradeCause(models.TextChoices):
    """Why two accounts traded."""

    TRADE = "TRADE", "Agreed"
    LIQUIDATION = "LIQUIDATION", "Liquidation, filled at market"
    DELEVERAGE = "DELEVERAGE", "Auto-deleveraging at the bankruptcy price"


class DerivativeTrade(models.Model):
    """One account bought from another."""

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(
        DerivativeEvent, on_delete=models.PROTECT, related_name="trades", db_constraint=False, db_index=False
    )
    contract = models.ForeignKey(
        DerivativeContract, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    cause = models.CharField(max_length=11, choices=TradeCause.choices)
    buyer = models.ForeignKey(
        DerivativeAccount, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    seller = models.ForeignKey(
        DerivativeAccount, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    quantity_steps = models.BigIntegerField()
    price_ticks = models.BigIntegerField(help_text="Deleveraged: the bankruptcy price, to the nearest tick.")
    value_minor = models.BigIntegerField(help_text="What the buyer pays for it, and the seller is paid.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["event", "contract", "buyer", "seller", "cause"], name="derivativetrade_once_an_event"
            ),
            models.CheckConstraint(condition=Q(cause__in=TradeCause.values), name="derivativetrade_cause"),
            models.CheckConstraint(condition=Q(quantity_steps__gte=1), name="derivativetrade_quantity_positive"),
            models.CheckConstraint(
                condition=Q(price_ticks__gte=1, value_minor__gte=0) | Q(cause="DELEVERAGE"),
                name="derivativetrade_price_positive",
            ),
            models.CheckConstraint(condition=~Q(buyer=F("seller")), name="derivativetrade_two_accounts"),
        ]
        indexes = [
            models.Index(fields=["buyer", "-id"], name="derivativetrade_buyer"),
            models.Index(fields=["seller", "-id"], name="derivativetrade_seller"),
        ]
        triggers = [
            *append_only(table="clearing_derivativetrade"),
            references_checked(
                table="clearing_derivativetrade",
                references={
                    "event_id": "clearing_derivativeevent.sequence", "contract_id": "clearing_derivativecontract",
                    "buyer_id": "clearing_derivativeaccount", "seller_id": "clearing_derivativeaccount",
                },
                distinct=("event_id",),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.quantity_steps} @ {self.price_ticks}"


class PositionChange(models.Model):
    """What an event did to one account's position. A position is the sum of its changes."""

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(
        DerivativeEvent, on_delete=models.PROTECT, related_name="changes", db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        DerivativeAccount, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    contract = models.ForeignKey(
        DerivativeContract, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    quantity_steps = models.BigIntegerField(help_text="Positive: bought.")
    cost_minor = models.BigIntegerField(help_text="What the position cost more, or less; a short one costs below zero.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "contract", "event"], name="positionchange_once"),
        ]
        indexes = [models.Index(fields=["event"], name="positionchange_event")]
        triggers = [
            *append_only(table="clearing_positionchange"),
            references_checked(
                table="clearing_positionchange",
                references={
                    "event_id": "clearing_derivativeevent.sequence", "contract_id": "clearing_derivativecontract",
                    "account_id": "clearing_derivativeaccount",
                },
                distinct=("event_id",),
            ),
            checked_after_insert(
                table="clearing_positionchange", name="sums_to_zero", func=CHANGES_SUM_TO_ZERO
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.account_id}/{self.contract_id}: {self.quantity_steps:+d}"


class BalanceCause(models.TextChoices):
    """Why a balance moved."""

    DEPOSIT = "DEPOSIT", "Deposit"
    WITHDRAWAL = "WITHDRAWAL", "Withdrawal"
    REALISED = "REALISED", "Profit or loss realised"
    FUNDING = "FUNDING", "Funding payment"
    FEE = "FEE", "Liquidation fee"
    COVER = "COVER", "Loss covered by the insurance fund"
    SPREAD = "SPREAD", "Loss spread over the accounts"


class BalanceMovement(models.Model):
    """What an event did to one account's balance. A balance is the sum of its movements."""

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(
        DerivativeEvent, on_delete=models.PROTECT, related_name="movements", db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        DerivativeAccount, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=10, choices=BalanceCause.choices)
    amount_minor = models.BigIntegerField(help_text="Positive: received.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "event", "kind"], name="balancemovement_once"),
            models.CheckConstraint(condition=Q(kind__in=BalanceCause.values), name="balancemovement_kind"),
            models.CheckConstraint(
                condition=(
                    Q(kind="DEPOSIT", amount_minor__gt=0)
                    | Q(kind="WITHDRAWAL", amount_minor__lt=0)
                    | (~Q(kind__in=["DEPOSIT", "WITHDRAWAL"]) & ~Q(amount_minor=0))
                ),
                name="balancemovement_sign",
            ),
        ]
        indexes = [models.Index(fields=["event"], name="balancemovement_event")]
        triggers = [
            *append_only(table="clearing_balancemovement"),
            references_checked(
                table="clearing_balancemovement",
                references={
                    "event_id": "clearing_derivativeevent.sequence",
                    "account_id": "clearing_derivativeaccount",
                },
                distinct=("event_id",),
            ),
            checked_after_insert(table="clearing_balancemovement", name="sums_to_zero", func=MOVEMENTS_SUM_TO_ZERO),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.amount_minor:+d}"
