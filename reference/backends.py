"""How a session becomes a user: with its membership, for every request asks who acts."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User


class MembershipBackend(ModelBackend):
    """Django's own backend, which reads the user and the membership in one query."""

    def get_user(self, user_id: Any) -> User | None:
        """Return the user of a session, None where there is none or it is not active."""
        user = User.objects.select_related("membership").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
