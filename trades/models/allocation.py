"""Blocks shared among a participant's accounts: what was instructed, and what each account got."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.core.limits import LARGEST_AMOUNT
from reference.triggers import append_only, immutable_columns, legal_steps, refuse_delete
from trades.core.allocation_lifecycle import ALLOCATION_TRANSITIONS, EFFECTIVE_STATUSES, AllocationStatus
from trades.core.book.terms import OrderSide

IS_WHOLE = """
    IF (SELECT (coalesce(sum(s.quantity_units), 0), coalesce(sum(s.amount_minor), 0), coalesce(sum(s.fee_minor), 0))
        FROM trades_allocationshare s WHERE s.allocation_id = NEW.id)
        IS DISTINCT FROM (NEW.quantity_units::numeric, NEW.amount_minor::numeric, NEW.fee_minor::numeric) THEN
        RAISE EXCEPTION 'the shares of allocation % do not add up to its block', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_is_whole';
    END IF;
    IF (SELECT (coalesce(sum(b.quantity_units), 0), coalesce(sum(b.amount_minor), 0), coalesce(sum(b.fee_minor), 0))
        FROM (
            SELECT m.quantity_units, m.amount_minor, 0 AS fee_minor FROM trades_match m
            WHERE NEW.trade_id = CASE NEW.side WHEN 'BUY' THEN m.buy_trade_id ELSE m.sell_trade_id END
            UNION ALL
            SELECT f.quantity_units, f.amount_minor, f.fee_minor
            FROM trades_fill f JOIN trades_trade t ON t.id = f.trade_id
            WHERE f.order_id = NEW.order_id AND t.trade_date = NEW.trade_date AND t.status <> 'CANCELLED'
        ) b) IS DISTINCT FROM (NEW.quantity_units::numeric, NEW.amount_minor::numeric, NEW.fee_minor::numeric) THEN
        RAISE EXCEPTION 'allocation % is not of what was traded', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_is_of_its_block';
    END IF;
    RETURN NULL;
"""

BLOCK_IS_ITS_PARTYS = """
    IF NOT EXISTS (
        SELECT FROM ledger_account a
        WHERE a.id = NEW.account_id AND a.kind = 'SECURITIES' AND a.participant_id = NEW.participant_id
    ) OR NOT EXISTS (
        SELECT FROM trades_trade t
        WHERE t.id = NEW.trade_id AND t.cleared AND t.side IN (NEW.side, 'BOTH') AND t.trade_date = NEW.trade_date
          AND NEW.account_id = CASE NEW.side WHEN 'BUY' THEN t.buyer_account_id ELSE t.seller_account_id END
        UNION ALL
        SELECT FROM trades_order o WHERE o.id = NEW.order_id AND o.side = NEW.side AND o.account_id = NEW.account_id
    ) THEN
        RAISE EXCEPTION 'the block stands in another account, or is not cleared'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_block_is_its_partys';
    END IF;
    IF EXISTS (
        SELECT FROM trades_fill f JOIN trades_order o ON o.id = f.order_id
        WHERE f.trade_id = NEW.trade_id AND o.side = NEW.side
    ) THEN
        RAISE EXCEPTION 'an order''s fill is allocated with its order'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_fills_go_with_their_order';
    END IF;
    RETURN NULL;
"""

TARGETS_ARE_THE_PARTYS = """
    IF EXISTS (
        SELECT FROM new_rows n
        JOIN trades_allocation l ON l.id = n.allocation_id
        JOIN ledger_account a ON a.id = n.account_id
        WHERE a.kind <> 'SECURITIES' OR a.participant_id <> l.participant_id
    ) THEN
        RAISE EXCEPTION 'a block is allocated to securities accounts of its own party'
            USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_accounts_are_the_partys';
    END IF;
"""

SHARES_ARE_WHOLE = """
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT allocation_id FROM new_rows) n
        JOIN trades_allocation a ON a.id = n.allocation_id
        CROSS JOIN LATERAL (
            SELECT sum(quantity_units) AS quantity, sum(amount_minor) AS amount, sum(fee_minor) AS fee
            FROM trades_allocationshare s WHERE s.allocation_id = a.id
        ) s
        WHERE a.status <> 'APPLIED' OR (s.quantity, s.amount, s.fee)
              IS DISTINCT FROM (a.quantity_units::numeric, a.amount_minor::numeric, a.fee_minor::numeric)
    ) THEN
        RAISE EXCEPTION 'the shares do not add up to the block'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocationshare_adds_up';
    END IF;
"""


class AllocationMethod(models.TextChoices):
    """How a block is shared."""

    QUANTITY = "QUANTITY", "By quantity"
    PERCENTAGE = "PERCENTAGE", "By percentage"
    PRO_RATA = "PRO_RATA", "Pro rata"


def checked_rows(*, table: str, func: str) -> pgtrigger.Trigger:
    """Check, once per INSERT statement, all that it inserted."""
    return pgtrigger.Trigger(
        name=f"{table}_rows_checked",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func=f"{func} RETURN NULL;",
    )


class Allocation(models.Model):
    """One version of how a block is shared. The block is one side of a trade, or all fills of an order on one date.

    A re-allocation is a new version, which names the one it replaces.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.UUIDField(unique=True)
    participant = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(
        "ledger.Account", on_delete=models.PROTECT, related_name="+", help_text="Where the block stands."
    )
    trade = models.ForeignKey("trades.Trade", null=True, on_delete=models.PROTECT, related_name="allocations")
    order = models.ForeignKey("trades.Order", null=True, on_delete=models.PROTECT, related_name="allocations")
    trade_date = models.DateField()
    side = models.CharField(max_length=4, choices=[(side, side.title()) for side in OrderSide])
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+")
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=10, choices=AllocationMethod.choices)
    status = models.CharField(max_length=9, choices=[(state, state.title()) for state in AllocationStatus])
    settlement_date = models.DateField(null=True, help_text="The block's; empty until it is applied.")
    quantity_units = models.BigIntegerField(null=True, help_text="The block's; empty until it is applied.")
    amount_minor = models.BigIntegerField(null=True, help_text="The block's, without fees.")
    fee_minor = models.BigIntegerField(null=True, help_text="The block's; below zero: a rebate.")
    instructed_by = models.CharField(max_length=150)
    instructed_at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField(help_text="When it was instructed.")
    applied_at = models.DateTimeField(null=True, help_text="Business time.")
    applied_on = models.DateField(null=True, help_text="Business date; positions move on it.")
    ended_at = models.DateTimeField(null=True, help_text="When it was cancelled or lapsed. Business time.")
    ended_on = models.DateField(null=True, help_text="Business date.")
    note = models.TextField(blank=True, help_text="Why it ended, in words.")
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="replaced_by", help_text="The version before."
    )
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(trade__isnull=False, order__isnull=True) | Q(trade__isnull=True, order__isnull=False),
                name="allocation_of_a_trade_or_an_order",
            ),
            models.CheckConstraint(condition=Q(side__in=list(OrderSide)), name="allocation_side"),
            models.CheckConstraint(condition=Q(method__in=AllocationMethod.values), name="allocation_method"),
            models.CheckConstraint(condition=Q(status__in=list(AllocationStatus)), name="allocation_status"),
            models.CheckConstraint(
                condition=Q(
                    applied_at__isnull=True,
                    applied_on__isnull=True,
                    settlement_date__isnull=True,
                    quantity_units__isnull=True,
                    amount_minor__isnull=True,
                    fee_minor__isnull=True,
                )
                & ~Q(status="APPLIED")
                | Q(
                    applied_at__isnull=False,
                    applied_on__isnull=False,
                    settlement_date__isnull=False,
                    quantity_units__gt=0,
                    quantity_units__lte=LARGEST_AMOUNT,
                    amount_minor__gt=0,
                    amount_minor__lte=LARGEST_AMOUNT,
                    fee_minor__isnull=False,
                    status__in=["APPLIED", "CANCELLED"],
                ),
                name="allocation_has_a_block_iff_applied",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_on__isnull=True, status__in=list(EFFECTIVE_STATUSES))
                | Q(ended_at__isnull=False, ended_on__isnull=False, status__in=["CANCELLED", "LAPSED"]),
                name="allocation_ended",
            ),
            models.CheckConstraint(
                condition=Q(replaces__isnull=True) | ~Q(replaces=F("id")), name="allocation_replaces_another"
            ),
            models.UniqueConstraint(
                fields=["trade", "side"],
                condition=Q(status__in=list(EFFECTIVE_STATUSES), trade__isnull=False),
                name="allocation_one_a_trade_side",
            ),
            models.UniqueConstraint(
                fields=["order", "trade_date"],
                condition=Q(status__in=list(EFFECTIVE_STATUSES), order__isnull=False),
                name="allocation_one_an_order_and_date",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="allocation_waiting", condition=Q(status="WAITING")),
            models.Index(fields=["applied_on"], name="allocation_applied_on"),
            models.Index(fields=["ended_on"], name="allocation_ended_on"),
            models.Index(fields=["settlement_date"], name="allocation_settlement_date", condition=Q(status="APPLIED")),
        ]
        triggers = [
            *refuse_delete(table="trades_allocation"),
            legal_steps(table="trades_allocation", column="status", transitions=ALLOCATION_TRANSITIONS),
            immutable_columns(
                table="trades_allocation",
                columns=(
                    "public_id", "participant_id", "account_id", "trade_id", "order_id", "trade_date", "side",
                    "security_id", "currency_id", "method", "instructed_by", "instructed_at", "business_date",
                    "replaces_id",
                ),
            ),
            pgtrigger.Trigger(
                name="trades_allocation_block_stays",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf(
                    "settlement_date", "quantity_units", "amount_minor", "fee_minor", "applied_at", "applied_on"
                ),
                condition=pgtrigger.Condition("OLD.applied_at IS NOT NULL"),
                func="RAISE EXCEPTION 'what was applied never changes' USING ERRCODE = 'restrict_violation';",
            ),
            pgtrigger.Trigger(
                name="trades_allocation_block_is_its_partys",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=BLOCK_IS_ITS_PARTYS,
            ),
            pgtrigger.Trigger(
                name="trades_allocation_is_whole",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("status"),
                condition=pgtrigger.Condition("NEW.status = 'APPLIED'"),
                timing=pgtrigger.Deferred,
                func=IS_WHOLE,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"allocation {self.pk}"


class AllocationLine(models.Model):
    """What was told for one account: units, percent, or a weight."""

    id = models.BigAutoField(primary_key=True)
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="lines")
    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+")
    told = models.DecimalField(max_digits=24, decimal_places=6, help_text="Units, percent or weight, by the method.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["allocation", "account"], name="allocationline_once"),
            models.CheckConstraint(condition=Q(told__gt=0), name="allocationline_positive"),
        ]
        triggers = [
            *append_only(table="trades_allocationline"),
            checked_rows(
                table="trades_allocationline", func=TARGETS_ARE_THE_PARTYS.format(table="allocationline")
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.allocation_id}: {self.told} for account {self.account_id}"


class AllocationShare(models.Model):
    """What one account got of an applied allocation; all of them together, the block."""

    id = models.BigAutoField(primary_key=True)
    allocation = models.ForeignKey(Allocation, on_delete=models.PROTECT, related_name="shares")
    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+")
    quantity_units = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["allocation", "account"], name="allocationshare_once"),
            models.CheckConstraint(
                condition=Q(quantity_units__gt=0, amount_minor__gte=0), name="allocationshare_at_least_a_unit"
            ),
        ]
        triggers = [
            *append_only(table="trades_allocationshare"),
            checked_rows(
                table="trades_allocationshare",
                func=TARGETS_ARE_THE_PARTYS.format(table="allocationshare") + SHARES_ARE_WHOLE,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.allocation_id}: {self.quantity_units} for account {self.account_id}"
