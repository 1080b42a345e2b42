"""Orders, and each step of their life."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.core.limits import LARGEST_AMOUNT
from reference.triggers import append_only, immutable_columns, legal_steps, refuse_delete
from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.order_lifecycle import ORDER_TRANSITIONS, OrderStatus
from trades.core.order_ticket import OrderType
from trades.models.limit_use import USE_WITH_INSERTED_ORDERS, USE_WITH_MOVED_ORDERS


class Order(models.Model):
    """A client's order. Quantity and limit change by replace only; what is filled, together with its fills."""

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True)
    client_order_id = models.CharField(max_length=36, help_text="The client's own reference (FIX tag 11).")
    client = models.ForeignKey("trades.Client", on_delete=models.PROTECT, related_name="orders")
    broker = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    trader = models.ForeignKey("trades.Trader", null=True, on_delete=models.PROTECT, related_name="orders")
    account = models.ForeignKey(
        "ledger.Account", on_delete=models.PROTECT, related_name="+", help_text="Securities account it settles in."
    )
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+")
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    side = models.CharField(max_length=4, choices=[(side, side.title()) for side in OrderSide])
    order_type = models.CharField(max_length=6, choices=[(kind, kind.title()) for kind in OrderType])
    time_in_force = models.CharField(max_length=3, choices=[(force, force) for force in TimeInForce])
    quantity_units = models.BigIntegerField()
    limit_price = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    protection_price = models.DecimalField(
        max_digits=18, decimal_places=6, null=True, help_text="The worst price at which a market order may trade."
    )
    expires_on = models.DateField(null=True, help_text="Last business day of a GTC order; empty: until cancelled.")
    routed_units = models.BigIntegerField(
        default=0, db_default=0, help_text="What is filled, and what of its slices is open at venues."
    )
    filled_units = models.BigIntegerField(default=0)
    filled_minor = models.BigIntegerField(default=0, help_text="Sum of its fills' amounts, without fees.")
    fees_minor = models.BigIntegerField(default=0)
    reserved_minor = models.BigIntegerField(
        default=0, help_text="What it holds of the client's credit limit, in the client's currency."
    )
    ordered_minor = models.BigIntegerField(
        default=0, help_text="What it took of the client's daily limit when it came, in the client's currency."
    )
    credit_rate = models.DecimalField(
        max_digits=20, decimal_places=10, default=1, help_text="The client's minor units for one of the order's."
    )
    arrival_mid = models.DecimalField(
        max_digits=18, decimal_places=6, null=True, help_text="Middle of the quote when it came; empty: none stood."
    )
    status = models.CharField(max_length=16, choices=[(state, state.title()) for state in OrderStatus])
    refusal_code = models.CharField(max_length=48, blank=True, help_text="Why it was rejected, by its stable code.")
    refusal = models.TextField(blank=True)
    digest = models.BinaryField(max_length=32, help_text="Of the order as it came: SHA-256.")
    received_at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField()
    entered_by = models.CharField(max_length=150)
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "client_order_id"], name="order_client_order_id_once"),
            models.CheckConstraint(condition=Q(side__in=list(OrderSide)), name="order_side"),
            models.CheckConstraint(condition=Q(time_in_force__in=list(TimeInForce)), name="order_time_in_force"),
            models.CheckConstraint(condition=Q(status__in=list(OrderStatus)), name="order_status"),
            models.CheckConstraint(
                condition=Q(
                    order_type=OrderType.LIMIT,
                    limit_price__isnull=False,
                    limit_price__gt=0,
                    protection_price__isnull=True,
                )
                | Q(order_type=OrderType.MARKET, limit_price__isnull=True)
                & (Q(protection_price__gt=0) | Q(protection_price__isnull=True, status="REJECTED")),
                name="order_limit_iff_limit_order",
            ),
            models.CheckConstraint(
                condition=Q(expires_on__isnull=True) | Q(time_in_force="GTC"), name="order_only_gtc_expires_on"
            ),
            models.CheckConstraint(
                condition=Q(quantity_units__gt=0, quantity_units__lte=LARGEST_AMOUNT, filled_units__gte=0)
                & Q(filled_units__lte=F("routed_units"), routed_units__lte=F("quantity_units"))
                & Q(filled_minor__gte=0),
                name="order_never_filled_above_quantity",
            ),
            models.CheckConstraint(
                condition=Q(reserved_minor=0)
                | Q(side="BUY", reserved_minor__gt=0, reserved_minor__lte=LARGEST_AMOUNT)
                & ~Q(status__in=["SETTLED", "REJECTED", "CANCELLED", "EXPIRED"]),
                name="order_reserves_while_a_purchase_stands",
            ),
            models.CheckConstraint(
                condition=Q(ordered_minor__gte=0, ordered_minor__lte=LARGEST_AMOUNT, credit_rate__gt=0),
                name="order_reckoned",
            ),
            models.CheckConstraint(
                condition=Q(status="REJECTED") & ~Q(refusal_code="") | ~Q(status="REJECTED"),
                name="order_rejection_has_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["business_date", "id"], name="order_business_date"),
            models.Index(
                fields=["account", "security"], name="order_unsettled",
                condition=~Q(status__in=["SETTLED", "REJECTED", "CANCELLED", "EXPIRED"]),
            ),
            models.Index(
                fields=["security", "id"], name="order_open",
                condition=Q(status__in=["VALIDATED", "ROUTING", "PARTIALLY_FILLED"]),
            ),
            models.Index(
                fields=["id"], name="order_to_route",
                condition=Q(status__in=["VALIDATED", "ROUTING", "PARTIALLY_FILLED"])
                & Q(routed_units__lt=F("quantity_units")),
            ),
            models.Index(
                fields=["status", "id"], name="order_following",
                condition=Q(status__in=["FILLED", "CLEARING", "CLEARED", "SETTLING"]),
            ),
        ]  # fmt: skip
        triggers = [
            *refuse_delete(table="trades_order"),
            legal_steps(table="trades_order", column="status", transitions=ORDER_TRANSITIONS),
            immutable_columns(
                table="trades_order",
                columns=(
                    "public_id", "client_order_id", "client_id", "broker_id", "account_id", "security_id",
                    "currency_id", "side", "order_type", "time_in_force", "ordered_minor", "credit_rate", "digest",
                    "received_at", "business_date",
                ),
            ),
            pgtrigger.Trigger(
                name="trades_order_takes_limits",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func=USE_WITH_INSERTED_ORDERS,
            ),
            pgtrigger.Trigger(
                name="trades_order_moves_credit",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
                declare=[("clients", "bigint[]"), ("changes", "bigint[]"), ("moved", "bigint")],
                func=USE_WITH_MOVED_ORDERS,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.client_order_id


class OrderStep(models.Model):
    """One step of an order's life: a status it came to, or a replacement that kept it."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="steps")
    status = models.CharField(max_length=16, choices=[(state, state.title()) for state in OrderStatus])
    at = models.DateTimeField(help_text="Business time.")
    note = models.TextField(blank=True, help_text="Why, in words: a refusal, who cancelled, what was replaced.")
    actor = models.CharField(max_length=150, blank=True)
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        indexes = [models.Index(fields=["order", "id"], name="orderstep_order")]
        triggers = append_only(table="trades_orderstep")

    def __str__(self) -> str:
        return f"{self.order_id} {self.status}"
