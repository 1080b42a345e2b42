"""How a session becomes a user: with its membership, for every request asks who acts."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db import connection

from reference.models import Membership
from reference.prepared import fetch_prepared

# _meta is Django's documented model API.
USER_FIELDS = [field.attname for field in User._meta.concrete_fields]  # noqa: SLF001
MEMBERSHIP_FIELDS = [field.attname for field in Membership._meta.concrete_fields]  # noqa: SLF001
USER_COLUMNS = ", ".join(f"u.{name}" for name in USER_FIELDS)
MEMBERSHIP_COLUMNS = ", ".join(f"m.{name}" for name in MEMBERSHIP_FIELDS)

# Read by every request, so without building the query anew: a third of its cost.
USER_SQL = f"""
    SELECT {USER_COLUMNS}, {MEMBERSHIP_COLUMNS}
    FROM auth_user u LEFT JOIN reference_membership m ON m.user_id = u.id
    WHERE u.id = %(user_id)s::integer
"""


class MembershipBackend(ModelBackend):
    """Django's own backend, which reads the user and the membership in one query."""

    def get_user(self, user_id: Any) -> User | None:
        """Return the user of a session, None where there is none or it is not active."""
        row = fetch_prepared(statement=USER_SQL, parameters={"user_id": user_id})
        if row is None:
            return None
        user = User.from_db(connection.alias, USER_FIELDS, row[: len(USER_FIELDS)])
        values = row[len(USER_FIELDS) :]
        membership = Membership.from_db(connection.alias, MEMBERSHIP_FIELDS, values) if values[0] else None
        Membership.user.field.remote_field.set_cached_value(user, membership)
        return user if self.user_can_authenticate(user) else None
