"""Who takes part: members, their clients' brokers and banks, and the infrastructures."""

import pgtrigger
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from reference.core.identifiers import check_bic, check_lei
from reference.models.version import stamp_version
from reference.refusals import Refusal
from reference.triggers import refuse_delete


class ParticipantRole(models.TextChoices):
    """What the participant is in this market."""

    CLEARING_MEMBER = "CLEARING_MEMBER", "Clearing member"
    BANK = "BANK", "Bank"
    BROKER = "BROKER", "Broker"
    CUSTODIAN = "CUSTODIAN", "Custodian"
    CCP = "CCP", "Central counterparty"
    CSD = "CSD", "Central securities depository"
    CENTRAL_BANK = "CENTRAL_BANK", "Central bank"
    VENUE = "VENUE", "Trading venue"


INFRASTRUCTURE_ROLES = (
    ParticipantRole.CCP,
    ParticipantRole.CSD,
    ParticipantRole.CENTRAL_BANK,
    ParticipantRole.VENUE,
)
# Whose clients send orders: members, and banks and brokers that clear through one.
BROKER_ROLES = (ParticipantRole.CLEARING_MEMBER, ParticipantRole.BANK, ParticipantRole.BROKER)
SELF_CLEARING_ROLES = (ParticipantRole.CLEARING_MEMBER, *INFRASTRUCTURE_ROLES)

CLEARS_THROUGH_A_MEMBER_SQL = """
IF NEW.clearing_member_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM reference_participant
    WHERE id = NEW.clearing_member_id AND role = 'CLEARING_MEMBER') THEN
    RAISE EXCEPTION 'fmi: participant % clears through one that is not a clearing member', NEW.code
        USING ERRCODE = 'check_violation';
END IF;
IF NEW.role <> 'CLEARING_MEMBER' AND EXISTS (
    SELECT FROM reference_participant WHERE clearing_member_id = NEW.id) THEN
    RAISE EXCEPTION 'fmi: others clear through participant %, it must stay a clearing member', NEW.code
        USING ERRCODE = 'check_violation';
END IF;
RETURN NULL;
"""


class Participant(models.Model):
    """A legal entity in this market. Never deleted and never renumbered; it leaves by `active = false`."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=12, unique=True, help_text="Short upper-case code")
    name = models.CharField(max_length=120)
    lei = models.CharField(max_length=20, unique=True, help_text="Legal entity identifier, ISO 17442")
    bic = models.CharField(max_length=11, unique=True, help_text="Business identifier code, ISO 9362")
    role = models.CharField(max_length=15, choices=ParticipantRole.choices)
    clearing_member = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="clients",
        help_text="Through whom it clears; empty for clearing members and infrastructures",
    )  # fmt: skip
    active = models.BooleanField(default=True)

    class Meta:
        """Shapes of the codes; one CCP, one CSD, one central bank; who clears through whom."""

        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9]{2,12}$"), name="participant_code_shape"),
            models.CheckConstraint(condition=Q(lei__regex=r"^[A-Z0-9]{18}[0-9]{2}$"), name="participant_lei_shape"),
            models.CheckConstraint(
                condition=Q(bic__regex=r"^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$"),
                name="participant_bic_shape",
            ),
            models.CheckConstraint(condition=Q(role__in=ParticipantRole.values), name="participant_role_known"),
            models.CheckConstraint(
                condition=Q(role__in=SELF_CLEARING_ROLES, clearing_member__isnull=True)
                | (~Q(role__in=SELF_CLEARING_ROLES) & Q(clearing_member__isnull=False)),
                name="participant_clears_somewhere",
                violation_error_message="Banks, brokers and custodians clear through a clearing member;"
                " clearing members and infrastructures through nobody.",
            ),
            models.UniqueConstraint(fields=["role"], condition=Q(role=ParticipantRole.CCP), name="participant_one_ccp"),
            models.UniqueConstraint(fields=["role"], condition=Q(role=ParticipantRole.CSD), name="participant_one_csd"),
            models.UniqueConstraint(
                fields=["role"],
                condition=Q(role=ParticipantRole.CENTRAL_BANK),
                name="participant_one_central_bank",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="participant_clears_through_member",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=CLEARS_THROUGH_A_MEMBER_SQL,
            ),
            *refuse_delete(table="reference_participant"),
            pgtrigger.ReadOnly(name="reference_participant_identity", fields=["id"]),
            stamp_version(table="reference_participant"),
        ]

    def __str__(self) -> str:
        """The participant's code."""
        return self.code

    def clean(self) -> None:
        """Check the LEI's check digits (ISO 17442) and the BIC. Raises ValidationError on the field."""
        super().clean()
        errors = {}
        for field, check in (("lei", check_lei), ("bic", check_bic)):
            try:
                check(value=getattr(self, field))
            except Refusal as refusal:
                errors[field] = refusal.message
        if errors:
            raise ValidationError(errors)
