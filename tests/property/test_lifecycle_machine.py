"""The lifecycle as a state machine against the database's own trigger, which lets through what the table holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from trades.core.lifecycle import TradeStatus, is_legal_step

if TYPE_CHECKING:
    from tests.factories.chain import Chain

pytestmark = pytest.mark.django_db
TRADES = ("A", "B", "C")


def make_machine(chain: Chain) -> type[RuleBasedStateMachine]:
    """Return the machine over three reports of this market."""

    class TradeLifecycle(RuleBasedStateMachine):
        """Each report's state as the table says, beside what the database lets happen."""

        def __init__(self) -> None:
            super().__init__()
            self.state: dict[str, TradeStatus] = {}
            self.savepoint = transaction.savepoint()

        @initialize()
        def capture(self) -> None:
            for trade_id in TRADES:
                chain.capture(trade_id, "ALPHA", "BRAVO", by="ALPHA")
                self.state[trade_id] = TradeStatus.NEW

        @rule(trade_id=st.sampled_from(TRADES), after=st.sampled_from(TradeStatus))
        def step(self, trade_id: str, after: TradeStatus) -> None:
            before = self.state[trade_id]
            legal = before == after or is_legal_step(before=before, after=after)
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("UPDATE trades_trade SET status = %s WHERE trade_id = %s", [after, trade_id])
            except IntegrityError:
                assert not legal, (before, after)
            else:
                assert legal, (before, after)
                self.state[trade_id] = after

        @rule(after=st.sampled_from(TradeStatus))
        def step_all_at_once(self, after: TradeStatus) -> None:
            """One illegal step refuses the whole statement."""
            legal = all(before == after or is_legal_step(before=before, after=after) for before in self.state.values())
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("UPDATE trades_trade SET status = %s", [after])
            except IntegrityError:
                assert not legal
            else:
                assert legal
                self.state = dict.fromkeys(self.state, after)

        @invariant()
        def the_database_agrees(self) -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT trade_id, status FROM trades_trade")
                assert dict(cursor.fetchall()) == self.state

        def teardown(self) -> None:
            transaction.savepoint_rollback(self.savepoint)

    return TradeLifecycle


def test_the_database_walks_the_table_and_nothing_else(chain: Chain) -> None:
    run_state_machine_as_test(
        make_machine(chain),
        settings=settings(
            max_examples=20, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
