"""Positions that enter netting without a trade: what failed and rolls on, what is transferred or closed out."""

import pgtrigger
from django.db import models
from django.db.models import Q

from reference.triggers import immutable_columns, refuse_delete

SUMS_TO_ZERO = """
    IF EXISTS (
        SELECT 1 FROM new_rows GROUP BY cause, cause_id, security_id, currency_id
        HAVING sum(quantity_units) <> 0 OR sum(cash_minor) <> 0
    ) THEN
        RAISE EXCEPTION 'what is carried does not sum to zero per security and currency'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'carriedcontract_sums_to_zero';
    END IF;
    RETURN NULL;
"""


class CarryCause(models.TextChoices):
    """Why a position is carried."""

    ROLL = "ROLL", "Rolled: it failed and joins the next net"
    TRANSFER = "TRANSFER", "Transferred to another account"
    CLOSE_OUT = "CLOSE_OUT", "Closed out"
    ALLOCATION = "ALLOCATION", "Allocated: of a block, to one of its accounts"
    REVERSAL = "REVERSAL", "An allocation taken back"


class CarriedContract(models.Model):
    """One account's side of a position that is carried: what it receives (+) or delivers and pays (−).

    All rows of one cause sum to zero per security and currency, the CCP's own row included. The CCP's rows
    take part in no netting: what it owes one side it is owed by the other, or holds.
    """

    id = models.BigAutoField(primary_key=True)
    cause = models.CharField(max_length=10, choices=CarryCause.choices)
    cause_id = models.BigIntegerField(
        help_text="ROLL: the obligation. ALLOCATION, REVERSAL: the share. Else the row of the default case."
    )
    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+", db_index=False)
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    settlement_date = models.DateField(help_text="From which netting on it takes part.")
    quantity_units = models.BigIntegerField(help_text="Positive: the account receives; negative: it delivers.")
    cash_minor = models.BigIntegerField(help_text="Positive: the account receives; negative: it pays.")
    netting_run = models.ForeignKey("clearing.NettingRun", null=True, on_delete=models.PROTECT, related_name="carried")
    created_at = models.DateTimeField(help_text="Business time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cause", "cause_id", "account", "security", "currency", "settlement_date"],
                name="carriedcontract_once",
            ),
            models.CheckConstraint(condition=Q(cause__in=CarryCause.values), name="carriedcontract_cause"),
            models.CheckConstraint(
                condition=~Q(quantity_units=0) | ~Q(cash_minor=0), name="carriedcontract_moves_something"
            ),
        ]
        indexes = [
            models.Index(
                fields=["settlement_date"], name="carriedcontract_waiting", condition=Q(netting_run__isnull=True)
            ),
        ]
        triggers = [
            *refuse_delete(table="clearing_carriedcontract"),
            immutable_columns(
                table="clearing_carriedcontract",
                columns=(
                    "cause", "cause_id", "account_id", "security_id", "currency_id", "settlement_date",
                    "quantity_units", "cash_minor", "created_at",
                ),
            ),
            pgtrigger.Trigger(
                name="clearing_carriedcontract_sums_to_zero",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func=SUMS_TO_ZERO,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.cause} {self.cause_id}: {self.quantity_units:+d}"
