"""The three logins of a demonstration, one a role."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.core.management import BaseCommand, CommandError
from django.db import transaction

from reference.core.actor import Role
from reference.models import Membership, Participant
from reference.models.participant import ParticipantRole

PASSWORD = "demo"  # noqa: S105 - printed by `make run`, which listens on the loopback address only


class Command(BaseCommand):
    """Create the logins operator, auditor and participant where they are missing."""

    help = "Create the logins operator, auditor and participant where missing; the password is demo."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Create what is missing. An existing login keeps its password and role."""
        member = (
            Participant.objects.filter(role=ParticipantRole.CLEARING_MEMBER, active=True)
            .order_by("pk")
            .first()
        )
        if member is None:
            raise CommandError("There is no clearing member yet: run `manage.py load_reference` first.")
        for role in Role:
            name = role.value.lower()
            user, is_new = User.objects.get_or_create(username=name)
            if not is_new:
                continue
            user.set_password(PASSWORD)
            user.is_superuser = role is Role.OPERATOR
            # The auditor sees in the admin what the operator may change there.
            user.is_staff = role is not Role.PARTICIPANT
            user.save()
            if role is Role.AUDITOR:
                user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
            Membership.objects.create(
                user=user, role=role.value, participant=member if role is Role.PARTICIPANT else None
            )
            if options["verbosity"] > 0:
                self.stdout.write(f"{name}: created")
