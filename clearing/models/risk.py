"""Margin: the model's parameters as data, and what each run marked, paid and required."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.triggers import append_only


class MarginMethod(models.TextChoices):
    """How the scenarios are made."""

    HS = "HS", "Historical"
    FHS = "FHS", "Filtered historical"


class MarginMeasure(models.TextChoices):
    """What is taken of the losses' tail."""

    ES = "ES", "Expected shortfall"
    VAR = "VAR", "Value at risk"


class Procyclicality(models.TextChoices):
    """The choices of Article 28(1) of Regulation (EU) No 153/2013."""

    NONE = "NONE", "None"
    BUFFER = "BUFFER", "A buffer that is exhausted when margins rise"
    STRESSED = "STRESSED", "A weight on stressed observations"
    FLOOR = "FLOOR", "A floor from a long lookback"


def _percent(help_text: str) -> models.DecimalField:  # type: ignore[type-arg]
    return models.DecimalField(max_digits=9, decimal_places=4, help_text=help_text)


class MarginParameters(models.Model):
    """Everything about risk that is a choice: valid from a date until the next row. Never changed, only followed."""

    id = models.BigAutoField(primary_key=True)
    valid_from = models.DateField(unique=True)
    why = models.CharField(max_length=200, blank=True)
    method = models.CharField(max_length=3, choices=MarginMethod.choices)
    measure = models.CharField(max_length=3, choices=MarginMeasure.choices)
    confidence = models.DecimalField(max_digits=6, decimal_places=5, help_text="0.99 (RTS 153/2013 Art 24).")
    lookback_days = models.IntegerField(help_text="Return observations (Art 25).")
    mpor_days = models.SmallIntegerField(help_text="Margin period of risk (Art 26).")
    decay = models.DecimalField(max_digits=6, decimal_places=5, help_text="Lambda of the volatility filter.")
    seed_days = models.SmallIntegerField(help_text="Returns whose variance the filter starts from.")
    procyclicality = models.CharField(max_length=8, choices=Procyclicality.choices)
    buffer_percent = _percent("BUFFER: share of the margin (Art 28(1)(a)).")
    stress_weight_percent = _percent("STRESSED: weight of the stressed observations (Art 28(1)(b)).")
    stress_from = models.DateField(help_text="STRESSED: first day of the stressed period.")
    stress_to = models.DateField(help_text="STRESSED: its last day.")
    long_lookback_days = models.IntegerField(help_text="FLOOR and BUFFER: the long lookback (Art 28(1)(c)).")
    participation_percent = _percent("Share of a day's average volume that can be closed out a day.")
    volume_days = models.SmallIntegerField(help_text="Days over which the volume is averaged.")
    flat_percent = _percent("The flat-rate model, beside.")
    stale_after_days = models.SmallIntegerField(help_text="Calendar days after which a last price is a gap.")
    least_call_minor = models.BigIntegerField(help_text="Smaller shortfalls are not called.")
    call_deadline = models.TimeField(help_text="Business time by which an evening call is paid.")
    intraday_call_minutes = models.SmallIntegerField(help_text="How long an intraday call gives.")
    intraday_trigger_percent = _percent("A loss of so much of the requirement since the last run is called at once.")
    collateral_issuer_limit_percent = _percent("The most of a member's collateral that one issuer may make up.")
    backtest_days = models.IntegerField(help_text="Days that a backtest looks back.")
    assessment_multiple = _percent("Cap of the assessments in a default, times the contribution.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-valid_from"]
        verbose_name_plural = "margin parameters"
        constraints = [
            models.CheckConstraint(condition=Q(method__in=MarginMethod.values), name="marginparameters_method"),
            models.CheckConstraint(condition=Q(measure__in=MarginMeasure.values), name="marginparameters_measure"),
            models.CheckConstraint(
                condition=Q(procyclicality__in=Procyclicality.values), name="marginparameters_procyclicality"
            ),
            models.CheckConstraint(
                condition=Q(confidence__gt=0, confidence__lt=1, decay__gt=0, decay__lt=1), name="marginparameters_open"
            ),
            models.CheckConstraint(
                condition=Q(
                    lookback_days__gte=1, mpor_days__gte=1, seed_days__gte=1, volume_days__gte=1, backtest_days__gte=1,
                    intraday_call_minutes__gte=1, stale_after_days__gte=0,
                    long_lookback_days__gte=F("lookback_days"), stress_to__gt=F("stress_from"),
                ),
                name="marginparameters_counts",
            ),
            models.CheckConstraint(
                condition=Q(
                    buffer_percent__gte=0, buffer_percent__lte=100, stress_weight_percent__gte=0,
                    stress_weight_percent__lte=100, participation_percent__gt=0, participation_percent__lte=100,
                    flat_percent__gte=0, intraday_trigger_percent__gt=0, collateral_issuer_limit_percent__gt=0,
                    collateral_issuer_limit_percent__lte=100, assessment_multiple__gte=0,
                    least_call_minor__gte=0,
                ),
                name="marginparameters_shares",
            ),
        ]  # fmt: skip
        triggers = append_only(table="clearing_marginparameters")

    def __str__(self) -> str:
        return f"{self.method} {self.measure} {self.confidence} from {self.valid_from}"


class PriceProxy(models.Model):
    """Where a security has no prices of its own yet, it is taken to have moved as another one, times a scale."""

    id = models.BigAutoField(primary_key=True)
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+")
    proxy = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+")
    scale_percent = _percent("The security's return in percent of the proxy's.")
    reason = models.CharField(max_length=200)
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["security"]
        verbose_name_plural = "price proxies"
        constraints = [
            models.UniqueConstraint(fields=["security"], name="priceproxy_one_a_security"),
            models.CheckConstraint(condition=~Q(security=F("proxy")), name="priceproxy_another_security"),
            models.CheckConstraint(condition=Q(scale_percent__gt=0, scale_percent__lte=1000), name="priceproxy_scale"),
            models.CheckConstraint(condition=~Q(reason=""), name="priceproxy_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.security_id} moves as {self.proxy_id}"


class MarginRunKind(models.TextChoices):
    """When a run is made."""

    EVENING = "EVENING", "Evening, at the closing prices"
    INTRADAY = "INTRADAY", "During the day"


class MarginRun(models.Model):
    """One mark to market and margin of every portfolio. One evening run a business date."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8, choices=MarginRunKind.choices)
    business_date = models.DateField()
    at = models.DateTimeField(help_text="Business time.")
    parameters = models.ForeignKey(MarginParameters, on_delete=models.PROTECT, related_name="runs")
    priced_on = models.DateField(null=True, help_text="The latest price used; none where nothing is open.")
    portfolios = models.IntegerField()
    timings = models.JSONField(default=dict, help_text="Step -> milliseconds on the wall.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["business_date"], condition=Q(kind="EVENING"), name="marginrun_one_evening_a_day"
            ),
            models.UniqueConstraint(fields=["at", "kind"], name="marginrun_once_at_a_time"),
            models.CheckConstraint(condition=Q(kind__in=MarginRunKind.values), name="marginrun_kind"),
            models.CheckConstraint(condition=Q(portfolios__gte=0), name="marginrun_portfolios"),
        ]
        triggers = append_only(table="clearing_marginrun")

    def __str__(self) -> str:
        return f"{self.kind} {self.business_date}"


class RefusedMarginRun(models.Model):
    """A run that was refused as a whole: nothing was marked, paid or called. It is run again once that is put right."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8, choices=MarginRunKind.choices)
    business_date = models.DateField()
    at = models.DateTimeField(help_text="Business time.")
    code = models.CharField(max_length=60, help_text="The refusal's code.")
    message = models.TextField()
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=MarginRunKind.values), name="refusedmarginrun_kind"),
            models.CheckConstraint(condition=~Q(code=""), name="refusedmarginrun_code"),
        ]
        triggers = append_only(table="clearing_refusedmarginrun")

    def __str__(self) -> str:
        return f"{self.kind} {self.business_date}: {self.code}"


class VariationBy(models.TextChoices):
    """How variation margin is settled."""

    JOURNAL = "JOURNAL", "At once, between the member's house cash and the CCP's VM account"
    CALL = "CALL", "By a margin call: the house cash did not reach"
    ESTATE = "ESTATE", "In the default: the member is in default and neither pays nor is paid"


MEMBER_CLEARS = """
    IF EXISTS (
        SELECT 1 FROM new_rows n JOIN ledger_account a ON a.id = n.account_id
        JOIN reference_participant p ON p.id = a.participant_id
        WHERE a.kind <> 'SECURITIES'
           OR n.member_id <> CASE p.role WHEN 'CLEARING_MEMBER' THEN p.id ELSE p.clearing_member_id END
           OR p.role <> 'CLEARING_MEMBER' AND p.clearing_member_id IS NULL
    ) THEN
        RAISE EXCEPTION 'a portfolio is a securities account, margined by the member it clears through'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'portfoliomargin_member_clears';
    END IF;
    RETURN NULL;
"""


class PortfolioMargin(models.Model):
    """One portfolio in one run: what it is worth, what it paid or received, what margin it needs and why.

    worth_minor: open positions at market value and their cash, rounded down. variation_minor: worth now less the
    worth it was margined for before; received (+) or paid (−). The arrays are the static portfolio, one element
    a security, mark_minor its market value.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(MarginRun, on_delete=models.PROTECT, related_name="margins", db_index=False)
    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+", db_index=False)
    member = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    cash_minor = models.BigIntegerField(help_text="Cash of its open positions; positive: to be received.")
    worth_minor = models.BigIntegerField()
    worth_before_minor = models.BigIntegerField(help_text="Its worth in the last run before.")
    variation_minor = models.BigIntegerField(help_text="Positive: received; negative: paid or called.")
    variation_by = models.CharField(max_length=7, choices=VariationBy.choices)
    base_minor = models.BigIntegerField(help_text="The measure of the losses' tail, zero where that is a gain.")
    concentration_minor = models.BigIntegerField()
    procyclicality_minor = models.BigIntegerField()
    requirement_minor = models.BigIntegerField(help_text="Base, concentration and anti-procyclicality.")
    flat_minor = models.BigIntegerField(help_text="The flat-rate model's margin, beside.")
    expected_shortfall_minor = models.BigIntegerField()
    value_at_risk_minor = models.BigIntegerField()
    gross_minor = models.BigIntegerField(help_text="Sum of the absolute market values.")
    security_ids = ArrayField(models.BigIntegerField())
    quantity_units = ArrayField(models.BigIntegerField())
    mark_minor = ArrayField(models.BigIntegerField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "account", "currency"], name="portfoliomargin_once_a_run"),
            models.CheckConstraint(
                condition=Q(
                    requirement_minor=F("base_minor") + F("concentration_minor") + F("procyclicality_minor")
                ),
                name="portfoliomargin_parts_add_up",
            ),
            models.CheckConstraint(
                condition=Q(variation_by__in=VariationBy.values), name="portfoliomargin_variation_by"
            ),
            models.CheckConstraint(
                condition=Q(variation_minor=F("worth_minor") - F("worth_before_minor")),
                name="portfoliomargin_variation",
            ),
            models.CheckConstraint(
                condition=Q(
                    base_minor__gte=0, concentration_minor__gte=0, procyclicality_minor__gte=0, flat_minor__gte=0,
                    expected_shortfall_minor__gte=0, value_at_risk_minor__gte=0, gross_minor__gte=0,
                ),
                name="portfoliomargin_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(security_ids__len=F("quantity_units__len"), quantity_units__len=F("mark_minor__len")),
                name="portfoliomargin_arrays_agree",
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["account", "currency", "run"], name="portfoliomargin_history")]
        triggers = [
            *append_only(table="clearing_portfoliomargin"),
            pgtrigger.Trigger(
                name="clearing_portfoliomargin_member_clears",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func=MEMBER_CLEARS,
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.run_id} account {self.account_id}: {self.requirement_minor}"
