"""Backtests of margins; stress scenarios, and what members would lose in them."""

from django.db import models
from django.db.models import F, Q

from reference.triggers import append_only


class BacktestDay(models.Model):
    """One evening's margin of one portfolio against what its static positions then made or lost.

    The profit and loss is that of the positions as they stood at the run, over one day or over the margin
    period of risk; a breach is a loss strictly beyond the margin.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey("clearing.MarginRun", on_delete=models.PROTECT, related_name="backtest_days")
    account = models.ForeignKey("ledger.Account", on_delete=models.PROTECT, related_name="+", db_index=False)
    member = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    horizon_days = models.SmallIntegerField(help_text="Business days from the run to the outcome.")
    business_date = models.DateField(help_text="The day of the outcome.")
    margin_minor = models.BigIntegerField(help_text="What the run required.")
    pnl_minor = models.BigIntegerField(help_text="Positive: the positions gained.")
    breach = models.BooleanField()
    at = models.DateTimeField(help_text="Business time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "currency", "horizon_days", "business_date"], name="backtestday_once"
            ),
            models.CheckConstraint(
                condition=Q(breach=True, pnl_minor__lt=-F("margin_minor"))
                | Q(breach=False, pnl_minor__gte=-F("margin_minor")),
                name="backtestday_breach_is_loss_beyond_margin",
            ),
            models.CheckConstraint(
                condition=Q(margin_minor__gte=0, horizon_days__gte=1, horizon_days__lte=20), name="backtestday_ranges"
            ),
        ]
        triggers = append_only(table="clearing_backtestday")

    def __str__(self) -> str:
        return f"{self.account_id} over {self.horizon_days} days to {self.business_date}: {self.pnl_minor:+d}"


class StressFactor(models.TextChoices):
    """What moves together in a scenario."""

    EQUITY = "EQUITY", "Shares and funds of shares"
    GOVERNMENT = "GOVERNMENT", "Government bonds and funds of them"
    CORPORATE = "CORPORATE", "Corporate bonds and funds of them"
    FINANCIALS = "FINANCIALS", "Shares and bonds of banks and brokers"
    MONEY = "MONEY", "Money-market and property funds"


class FactorExposure(models.Model):
    """The factor that a security follows in stress, and how strongly."""

    security = models.OneToOneField("reference.Security", on_delete=models.PROTECT, related_name="+", primary_key=True)
    factor = models.CharField(max_length=10, choices=StressFactor.choices)
    sensitivity_percent = models.SmallIntegerField(help_text="100: it moves as its factor does.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(factor__in=StressFactor.values), name="factorexposure_factor"),
            models.CheckConstraint(
                condition=Q(sensitivity_percent__gte=0, sensitivity_percent__lte=300),
                name="factorexposure_sensitivity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.security_id}: {self.sensitivity_percent} % of {self.factor}"


class ScenarioKind(models.TextChoices):
    """Where a scenario comes from."""

    HISTORICAL = "HISTORICAL", "Historical: what prices did between two days"
    HYPOTHETICAL = "HYPOTHETICAL", "Hypothetical: moves that are assumed"


class StressScenario(models.Model):
    """A stress scenario (EMIR RTS 153/2013, Articles 51 to 53).

    HISTORICAL: what traded moves as it did from the close of one day to that of the other, everything else
    by the shocks. HYPOTHETICAL: by the shocks alone.
    """

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=24, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=ScenarioKind.choices)
    from_date = models.DateField(null=True, help_text="The close before the move.")
    to_date = models.DateField(null=True, help_text="The close after it; until then the scenario is not known.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="HISTORICAL", from_date__isnull=False, to_date__gt=F("from_date"))
                | Q(kind="HYPOTHETICAL", from_date__isnull=True, to_date__isnull=True),
                name="stressscenario_only_history_has_dates",
            ),
        ]
        triggers = append_only(table="clearing_stressscenario")

    def __str__(self) -> str:
        return self.code


class StressShock(models.Model):
    """An assumed move of a scenario: of a factor, or of one security, which then counts alone."""

    id = models.BigAutoField(primary_key=True)
    scenario = models.ForeignKey(StressScenario, on_delete=models.PROTECT, related_name="shocks", db_index=False)
    factor = models.CharField(max_length=10, choices=StressFactor.choices, blank=True)
    security = models.ForeignKey("reference.Security", null=True, on_delete=models.PROTECT, related_name="+")
    move_bp = models.IntegerField(help_text="-2000: prices fall by a fifth.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scenario", "factor", "security"], name="stressshock_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(factor="", security__isnull=False)
                | Q(factor__in=StressFactor.values, security__isnull=True),
                name="stressshock_factor_or_security",
            ),
            models.CheckConstraint(condition=Q(move_bp__gte=-10_000, move_bp__lte=100_000), name="stressshock_range"),
        ]
        triggers = append_only(table="clearing_stressshock")

    def __str__(self) -> str:
        return f"{self.factor or self.security_id}: {self.move_bp:+d} bp"


class StressLoss(models.Model):
    """What a member's portfolios would lose in one scenario, and how much of it their margin would not cover.

    Losses and margins are added up over the portfolios; what is uncovered is so portfolio by portfolio, since
    the margin and the gains of one client never cover the loss of another.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(
        "clearing.MarginRun", on_delete=models.PROTECT, related_name="stress_losses", db_index=False
    )
    scenario = models.ForeignKey(StressScenario, on_delete=models.PROTECT, related_name="losses", db_index=False)
    member = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    group = models.CharField(max_length=60, help_text="The member and its affiliates, as they were at the run.")
    loss_minor = models.BigIntegerField(help_text="Negative: the portfolios gain.")
    margin_minor = models.BigIntegerField(help_text="Initial margin required at the run.")
    uncovered_minor = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "stress losses"
        constraints = [
            models.UniqueConstraint(fields=["run", "currency", "scenario", "member"], name="stressloss_once"),
            models.CheckConstraint(
                condition=Q(margin_minor__gte=0, uncovered_minor__gte=0)
                & Q(uncovered_minor__gte=F("loss_minor") - F("margin_minor")),
                name="stressloss_uncovered_beyond_margin",
            ),
        ]
        triggers = append_only(table="clearing_stressloss")

    def __str__(self) -> str:
        return f"{self.scenario_id}/{self.member_id}: {self.loss_minor:+d}"
