"""Who may not trade what, and what the compliance rules found."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from reference.triggers import immutable_columns, legal_steps, references_checked, refuse_delete
from trades.core.alert_lifecycle import ALERT_TRANSITIONS, AlertStatus
from trades.models.compliance_rule import ComplianceRule


class Severity(models.TextChoices):
    """How much an alert matters."""

    LOW = "LOW", "Low"
    MEDIUM = "MEDIUM", "Medium"
    HIGH = "HIGH", "High"


class RestrictedEntry(models.Model):
    """One line of the restricted list: who may not trade what, from when until when."""

    id = models.BigAutoField(primary_key=True)
    security = models.ForeignKey("reference.Security", on_delete=models.PROTECT, related_name="+")
    participant = models.ForeignKey(
        "reference.Participant",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="For whom; empty: for everybody.",
    )
    reason = models.CharField(max_length=200)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="Last day; empty: until it is ended.")
    entered_by = models.CharField(max_length=150)
    ended_by = models.CharField(max_length=150, blank=True)
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "restricted entries"
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")), name="restrictedentry_dates"
            ),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(entered_by=""), name="restrictedentry_says_why"),
            models.CheckConstraint(
                condition=Q(ended_by="") | Q(valid_to__isnull=False), name="restrictedentry_ended_on_a_day"
            ),
            models.UniqueConstraint(
                fields=["security", "participant"], nulls_distinct=False, condition=Q(valid_to__isnull=True),
                name="restrictedentry_open_once",
            ),
        ]  # fmt: skip
        triggers = [
            *refuse_delete(table="trades_restrictedentry"),
            immutable_columns(
                table="trades_restrictedentry",
                columns=("security_id", "participant_id", "reason", "valid_from", "entered_by"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.security_id} {self.reason}"


# What is handled has a name and a moment, and both stay.
HANDLED_SQL = """
    IF OLD.handled_by <> '' AND NEW.status = OLD.status AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'alert % is % by %; only its next step may be written', OLD.id, OLD.status, OLD.handled_by
            USING ERRCODE = 'check_violation', CONSTRAINT = 'compliancealert_handled_once';
    END IF;
    RETURN NEW;
"""


class ComplianceAlert(models.Model):
    """What a rule found: in words, with the figure and the limit, and what became of it."""

    id = models.BigAutoField(primary_key=True)
    rule = models.ForeignKey(ComplianceRule, on_delete=models.PROTECT, related_name="alerts", db_index=False)
    trade = models.ForeignKey(
        "trades.Trade", null=True, on_delete=models.PROTECT, related_name="alerts", db_constraint=False, db_index=False
    )
    # By the public id, which a ticket has before its order is written.
    order = models.ForeignKey(
        "trades.Order", to_field="public_id", null=True, on_delete=models.PROTECT, related_name="alerts", db_index=False
    )
    participant = models.ForeignKey(
        "reference.Participant",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="Whose order or report it is.",
    )
    security = models.ForeignKey(
        "reference.Security", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    severity = models.CharField(max_length=6, choices=Severity.choices)
    words = models.TextField(help_text="What was found, as a person reads it.")
    figure = models.BigIntegerField(null=True, help_text="What was measured, in the rule's unit.")
    allowed = models.BigIntegerField(null=True, help_text="What the rule allowed then, in the same unit.")
    at = models.DateTimeField(help_text="When it was found. Business time.")
    business_date = models.DateField()
    status = models.CharField(
        max_length=12, choices=[(state, state.title()) for state in AlertStatus], default=AlertStatus.OPEN
    )
    handled_by = models.CharField(max_length=150, blank=True)
    handled_at = models.DateTimeField(null=True, help_text="Business time.")
    note = models.TextField(blank=True)
    recorded_at = models.DateTimeField(db_default=Now(), help_text="Wall-clock time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["trade", "rule"], condition=Q(trade__isnull=False), name="compliancealert_once_a_trade"
            ),
            models.UniqueConstraint(
                fields=["order", "rule"], condition=Q(order__isnull=False), name="compliancealert_once_an_order"
            ),
            models.CheckConstraint(
                condition=Q(trade__isnull=True, order__isnull=False) | Q(trade__isnull=False, order__isnull=True),
                name="compliancealert_of_a_trade_or_an_order",
            ),
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="compliancealert_severity"),
            models.CheckConstraint(condition=Q(status__in=list(AlertStatus)), name="compliancealert_status"),
            models.CheckConstraint(
                condition=Q(status="OPEN", handled_by="", handled_at__isnull=True, note="")
                | Q(~Q(status="OPEN") & ~Q(handled_by=""), handled_at__isnull=False),
                name="compliancealert_handled_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(status="CLOSED") | ~Q(note=""), name="compliancealert_closed_with_a_note"
            ),
        ]
        indexes = [
            models.Index(fields=["business_date", "rule"], name="compliancealert_by_day"),
            models.Index(fields=["severity", "id"], name="compliancealert_open", condition=Q(status="OPEN")),
        ]
        triggers = [
            *refuse_delete(table="trades_compliancealert"),
            legal_steps(table="trades_compliancealert", column="status", transitions=ALERT_TRANSITIONS),
            immutable_columns(
                table="trades_compliancealert",
                columns=(
                    "rule_id", "trade_id", "order_id", "participant_id", "security_id", "severity", "words", "figure",
                    "allowed", "at", "business_date",
                ),
            ),
            references_checked(
                table="trades_compliancealert",
                references={
                    "trade_id": "trades_trade",
                    "participant_id": "reference_participant",
                    "security_id": "reference_security.asset_ptr_id",
                },
                distinct=("trade_id",),
            ),
            pgtrigger.Trigger(
                name="trades_compliancealert_handled_once",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=HANDLED_SQL,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.severity} {self.words[:60]}"
