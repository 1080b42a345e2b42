"""Clients and traders: who may send orders, through whom, into which account, and up to which limits."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reference.core.limits import LARGEST_AMOUNT
from reference.triggers import refuse_delete


class ClientStatus(models.TextChoices):
    """Whether a client may trade."""

    ACTIVE = "ACTIVE", "Active"
    SUSPENDED = "SUSPENDED", "Suspended"
    CLOSED = "CLOSED", "Closed"


class Client(models.Model):
    """Somebody whose orders a broker sends to the venues. Amounts are in the client's default currency."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    broker = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="order_clients")
    settlement_account = models.ForeignKey(
        "ledger.Account", on_delete=models.PROTECT, related_name="+", help_text="A securities account of the broker."
    )
    default_currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=9, choices=ClientStatus.choices, default=ClientStatus.ACTIVE)
    credit_limit_minor = models.BigIntegerField(help_text="The most that open orders and unsettled buys may cost.")
    daily_limit_minor = models.BigIntegerField(help_text="The most that may be ordered in one business day.")
    margin_percent = models.DecimalField(
        max_digits=5, decimal_places=2, default=0, help_text="Cash to be held, of an order's notional."
    )
    short_sale_allowed = models.BooleanField(default=False)
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9][A-Z0-9-]{1,19}$"), name="client_code_shape"),
            models.CheckConstraint(condition=Q(status__in=ClientStatus.values), name="client_status"),
            models.CheckConstraint(
                condition=Q(
                    credit_limit_minor__gte=0, daily_limit_minor__gte=0, margin_percent__gte=0, margin_percent__lte=100,
                    credit_limit_minor__lte=LARGEST_AMOUNT, daily_limit_minor__lte=LARGEST_AMOUNT,
                ),
                name="client_limits",
            ),
        ]  # fmt: skip
        triggers = [*refuse_delete(table="trades_client")]

    def __str__(self) -> str:
        return self.code


class Trader(models.Model):
    """A person who enters orders for a broker's clients."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    broker = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="traders")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="trader"
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9][A-Z0-9-]{1,19}$"), name="trader_code_shape"),
        ]
        triggers = [*refuse_delete(table="trades_trader")]

    def __str__(self) -> str:
        return self.code
