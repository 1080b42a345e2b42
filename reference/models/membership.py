"""Which user acts for whom."""

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from reference.models.participant import Participant
from reference.triggers import refuse_delete


class UserRole(models.TextChoices):
    """What a user may do."""

    OPERATOR = "OPERATOR", "Operator"
    PARTICIPANT = "PARTICIPANT", "Participant"
    AUDITOR = "AUDITOR", "Auditor"


class Login(User):
    """What the database holds of Django's logins: audit, proposals and keys know a person by the login's name."""

    class Meta:
        """A name is given once, and to one person only."""

        proxy = True
        triggers = [
            *refuse_delete(table="auth_user"),
            pgtrigger.Trigger(
                name="auth_user_name_stays",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("username"),
                condition=pgtrigger.Condition("OLD.username <> NEW.username"),
                func="RAISE EXCEPTION 'the name of a login never changes' USING ERRCODE = 'restrict_violation';",
            ),
        ]


class Membership(models.Model):
    """A user's role; a participant's user belongs to exactly one participant."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="membership")
    role = models.CharField(max_length=11, choices=UserRole.choices)
    participant = models.ForeignKey(
        Participant, on_delete=models.PROTECT, null=True, blank=True, related_name="memberships"
    )

    class Meta:
        """A participant is named if and only if the role is PARTICIPANT."""

        constraints = [
            models.CheckConstraint(condition=Q(role__in=UserRole.values), name="membership_role_known"),
            models.CheckConstraint(
                condition=Q(role=UserRole.PARTICIPANT, participant__isnull=False)
                | (~Q(role=UserRole.PARTICIPANT) & Q(participant__isnull=True)),
                name="membership_participant_iff_role",
                violation_error_message="A participant is named if and only if the role is Participant.",
            ),
        ]

    def __str__(self) -> str:
        """The role and, for a participant's user, the participant's id."""
        return self.role if self.participant_id is None else f"{self.role} {self.participant_id}"
