"""Novation, netting and the obligations that settlement discharges."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.triggers import append_only, immutable_columns, references_checked, refuse_delete


class NettingRun(models.Model):
    """One multilateral netting of all novated trades due, for one settlement date."""

    id = models.BigAutoField(primary_key=True)
    business_date = models.DateField()
    settlement_date = models.DateField(help_text="The date the netted trades were to settle.")
    ran_at = models.DateTimeField(help_text="Business time.")
    contracts = models.IntegerField(help_text="Novated trades that went in.")
    obligations = models.IntegerField(help_text="Net obligations that came out.")
    gross_minor = models.JSONField(help_text="Currency -> value to settle without netting, both sides of the CCP.")
    net_minor = models.JSONField(help_text="Currency -> value to settle after netting.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        triggers = append_only(table="clearing_nettingrun")

    def __str__(self) -> str:
        return f"netting {self.pk} for {self.settlement_date}"


class Novation(models.Model):
    """A match that became two contracts, each against the CCP.

    The two contracts are the match's two sides with the CCP in between; they need no rows of their own.
    """

    match = models.OneToOneField(
        "trades.Match",
        primary_key=True,
        on_delete=models.PROTECT,
        related_name="novation",
        db_constraint=False,
    )
    settlement_date = models.DateField()
    novated_at = models.DateTimeField(help_text="Business time.")
    business_date = models.DateField()
    netting_run = models.ForeignKey(
        NettingRun,
        null=True,
        on_delete=models.PROTECT,
        related_name="novations",
        db_constraint=False,
        db_index=False,
    )
    cancelled_at = models.DateTimeField(null=True, help_text="Business time; only before netting.")

    class Meta:
        indexes = [models.Index(fields=["settlement_date"], name="novation_settlement_date")]
        constraints = [
            models.CheckConstraint(
                condition=Q(netting_run__isnull=True) | Q(cancelled_at__isnull=True),
                name="novation_netted_or_cancelled",
            )
        ]
        triggers = [
            *refuse_delete(table="clearing_novation"),
            immutable_columns(
                table="clearing_novation",
                columns=("match_id", "settlement_date", "novated_at", "business_date"),
            ),
            references_checked(
                table="clearing_novation", references={"match_id": "trades_match"}, distinct=("match_id",)
            ),
        ]

    def __str__(self) -> str:
        return f"novation of match {self.match_id}"


class ObligationKind(models.TextChoices):
    """Whether an obligation came out of netting."""

    NET = "NET", "Net, against the CCP"
    GROSS = "GROSS", "Gross, a trade that is not cleared"


class Obligation(models.Model):
    """What one account owes and is owed: net against the CCP, or gross between two parties.

    NET: one account's net in one security, currency and settlement date of one netting run.
    GROSS: one match that is not cleared. Securities go from deliverer to receiver, cash the other way.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=5, choices=ObligationKind.choices)
    netting_run = models.ForeignKey(
        NettingRun, null=True, on_delete=models.PROTECT, related_name="obligation_rows", db_constraint=False
    )
    match = models.OneToOneField(
        "trades.Match",
        null=True,
        on_delete=models.PROTECT,
        related_name="gross_obligation",
        db_constraint=False,
    )
    account = models.ForeignKey(
        "ledger.Account",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="NET: the member's securities account. GROSS: the seller's.",
    )
    counterparty_account = models.ForeignKey(
        "ledger.Account",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="NET: the CCP's securities account. GROSS: the buyer's.",
    )
    security = models.ForeignKey(
        "reference.Security", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    currency = models.ForeignKey(
        "reference.Currency", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    settlement_date = models.DateField()
    quantity_units = models.BigIntegerField(help_text="Positive: the account receives; negative: it delivers.")
    cash_minor = models.BigIntegerField(help_text="Positive: the account receives; negative: it pays.")
    trades = models.IntegerField(help_text="Contracts netted into it.")
    bought_minor = models.BigIntegerField(help_text="Gross value bought.")
    sold_minor = models.BigIntegerField(help_text="Gross value sold.")
    discharged_at = models.DateTimeField(null=True, help_text="Business time.")
    cancelled_at = models.DateTimeField(null=True, help_text="Business time; only a gross one, by both parties.")
    carried_at = models.DateTimeField(
        null=True, help_text="Business time; when its rest left it as carried contracts, into a later net."
    )
    created_at = models.DateTimeField(help_text="Business time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["netting_run", "account", "security", "currency"], name="obligation_net_once"
            ),
            models.CheckConstraint(
                condition=Q(kind="NET", netting_run__isnull=False, match__isnull=True)
                | Q(kind="GROSS", netting_run__isnull=True, match__isnull=False),
                name="obligation_kind",
            ),
            models.CheckConstraint(
                condition=Q(cash_minor=F("sold_minor") - F("bought_minor")),
                name="obligation_cash_is_sold_less_bought",
            ),
            models.CheckConstraint(
                condition=Q(cancelled_at__isnull=True) | Q(kind="GROSS", discharged_at__isnull=True),
                name="obligation_cancelled_only_gross",
            ),
            models.CheckConstraint(
                condition=Q(carried_at__isnull=True) | Q(kind="NET"), name="obligation_carried_only_net"
            ),
        ]
        indexes = [
            models.Index(fields=["settlement_date", "id"], name="obligation_settlement_date"),
            models.Index(
                fields=["id"],
                name="obligation_open",
                condition=Q(discharged_at__isnull=True, cancelled_at__isnull=True),
            ),
            models.Index(
                fields=["id"],
                name="obligation_carried",
                condition=Q(discharged_at__isnull=True, carried_at__isnull=False),
            ),
        ]
        triggers = [
            *refuse_delete(table="clearing_obligation"),
            immutable_columns(
                table="clearing_obligation",
                columns=(
                    "kind", "netting_run_id", "match_id", "account_id", "counterparty_account_id", "security_id",
                    "currency_id", "settlement_date", "quantity_units", "cash_minor", "trades", "bought_minor",
                    "sold_minor", "created_at",
                ),
            ),
            references_checked(
                table="clearing_obligation",
                references={
                    "netting_run_id": "clearing_nettingrun",
                    "match_id": "trades_match",
                    "account_id": "ledger_account",
                    "counterparty_account_id": "ledger_account",
                },
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"obligation {self.pk}"
