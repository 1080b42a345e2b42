"""How a session becomes a user: with its membership, for every request asks who acts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from reference.keys.login_waits import (
    Attempt,
    address_of,
    forget_attempt,
    note_failure,
    note_success,
    take_attempt,
)
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


def user_of_row(*, row: Sequence[Any]) -> User:
    """Return the user, with its membership, of a row that holds USER_COLUMNS and then MEMBERSHIP_COLUMNS."""
    user = User.from_db(connection.alias, USER_FIELDS, row[: len(USER_FIELDS)])
    values = row[len(USER_FIELDS) :]
    membership = Membership.from_db(connection.alias, MEMBERSHIP_FIELDS, values) if values[0] else None
    Membership.user.field.remote_field.set_cached_value(user, membership)
    return user


class MembershipBackend(ModelBackend):
    """Django's own backend, which reads the user and the membership in one query, and slows guessing down.

    Every door at which a password is tried comes by here: the pages' login, the admin's, and HTTP Basic.
    """

    def get_user(self, user_id: Any) -> User | None:
        """Return the user of a session, None where there is none or it is not active."""
        row = fetch_prepared(statement=USER_SQL, parameters={"user_id": user_id})
        user = None if row is None else user_of_row(row=row)
        return user if self.user_can_authenticate(user) else None

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Return whose name and password these are, None where they fit nobody.

        Raises LoginWaits where too many attempts at this name, or from this address, have failed.
        """
        name = username or kwargs.get(User.USERNAME_FIELD)
        if not name or password is None:
            return None
        attempt = Attempt(name=name, address=address_of(request))
        counted = take_attempt(attempt=attempt)
        try:
            user = super().authenticate(request, username=name, password=password)
        except Exception:
            # The database is away, say: nobody has guessed.
            forget_attempt(counted=counted)
            raise
        if user is None:
            note_failure(attempt=attempt, counted=counted, now=timezone.now())
        else:
            note_success(attempt=attempt, counted=counted)
        return user
