"""The default fund: how it is sized, each sizing, and the members' contributions to it."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.triggers import append_only


class FundParameters(models.Model):
    """How the default fund is sized, from a day on."""

    id = models.BigAutoField(primary_key=True)
    valid_from = models.DateField(unique=True)
    lookback_days = models.SmallIntegerField(help_text="Calendar days of stress runs, of which the worst counts.")
    buffer_percent = models.SmallIntegerField(help_text="On top of what the rules ask.")
    least_minor = models.BigIntegerField(help_text="The fund is never smaller, in each currency.")
    least_contribution_minor = models.BigIntegerField()
    thin_percent = models.SmallIntegerField(
        help_text="Once Cover-2 takes more of the fund and the CCP's own resources than this, it is sized anew."
    )

    class Meta:
        verbose_name_plural = "fund parameters"
        ordering = ["valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    lookback_days__gte=0, buffer_percent__gte=0, buffer_percent__lte=1000, least_minor__gte=0,
                    least_contribution_minor__gte=0, thin_percent__gte=1, thin_percent__lte=100,
                ),
                name="fundparameters_ranges",
            ),
        ]  # fmt: skip
        triggers = append_only(table="clearing_fundparameters")

    def __str__(self) -> str:
        return f"from {self.valid_from}"


class SizingReason(models.TextChoices):
    """Why the fund was sized."""

    FIRST = "FIRST", "The first time"
    MONTHLY = "MONTHLY", "The first business day of the month"
    THIN = "THIN", "It ran thin: stress losses came close to it"
    REFILL = "REFILL", "It was used and is refilled"


class FundSizing(models.Model):
    """The size of the default fund in one currency, and how it came about.

    EMIR Article 42(3): at least the largest, or the second and third largest together, of the losses beyond
    margin. Article 43(2): with the CCP's own resources at least the two largest together (Cover-2).
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey("clearing.MarginRun", on_delete=models.PROTECT, related_name="fund_sizings", db_index=False)
    currency = models.ForeignKey("reference.Currency", on_delete=models.PROTECT, related_name="+", db_index=False)
    business_date = models.DateField()
    reason = models.CharField(max_length=7, choices=SizingReason.choices)
    parameters = models.ForeignKey(FundParameters, on_delete=models.PROTECT, related_name="+")
    worst_run = models.ForeignKey(
        "clearing.MarginRun", null=True, on_delete=models.PROTECT, related_name="+", help_text="Of the stress losses."
    )
    scenario = models.ForeignKey("clearing.StressScenario", null=True, on_delete=models.PROTECT, related_name="+")
    groups = models.JSONField(default=list, help_text="The two that lose most in the worst scenario.")
    cover_two_minor = models.BigIntegerField(help_text="The two largest losses beyond margin, in the worst scenario.")
    largest_minor = models.BigIntegerField()
    second_and_third_minor = models.BigIntegerField()
    own_resources_minor = models.BigIntegerField(help_text="The CCP's dedicated own resources.")
    size_minor = models.BigIntegerField()
    at = models.DateTimeField(help_text="Business time.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "currency"], name="fundsizing_once"),
            models.CheckConstraint(condition=Q(reason__in=SizingReason.values), name="fundsizing_reason"),
            models.CheckConstraint(
                condition=Q(cover_two_minor=0)
                | Q(cover_two_minor__gt=0, scenario__isnull=False, worst_run__isnull=False),
                name="fundsizing_loss_has_a_scenario",
            ),
            models.CheckConstraint(
                condition=Q(
                    largest_minor__gte=0, second_and_third_minor__gte=0, own_resources_minor__gte=0,
                    cover_two_minor__gte=F("largest_minor"), cover_two_minor__lte=2 * F("largest_minor"),
                ),
                name="fundsizing_amounts",
            ),
            models.CheckConstraint(
                condition=Q(size_minor__gte=F("largest_minor")) & Q(size_minor__gte=F("second_and_third_minor")),
                name="fundsizing_emir_42_3",
            ),
            models.CheckConstraint(
                condition=Q(cover_two_minor__lte=F("size_minor") + F("own_resources_minor")),
                name="fundsizing_emir_43_2",
            ),
        ]  # fmt: skip
        triggers = append_only(table="clearing_fundsizing")

    def __str__(self) -> str:
        return f"{self.currency_id} from {self.business_date}: {self.size_minor}"


SUMS_TO_SIZE = """
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT sizing_id FROM new_rows) n
        JOIN clearing_fundsizing s ON s.id = n.sizing_id
        WHERE s.size_minor <> (
            SELECT sum(c.contribution_minor) FROM clearing_fundcontribution c WHERE c.sizing_id = s.id)
    ) THEN
        RAISE EXCEPTION 'contributions do not sum to the size of the fund'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'fundcontribution_sum_to_the_size';
    END IF;
    RETURN NULL;
"""


class FundContribution(models.Model):
    """One member's part of a sizing: what it owes from now on, and what is called or returned to get there."""

    id = models.BigAutoField(primary_key=True)
    sizing = models.ForeignKey(FundSizing, on_delete=models.PROTECT, related_name="contributions", db_index=False)
    member = models.ForeignKey("reference.Participant", on_delete=models.PROTECT, related_name="+")
    margin_minor = models.BigIntegerField(help_text="The margin in proportion to which the fund is shared.")
    contribution_minor = models.BigIntegerField()
    held_minor = models.BigIntegerField(help_text="On the member's fund account before.")
    called_minor = models.BigIntegerField(default=0)
    returned_minor = models.BigIntegerField(default=0)
    call = models.OneToOneField(
        "clearing.MarginCall", null=True, on_delete=models.PROTECT, related_name="fund_contribution"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sizing", "member"], name="fundcontribution_once"),
            models.CheckConstraint(
                condition=Q(contribution_minor=F("held_minor") + F("called_minor") - F("returned_minor")),
                name="fundcontribution_held_and_called_less_returned",
            ),
            models.CheckConstraint(
                condition=Q(margin_minor__gte=0, contribution_minor__gte=0, held_minor__gte=0)
                & (
                    Q(called_minor=0, returned_minor__gte=0, call__isnull=True)
                    | Q(called_minor__gt=0, returned_minor=0, call__isnull=False)
                ),
                name="fundcontribution_called_or_returned",
            ),
        ]
        triggers = [
            *append_only(table="clearing_fundcontribution"),
            pgtrigger.Trigger(
                name="clearing_fundcontribution_sum",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),
                func=SUMS_TO_SIZE,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.contribution_minor}"
