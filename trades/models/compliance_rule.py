"""Compliance rules as data."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reference.core.limits import LARGEST_AMOUNT
from reference.triggers import refuse_delete


class RuleKind(models.TextChoices):
    """What a rule looks at."""

    RESTRICTED_LIST = "RESTRICTED_LIST", "Restricted list"
    FAT_FINGER = "FAT_FINGER", "Fat finger"
    PRICE_COLLAR = "PRICE_COLLAR", "Price collar"
    WASH_TRADE = "WASH_TRADE", "Wash trade"
    CONCENTRATION = "CONCENTRATION", "Concentration"


class RuleAction(models.TextChoices):
    """What becomes of an order that breaks a rule. A trade stands already: it gets the alert that goes with it."""

    PASS = "PASS", "Pass: noted, severity low"
    WARN = "WARN", "Warn: goes on, severity medium"
    REJECT = "REJECT", "Reject: an order is refused, severity high"


# kind -> the parameters it may have; one at least, where it has any.
PARAMETERS: dict[str, tuple[str, ...]] = {
    RuleKind.RESTRICTED_LIST: (),
    RuleKind.FAT_FINGER: ("volume_percent", "ceiling_minor"),
    RuleKind.PRICE_COLLAR: ("collar_bp", "close_collar_bp"),
    RuleKind.WASH_TRADE: ("window_minutes", "tolerance_bp"),
    RuleKind.CONCENTRATION: ("share_percent", "least_minor"),
}
# Both parameters of these are needed; of the others one is enough.
NEEDS_ALL = (RuleKind.WASH_TRADE, RuleKind.CONCENTRATION)
# parameter -> the least and the most it may be.
RANGES: dict[str, tuple[int, int]] = {
    "volume_percent": (1, 100_000),
    "ceiling_minor": (1, LARGEST_AMOUNT),
    "collar_bp": (1, 100_000),
    "close_collar_bp": (1, 100_000),
    "window_minutes": (1, 1440),
    "tolerance_bp": (0, 10_000),
    "share_percent": (1, 100),
    "least_minor": (0, LARGEST_AMOUNT),
}
CODE = r"^[A-Z][A-Z0-9-]{1,29}$"
ALL_PARAMETERS = tuple(name for names in PARAMETERS.values() for name in names)


def _parameters_of_its_kind() -> Q:
    """Say which parameters each kind has: its own, and no others."""
    allowed = Q()
    for kind, names in PARAMETERS.items():
        others = {f"{name}__isnull": True for name in ALL_PARAMETERS if name not in names}
        has = Q(kind=kind, **others)
        given = [Q(**{f"{name}__isnull": False}) for name in names]
        if given and kind in NEEDS_ALL:
            has &= given[0] & given[1]
        elif given:
            has &= given[0] | given[1]
        allowed |= has
    return allowed


# Each change names the approval that allowed it, which no other change has used before (as a client's limits do).
CHANGED_BY_TWO_SQL = """
    IF coalesce(NEW.proposal_id, 0) <= coalesce(OLD.proposal_id, 0) OR NOT EXISTS (
        SELECT FROM reference_proposal p
        WHERE p.id = NEW.proposal_id AND p.kind = 'compliance-rule' AND p.status = 'APPROVED'
          AND p.subject_type = 'compliance-rule' AND p.subject_id = NEW.id
          AND to_jsonb(OLD) || p.after || jsonb_build_object('proposal_id', p.id) = to_jsonb(NEW)) THEN
        RAISE EXCEPTION 'fmi: compliance rule % changes by an approved proposal only', NEW.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'compliancerule_four_eyes';
    END IF;
    RETURN NEW;
"""


class ComplianceRule(models.Model):
    """One rule: what it looks at, its figures, where it holds and what it does. Amounts are in EUR."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=15, choices=RuleKind.choices)
    action = models.CharField(max_length=6, choices=RuleAction.choices)
    active = models.BooleanField(default=True)
    valid_from = models.DateField()
    security = models.ForeignKey(
        "reference.Security",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Only this security; empty: all.",
    )
    client = models.ForeignKey(
        "trades.Client",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Only this client's orders; empty: everybody's.",
    )
    participant = models.ForeignKey(
        "reference.Participant",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Only this broker's orders, and this participant's trades; empty: all.",
    )
    volume_percent = models.IntegerField(
        null=True, blank=True, help_text="Fat finger: most of the average daily volume, in percent."
    )
    ceiling_minor = models.BigIntegerField(null=True, blank=True, help_text="Fat finger: highest notional.")
    collar_bp = models.IntegerField(
        null=True, blank=True, help_text="Price collar: distance from the middle of the quote."
    )
    close_collar_bp = models.IntegerField(
        null=True,
        blank=True,
        help_text="Price collar where no quote stands: distance from the close of the day before.",
    )
    window_minutes = models.IntegerField(null=True, blank=True, help_text="Wash trade: how far back is looked.")
    tolerance_bp = models.IntegerField(
        null=True, blank=True, help_text="Wash trade: how far the prices of the two trades may differ."
    )
    share_percent = models.IntegerField(
        null=True, blank=True, help_text="Concentration: highest share of one security in a portfolio."
    )
    least_minor = models.BigIntegerField(
        null=True, blank=True, help_text="Concentration: smaller notionals are not looked at."
    )
    proposal = models.OneToOneField(
        "reference.Proposal",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="By which approved proposal it is what it is; empty: as it came.",
    )
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=CODE), name="compliancerule_code"),
            models.CheckConstraint(condition=Q(kind__in=RuleKind.values), name="compliancerule_kind"),
            models.CheckConstraint(condition=Q(action__in=RuleAction.values), name="compliancerule_action"),
            models.CheckConstraint(condition=_parameters_of_its_kind(), name="compliancerule_parameters_of_its_kind"),
            *[
                models.CheckConstraint(
                    condition=Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__gte": least, f"{name}__lte": most}),
                    name=f"compliancerule_{name}",
                )
                for name, (least, most) in RANGES.items()
            ],
        ]  # fmt: skip
        triggers = [
            *refuse_delete(table="trades_compliancerule"),
            pgtrigger.Trigger(
                name="trades_compliancerule_changed_by_two",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=CHANGED_BY_TWO_SQL,
            ),
        ]

    def __str__(self) -> str:
        return self.code
