"""Auto-collateralisation: haircuts, credit lines, the credits drawn on them and what was pledged for each."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reference.triggers import append_only, immutable_columns, legal_steps, refuse_delete
from settlement.core.collateral import CollateralCategory
from settlement.core.credit_lifecycle import TRANSITIONS, CreditStatus


class CollateralHaircut(models.Model):
    """What is taken off the price of a kind of security, from a day on until its next row.

    A category without a valid row is not eligible, nor is one with a haircut of 100 %.
    """

    id = models.BigAutoField(primary_key=True)
    category = models.CharField(max_length=17, choices=[(row.value, row.value) for row in CollateralCategory])
    valid_from = models.DateField()
    percent = models.DecimalField(max_digits=6, decimal_places=3)

    class Meta:
        ordering = ["category", "valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["category", "valid_from"], name="collateralhaircut_once"),
            models.CheckConstraint(
                condition=Q(category__in=list(CollateralCategory)), name="collateralhaircut_category"
            ),
            models.CheckConstraint(
                condition=Q(percent__gte=0, percent__lte=100), name="collateralhaircut_between_nothing_and_all"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} from {self.valid_from}: {self.percent} %"


class CreditLine(models.Model):
    """How much intraday credit the central bank gives a participant's own cash account, against its securities.

    The four accounts are the central bank's, in this participant's name: credit and collateral of the day, and
    of what was not reimbursed by its end.
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+")
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+")
    limit_minor = models.BigIntegerField()
    active = models.BooleanField(default=True, help_text="Off: nothing more is drawn; what is open stays owed.")
    credit_account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+", db_index=False)
    collateral_account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+", db_index=False)
    overnight_account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+", db_index=False)
    overnight_collateral_account = models.ForeignKey(
        "ledger.Account", on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        ordering = ["account", "currency"]
        constraints = [
            models.UniqueConstraint(fields=["account", "currency"], name="creditline_once"),
            models.CheckConstraint(condition=Q(limit_minor__gte=0), name="creditline_limit_not_negative"),
        ]
        triggers = [
            *refuse_delete(table="settlement_creditline"),
            immutable_columns(
                table="settlement_creditline",
                columns=(
                    "account_id", "currency_id", "credit_account_id", "collateral_account_id", "overnight_account_id",
                    "overnight_collateral_account_id",
                ),
            ),
            pgtrigger.Trigger(
                name="settlement_creditline_accounts",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                declare=[("fitting", "bigint")],
                func="""
                    SELECT count(*) INTO fitting FROM ledger_account c
                    JOIN ledger_account p ON p.id IN (NEW.credit_account_id, NEW.overnight_account_id)
                        AND p.kind = 'CASH' AND p.participant_id <> c.participant_id
                    JOIN ledger_account s ON s.linked_cash_id = p.id
                        AND s.id IN (NEW.collateral_account_id, NEW.overnight_collateral_account_id)
                        AND (s.id = NEW.collateral_account_id) = (p.id = NEW.credit_account_id)
                    WHERE c.id = NEW.account_id AND c.kind = 'CASH' AND c.name = 'HOUSE';
                    IF fitting <> 2 THEN
                        RAISE EXCEPTION 'a credit line joins a house cash account with two pairs of accounts of another'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'creditline_accounts';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"credit line {self.pk}"


class CreditDraw(models.Model):
    """One credit that a cycle drew on a line: reimbursed the same day, or relocated and owed overnight."""

    id = models.BigAutoField(primary_key=True)
    line = models.ForeignKey(CreditLine, on_delete=models.PROTECT, related_name="draws")
    cycle = models.ForeignKey("settlement.Cycle", on_delete=models.PROTECT, related_name="credits")
    business_date = models.DateField(db_index=True)
    at = models.DateTimeField(help_text="Business time.")
    amount_minor = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=[(state.value, state.title()) for state in CreditStatus])
    relocated_at = models.DateTimeField(null=True, help_text="Business time.")
    reimbursed_at = models.DateTimeField(null=True, help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["line"], name="creditdraw_owed", condition=~Q(status="REIMBURSED"))]
        constraints = [
            models.UniqueConstraint(fields=["line", "cycle"], name="creditdraw_once_a_cycle"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="creditdraw_lends_something"),
            models.CheckConstraint(condition=Q(status__in=list(CreditStatus)), name="creditdraw_status"),
            models.CheckConstraint(
                condition=Q(status="OPEN", relocated_at__isnull=True, reimbursed_at__isnull=True)
                | Q(status="RELOCATED", relocated_at__isnull=False, reimbursed_at__isnull=True)
                | Q(status="REIMBURSED", reimbursed_at__isnull=False),
                name="creditdraw_ends_as_it_says",
            ),
        ]
        triggers = [
            *refuse_delete(table="settlement_creditdraw"),
            legal_steps(table="settlement_creditdraw", column="status", transitions=TRANSITIONS),
            immutable_columns(
                table="settlement_creditdraw", columns=("line_id", "cycle_id", "business_date", "at", "amount_minor")
            ),
            pgtrigger.Trigger(
                name="settlement_creditdraw_born_open",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.status <> 'OPEN'"),
                func="RAISE EXCEPTION 'a credit begins OPEN' USING ERRCODE = 'check_violation';",
            ),
            pgtrigger.Trigger(
                name="settlement_creditdraw_within_limit",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func="""
                    IF EXISTS (
                        SELECT 1 FROM settlement_creditline l JOIN settlement_creditdraw d ON d.line_id = l.id
                        WHERE l.id IN (SELECT line_id FROM new_rows) AND d.status <> 'REIMBURSED'
                        GROUP BY l.id HAVING sum(d.amount_minor) > l.limit_minor OR NOT l.active
                    ) THEN
                        RAISE EXCEPTION 'more credit than the line gives'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'creditdraw_within_limit';
                    END IF;
                    RETURN NULL;
                """,
            ),
            # At the end of the transaction, for the pledges come after the credit.
            pgtrigger.Trigger(
                name="settlement_creditdraw_covered",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="""
                    IF NEW.amount_minor > coalesce((
                        SELECT sum(p.units::numeric * p.unit_value_minor) FROM settlement_collateralpledge p
                        WHERE p.credit_id = NEW.id), 0)
                    THEN
                        RAISE EXCEPTION 'a credit is covered by what is pledged for it'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'creditdraw_covered';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"credit {self.pk} of {self.amount_minor}"

    @property
    def currency_id(self) -> int:
        """Return the id of its line's currency."""
        return self.line.currency_id


class CollateralPledge(models.Model):
    """Units of one security pledged for a credit; released with it, once."""

    id = models.BigAutoField(primary_key=True)
    credit = models.ForeignKey(CreditDraw, on_delete=models.PROTECT, related_name="pledges")
    securities_account = models.ForeignKey(
        "ledger.Account", on_delete=models.PROTECT, related_name="+", db_index=False,
        help_text="From where they came and to where they go back.",
    )  # fmt: skip
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+", db_index=False)
    units = models.BigIntegerField()
    unit_value_minor = models.BigIntegerField(help_text="After the haircut, when it was drawn.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["credit", "securities_account", "security"], name="collateralpledge_once_a_credit"
            ),
            models.CheckConstraint(condition=Q(units__gt=0, unit_value_minor__gt=0), name="collateralpledge_is_worth"),
        ]
        triggers = append_only(table="settlement_collateralpledge")

    def __str__(self) -> str:
        return f"{self.units} of {self.security_id} for credit {self.credit_id}"

    @property
    def value_minor(self) -> int:
        """Return what the pledge was worth when the credit was drawn."""
        return self.units * self.unit_value_minor
