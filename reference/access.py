"""From a request to who acts: the one place where a login becomes a role."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied

from reference.core.actor import Actor, Role

NO_ROLE = "This login has no role. An operator gives it one under Memberships in the admin."
NOT_LOGGED_IN = "Log in first."


def actor_of(request: Any) -> Actor:
    """Return who acts in a Django request or a DRF request.

    DRF authenticates inside its view, so a view passes its own request, not the one that the
    middleware saw. A session's user comes with its membership; any other costs one query.

    Raises PermissionDenied when nobody is logged in, or the login has no role.
    """
    actor = find_actor(request)
    if actor is None:
        raise PermissionDenied(NO_ROLE if request.user.is_authenticated else NOT_LOGGED_IN)
    return actor


def find_actor(request: Any) -> Actor | None:
    """Return who acts, None when nobody is logged in or the login has no role."""
    return actor_of_user(request.user)


def actor_of_user(user: Any) -> Actor | None:
    """Return who acts when this user does, None where nobody is logged in or the login has no role."""
    if not user.is_authenticated:
        return None
    if not hasattr(user, "found_actor"):
        user.found_actor = _read_actor(user)
    found: Actor | None = user.found_actor
    return found


def _read_actor(user: Any) -> Actor | None:
    """Read the user's membership. A superuser without one runs the system."""
    membership = getattr(user, "membership", None) if user.is_active else None
    if membership is not None:
        return Actor(
            name=user.get_username(),
            role=Role(membership.role),
            participant_id=membership.participant_id,
        )
    if user.is_active and user.is_superuser:
        return Actor(name=user.get_username(), role=Role.OPERATOR)
    return None
