"""Clients, traders and proposals attacked with raw SQL: what the database refuses, whoever asks."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from tests.factories.market import login
from tests.factories.trading import make_broker, make_client, make_trader
from trades.models import Client

pytestmark = pytest.mark.django_db

APPROVED = """
    INSERT INTO reference_proposal (public_id, kind, subject_type, subject_id, subject, summary, before, after,
        proposed_by, proposed_at, expires_at, status, decided_by, reason)
    SELECT gen_random_uuid(), '{kind}', 'client', id, code, '', '{{}}', '{after}', 'anna', now(),
        now() + interval '1 day', 'PROPOSED', '', '' FROM trades_client WHERE code = 'ORION'
"""
DECIDE = (
    "UPDATE reference_proposal SET status = 'APPROVED', decided_by = 'bert', decided_at = proposed_at"
    " WHERE status = 'PROPOSED'"
)
RAISE_LIMIT = (
    "UPDATE trades_client SET credit_limit_minor = 7, limits_proposal_id = (SELECT max(id) FROM reference_proposal)"
    " WHERE code = 'ORION'"
)
ATTACKS: dict[str, tuple[list[str], str]] = {
    "a limit without a proposal": (
        ["UPDATE trades_client SET credit_limit_minor = 7"],
        "approved proposal only",
    ),
    "a daily limit without a proposal": (["UPDATE trades_client SET daily_limit_minor = 7"], "approved proposal only"),
    "a margin without a proposal": (["UPDATE trades_client SET margin_percent = 7"], "approved proposal only"),
    "short sales without a proposal": (
        ["UPDATE trades_client SET short_sale_allowed = true"],
        "approved proposal only",
    ),
    "a limit by a proposal nobody approved": (
        [APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7}'), RAISE_LIMIT],
        "approved proposal only",
    ),
    "a limit by an approval of another": (
        [APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 8}'), DECIDE, RAISE_LIMIT],
        "approved proposal only",
    ),
    "a limit by an approval of more": (
        [
            APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7, "daily_limit_minor": 7}'),
            DECIDE,
            RAISE_LIMIT,
        ],
        "approved proposal only",
    ),
    "a limit by an approval of another kind": (
        [APPROVED.format(kind="client-other", after='{"credit_limit_minor": 7}'), DECIDE, RAISE_LIMIT],
        "approved proposal only",
    ),
    "an approval used twice": (
        [
            APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7}'),
            DECIDE,
            RAISE_LIMIT,
            "UPDATE trades_client SET daily_limit_minor = 7",
        ],
        "approved proposal only",
    ),
    "an approval by who proposed": (
        [
            APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7}'),
            "UPDATE reference_proposal SET status = 'APPROVED', decided_by = 'anna', decided_at = proposed_at",
        ],
        "proposal_four_eyes",
    ),
    "an approval by nobody": (
        [
            APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7}'),
            "UPDATE reference_proposal SET status = 'APPROVED', decided_at = proposed_at",
        ],
        "proposal_four_eyes",
    ),
    "a withdrawal by another": (
        [
            APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7}'),
            "UPDATE reference_proposal SET status = 'WITHDRAWN', decided_by = 'bert', decided_at = proposed_at",
        ],
        "proposal_four_eyes",
    ),
    "an approval too late": (
        [
            APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7}'),
            "UPDATE reference_proposal SET status = 'APPROVED', decided_by = 'bert', decided_at = expires_at",
        ],
        "proposal_decided_in_time",
    ),
    "an expiry too early": (
        [
            APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7}'),
            "UPDATE reference_proposal SET status = 'EXPIRED', decided_at = proposed_at",
        ],
        "proposal_decided_in_time",
    ),
    "a rejection without a reason": (
        [
            APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7}'),
            "UPDATE reference_proposal SET status = 'REJECTED', decided_by = 'bert', decided_at = proposed_at",
        ],
        "proposal_rejection_has_a_reason",
    ),
    "a decision taken again": (
        [
            APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7}'),
            DECIDE,
            "UPDATE reference_proposal SET reason = 'other'",
        ],
        "decided proposal never changes",
    ),
    "a decision undone": (
        [
            APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7}'),
            DECIDE,
            "UPDATE reference_proposal SET status = 'PROPOSED', decided_by = '', decided_at = NULL",
        ],
        "decided proposal never changes",
    ),
    "two open proposals": ([APPROVED.format(kind="client-limits", after='{"a": 7}')] * 2, "proposal_one_open"),
    "a proposal of nothing": ([APPROVED.format(kind="client-limits", after="{}")], "proposal_changes_something"),
    "what is proposed rewritten": (
        [APPROVED.format(kind="client-limits", after='{"a": 7}'), "UPDATE reference_proposal SET after = '{}'"],
        "never change",
    ),
    "a proposal born decided": (
        [
            APPROVED.format(kind="client-limits", after='{"a": 7}').replace("'PROPOSED', ''", "'APPROVED', 'bert'"),
        ],
        "begins PROPOSED",
    ),
    "a proposal deleted": (["DELETE FROM reference_proposal"], "never deleted"),
    "proposals truncated": (["TRUNCATE reference_proposal CASCADE"], "never truncated"),
    "a client deleted": (["DELETE FROM trades_client"], "never deleted"),
    "a trader deleted": (["DELETE FROM trades_trader"], "never deleted"),
    "a client of another broker": (["UPDATE trades_client SET broker_id = broker_id"], "never change"),
    "a client in another currency": (
        ["UPDATE trades_client SET default_currency_id = default_currency_id"],
        "never change",
    ),
    "a client renumbered": (["UPDATE trades_client SET code = 'OTHER'"], "never change"),
    "an account of another broker": (
        [
            "UPDATE trades_client SET settlement_account_id = (SELECT id FROM ledger_account"
            " WHERE kind = 'SECURITIES' AND participant_id <> broker_id LIMIT 1)"
        ],
        "no securities account of the broker",
    ),
    "a cash account": (
        [
            "UPDATE trades_client SET settlement_account_id = (SELECT id FROM ledger_account"
            " WHERE kind = 'CASH' AND participant_id = broker_id LIMIT 1)"
        ],
        "no securities account of the broker",
    ),
    "a closed client opened": (
        ["UPDATE trades_client SET status = 'CLOSED'", "UPDATE trades_client SET status = 'ACTIVE'"],
        "closed client never changes|legal_step",
    ),
    "a closed client renamed": (
        ["UPDATE trades_client SET status = 'CLOSED'", "UPDATE trades_client SET name = 'X'"],
        "closed client never changes",
    ),
    "a state that is none": (["UPDATE trades_client SET status = 'GONE'"], "client_status|legal_step"),
    "a client without a name": (["UPDATE trades_client SET name = ''"], "client_has_a_name"),
    "a trader without a name": (["UPDATE trades_trader SET name = ''"], "trader_has_a_name"),
    "a trader of another broker": (["UPDATE trades_trader SET broker_id = broker_id"], "never change"),
    "a login of another broker": (
        [
            "UPDATE trades_trader SET user_id = (SELECT user_id FROM reference_membership m"
            " WHERE m.participant_id <> broker_id LIMIT 1)"
        ],
        "acts for another than its broker",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_database_refuses(attack: str) -> None:
    statements, because = ATTACKS[attack]
    alpha, bravo = make_broker(code="ALPHA"), make_broker(code="BRAVO")
    make_client(broker=alpha, code="ORION", credit_limit_minor=100, daily_limit_minor=100)
    make_trader(broker=alpha)
    login(participant=bravo, name="ben")
    with connection.cursor() as cursor:
        for statement in statements[:-1]:
            cursor.execute(statement)
            assert cursor.rowcount == 1
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(DatabaseError, match=because), transaction.atomic():
            cursor.execute(statements[-1])


def test_an_approval_of_exactly_this_lets_it_through() -> None:
    """The attacks above fail for what is wrong with them: with nothing wrong, the same statements pass."""
    make_client(broker=make_broker(code="ALPHA"), code="ORION", credit_limit_minor=100)
    with connection.cursor() as cursor:
        for statement in (
            APPROVED.format(kind="client-limits", after='{"credit_limit_minor": 7}'), DECIDE, RAISE_LIMIT,
        ):  # fmt: skip
            cursor.execute(statement)
            assert cursor.rowcount == 1
    assert Client.objects.get().credit_limit_minor == 7
