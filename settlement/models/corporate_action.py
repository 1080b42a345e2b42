"""Corporate actions, who is entitled to what, and the market claims on what was still to be delivered."""

from decimal import Decimal

import pgtrigger
from django.db import models
from django.db.models import F, Q

from reference.triggers import append_only, immutable_columns, legal_steps, refuse_delete
from settlement.core.corporate_actions import ACTION_TRANSITIONS, CorporateActionKind, CorporateActionStatus

KIND_FITS = """
    IF (NEW.kind = 'COUPON') <> (SELECT security_type = 'BOND' FROM reference_security
                                 WHERE asset_ptr_id = NEW.security_id) THEN
        RAISE EXCEPTION 'a coupon is paid on bonds, a dividend or a split on equities and funds'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'corporateaction_fits_its_security';
    END IF;
    RETURN NULL;
"""

PAID_IS_POSTED = """
    IF (SELECT coalesce(sum(amount), 0) FROM settlement_entitlement WHERE action_id = NEW.id) <>
       (SELECT coalesce(-sum(p.amount) FILTER (WHERE p.amount < 0), 0) FROM ledger_journalentry e
        JOIN ledger_posting p ON p.entry_id = e.id WHERE e.source = 'CORPORATE' AND e.source_id = NEW.id) THEN
        RAISE EXCEPTION 'corporate action % is paid when the journal says so', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'corporateaction_paid_is_posted';
    END IF;
    RETURN NULL;
"""

ENTITLED_AT_THE_RECORD_DATE = """
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT action_id FROM new_rows) n
        JOIN settlement_corporateaction a ON a.id = n.action_id WHERE a.status <> 'ANNOUNCED'
    ) THEN
        RAISE EXCEPTION 'entitlements are recorded once, at the end of the record date'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entitlement_recorded_once';
    END IF;
    IF EXISTS (
        SELECT 1 FROM new_rows n JOIN ledger_account a ON a.id = n.account_id
        WHERE a.kind <> 'SECURITIES' OR a.limit_minor IS NULL
    ) THEN
        RAISE EXCEPTION 'holders are entitled: securities accounts other than the issuance account'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entitlement_of_a_holder';
    END IF;
    RETURN NULL;
"""

CLAIM_FITS = """
    IF EXISTS (
        SELECT 1 FROM new_rows n
        JOIN settlement_corporateaction a ON a.id = n.action_id
        JOIN settlement_instruction i ON i.id = n.instruction_id
        WHERE a.status NOT IN ('RECORDED', 'PAID') OR i.security_id IS DISTINCT FROM a.security_id
           OR i.intended_date > a.record_date OR n.quantity_units > i.quantity_units
    ) THEN
        RAISE EXCEPTION 'a market claim is on a delivery of the security that was due by the record date'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'marketclaim_fits_its_instruction';
    END IF;
    RETURN NULL;
"""


class CorporateAction(models.Model):
    """A distribution on a security: announced, recorded at the end of its record date, paid on its payment date.

    Paid by one journal entry, (CORPORATE, its id): from the issuance account of the depository to every holder.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8, choices=[(kind.value, kind.title()) for kind in CorporateActionKind])
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="corporate_actions")
    ex_date = models.DateField(help_text="From this day on it is traded without the distribution.")
    record_date = models.DateField(help_text="Who holds it at the end of this day is entitled.")
    payment_date = models.DateField()
    rate = models.DecimalField(
        max_digits=16, decimal_places=8, null=True, help_text="A dividend's cash a unit; a coupon's percent of nominal."
    )
    currency = models.ForeignKey("reference.Currency", null=True, on_delete=models.PROTECT, related_name="+")
    ratio_new = models.IntegerField(null=True, help_text="A split gives so many units ...")
    ratio_old = models.IntegerField(null=True, help_text="... for each so many.")
    status = models.CharField(
        max_length=9,
        choices=[(state.value, state.title()) for state in CorporateActionStatus],
        default=CorporateActionStatus.ANNOUNCED,
    )
    entered_by = models.CharField(max_length=150)
    announced_at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(null=True, help_text="Business time.")
    paid_at = models.DateTimeField(null=True, help_text="Business time.")
    cancelled_at = models.DateTimeField(null=True, help_text="Business time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["security", "kind", "record_date"],
                condition=~Q(status="CANCELLED"),
                name="corporateaction_once",
            ),
            models.CheckConstraint(condition=Q(kind__in=list(CorporateActionKind)), name="corporateaction_kind"),
            models.CheckConstraint(condition=Q(status__in=list(CorporateActionStatus)), name="corporateaction_status"),
            models.CheckConstraint(
                condition=Q(record_date__gte=F("ex_date"), payment_date__gt=F("record_date")),
                name="corporateaction_dates_in_order",
            ),
            models.CheckConstraint(
                condition=Q(kind="SPLIT", rate=None, currency=None, ratio_old__gte=1, ratio_new__lte=1_000)
                & Q(ratio_new__gt=F("ratio_old"))
                | Q(kind__in=["DIVIDEND", "COUPON"], ratio_new=None, ratio_old=None, currency__isnull=False)
                & Q(rate__gt=0)
                & (Q(kind="DIVIDEND", rate__lte=1_000_000) | Q(kind="COUPON", rate__lte=100)),
                name="corporateaction_terms",
            ),
            models.CheckConstraint(
                condition=Q(status="ANNOUNCED", recorded_at=None, paid_at=None, cancelled_at=None)
                | Q(status="CANCELLED", recorded_at=None, paid_at=None, cancelled_at__isnull=False)
                | Q(status="RECORDED", recorded_at__isnull=False, paid_at=None, cancelled_at=None)
                | Q(status="PAID", recorded_at__isnull=False, paid_at__isnull=False, cancelled_at=None),
                name="corporateaction_status_has_its_time",
            ),
        ]
        triggers = [
            *refuse_delete(table="settlement_corporateaction"),
            legal_steps(table="settlement_corporateaction", column="status", transitions=ACTION_TRANSITIONS),
            immutable_columns(
                table="settlement_corporateaction",
                columns=(
                    "kind", "security_id", "ex_date", "record_date", "payment_date", "rate", "currency_id",
                    "ratio_new", "ratio_old", "entered_by", "announced_at",
                ),
            ),
            pgtrigger.Trigger(
                name="settlement_corporateaction_born_announced",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.status <> 'ANNOUNCED'"),
                func="RAISE EXCEPTION 'a corporate action begins ANNOUNCED' USING ERRCODE = 'check_violation';",
            ),
            pgtrigger.Trigger(
                name="settlement_corporateaction_fits_its_security",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=KIND_FITS,
            ),
            pgtrigger.Trigger(
                name="settlement_corporateaction_paid_is_posted",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("status"),
                condition=pgtrigger.Condition("NEW.status = 'PAID'"),
                func=PAID_IS_POSTED,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.security_id} recorded {self.record_date}"

    @property
    def terms(self) -> str:
        """Return in words what a unit is entitled to."""
        if self.kind == CorporateActionKind.SPLIT:
            return f"{self.ratio_new} for {self.ratio_old}"
        rate = f"{(self.rate or Decimal(0)).normalize():f}"
        if self.kind == CorporateActionKind.COUPON:
            return f"{rate} % of nominal"
        return f"{rate} {self.currency.code if self.currency else ''} a unit"


class Entitlement(models.Model):
    """What one account's holding at the end of the record date is entitled to."""

    id = models.BigAutoField(primary_key=True)
    action = models.ForeignKey(CorporateAction, on_delete=models.PROTECT, related_name="entitlements")
    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+")
    holding_units = models.BigIntegerField()
    amount = models.BigIntegerField(help_text="Minor units of cash, or units of a split.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["action", "account"], name="entitlement_once"),
            models.CheckConstraint(condition=Q(holding_units__gt=0, amount__gt=0), name="entitlement_of_something"),
        ]
        triggers = [
            *append_only(table="settlement_entitlement"),
            pgtrigger.Trigger(
                name="settlement_entitlement_at_the_record_date",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func=ENTITLED_AT_THE_RECORD_DATE,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} of action {self.action_id}: {self.amount}"


class MarketClaim(models.Model):
    """What the deliverer of an instruction that was pending at the record date owes its receiver.

    Settled by an instruction of source CORPORATE with this row's id.
    """

    id = models.BigAutoField(primary_key=True)
    action = models.ForeignKey(CorporateAction, on_delete=models.PROTECT, related_name="claims")
    instruction = models.ForeignKey("settlement.Instruction", on_delete=models.PROTECT, related_name="claims")
    quantity_units = models.BigIntegerField(help_text="What had not been delivered by the record date.")
    amount = models.BigIntegerField(help_text="Minor units of cash, or units of a split.")
    business_date = models.DateField(help_text="The day on which it was detected.")
    at = models.DateTimeField(help_text="Business time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["action", "instruction"], name="marketclaim_once"),
            models.CheckConstraint(condition=Q(quantity_units__gt=0, amount__gt=0), name="marketclaim_of_something"),
        ]
        triggers = [
            *append_only(table="settlement_marketclaim"),
            pgtrigger.Trigger(
                name="settlement_marketclaim_fits",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func=CLAIM_FITS,
            ),
        ]

    def __str__(self) -> str:
        return f"claim on instruction {self.instruction_id} of action {self.action_id}"
