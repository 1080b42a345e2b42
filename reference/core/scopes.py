"""What an API key may be allowed to do, and which role may hold it.

A scope narrows what its owner may do and never widens it: a view asks whether the owner has any role, then for the
key's scope, and its handler which roles may do this. A person who is logged in holds every scope of the role.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from reference.core.actor import Role


class Scope(StrEnum):
    """One room of the API and whether it is read or changed there (RFC 6749, section 3.3)."""

    TRADES_READ = "trades:read"  # Trades, submissions, allocations.
    TRADES_WRITE = "trades:write"
    ORDERS_READ = "orders:read"  # Orders, executions, venues and their books, best execution.
    ORDERS_WRITE = "orders:write"
    CLIENTS_READ = "clients:read"
    CLIENTS_WRITE = "clients:write"
    POSITIONS_READ = "positions:read"  # Positions, position limits and alerts.
    POSITIONS_WRITE = "positions:write"
    COMPLIANCE_READ = "compliance:read"  # Alerts, rules, restricted lists.
    COMPLIANCE_WRITE = "compliance:write"
    CLEARING_READ = "clearing:read"  # Netting runs, obligations, exposures.
    CLEARING_WRITE = "clearing:write"
    RISK_READ = "risk:read"  # Margin, calls, back-tests, stress, the default fund, disclosure.
    RISK_WRITE = "risk:write"
    COLLATERAL_READ = "collateral:read"
    COLLATERAL_WRITE = "collateral:write"
    DERIVATIVES_READ = "derivatives:read"
    DERIVATIVES_WRITE = "derivatives:write"
    DEFAULTS_READ = "defaults:read"  # Defaults, auctions, portings, drills.
    DEFAULTS_WRITE = "defaults:write"
    SETTLEMENT_READ = "settlement:read"  # Instructions, cycles, credit, penalties, corporate actions.
    SETTLEMENT_WRITE = "settlement:write"
    LEDGER_READ = "ledger:read"  # Accounts, statements, the trial balance.
    DAY_READ = "day:read"
    DAY_WRITE = "day:write"  # Steps and stops of the business day, outages.
    REFERENCE_READ = "reference:read"  # Participants, securities, currencies, calendars.
    REFERENCE_WRITE = "reference:write"
    MARKET_READ = "market:read"  # Quotes, prices, exchange rates.
    MARKET_WRITE = "market:write"
    PROPOSALS_READ = "proposals:read"  # What waits for a second person.
    PROPOSALS_WRITE = "proposals:write"
    AUDIT_READ = "audit:read"
    EVENTS_READ = "events:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    OPERATIONS_READ = "operations:read"  # Modules and their state.


# What no address asks for any more; a key that was made with one holds it still, and it opens nothing.
RETIRED_SCOPES = ("events:write",)

# What only who runs the system may change.
OPERATORS_ALONE = frozenset({
    Scope.COMPLIANCE_WRITE, Scope.POSITIONS_WRITE, Scope.RISK_WRITE, Scope.DAY_WRITE,
    Scope.REFERENCE_WRITE, Scope.MARKET_WRITE,
})  # fmt: skip
# What no participant reads, for it tells of others.
NEVER_PARTICIPANTS = OPERATORS_ALONE | {Scope.COMPLIANCE_READ, Scope.OPERATIONS_READ}
# An auditor changes nothing but the keys and webhooks by which it reads.
AUDITORS_OWN = frozenset({Scope.KEYS_WRITE, Scope.WEBHOOKS_WRITE})

SCOPES_BY_ROLE: dict[Role, frozenset[Scope]] = {
    Role.OPERATOR: frozenset(Scope),
    Role.PARTICIPANT: frozenset(Scope) - NEVER_PARTICIPANTS,
    Role.AUDITOR: frozenset(scope for scope in Scope if scope.value.endswith(":read")) | AUDITORS_OWN,
}


def scopes_of_role(*, role: Role) -> frozenset[Scope]:
    """Return the scopes that a key of somebody with this role may hold at most."""
    return SCOPES_BY_ROLE[role]


def unknown_scopes(*, names: Iterable[str]) -> list[str]:
    """Return, sorted, the names that are no scope."""
    return sorted(set(names) - {scope.value for scope in Scope})


def granted_scopes(*, held: Iterable[str], role: Role) -> frozenset[str]:
    """Return what a key's scopes allow now: those that its owner's role may still hold."""
    return frozenset(held) & frozenset(scope.value for scope in SCOPES_BY_ROLE[role])
