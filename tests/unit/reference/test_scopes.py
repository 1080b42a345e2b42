"""Scopes of API keys: what a role may hold, and what is left of one that was taken away."""

from __future__ import annotations

import pytest

from reference.core.actor import Role
from reference.core.scopes import RETIRED_SCOPES, Scope, granted_scopes, scopes_of_role, unknown_scopes


@pytest.mark.parametrize("role", Role)
def test_a_retired_scope_opens_nothing_and_is_given_to_no_key(role: Role) -> None:
    assert not set(RETIRED_SCOPES) & {scope.value for scope in Scope}
    assert unknown_scopes(names=["trades:read", *RETIRED_SCOPES]) == sorted(RETIRED_SCOPES)
    assert granted_scopes(held=["trades:read", *RETIRED_SCOPES], role=role) == {"trades:read"}


def test_only_operators_hold_what_only_they_may_change() -> None:
    operators, participants = scopes_of_role(role=Role.OPERATOR), scopes_of_role(role=Role.PARTICIPANT)
    assert participants < operators == set(Scope)
    assert Scope.DAY_WRITE not in participants
    auditors = scopes_of_role(role=Role.AUDITOR)
    assert {scope for scope in auditors if scope.endswith(":write")} == {Scope.KEYS_WRITE, Scope.WEBHOOKS_WRITE}
