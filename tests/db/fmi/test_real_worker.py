"""A real worker and a real beat take a captured trade on by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from events.queries.outbox import waiting_facts
from reference.models import Participant
from tests.factories.chain import Chain, make_chain
from tests.factories.market import login
from tests.factories.processes import Processes, environment_of_workers, wait_until
from trades.models import Trade

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def processes(tmp_path: Path, db: None) -> Iterator[Processes]:
    """Start worker and beat, and leave nothing of them behind."""
    made = Processes(
        directory=tmp_path,
        environment=environment_of_workers(database_name=str(connection.settings_dict["NAME"]), broker_database=5),
    )
    made.start("worker")
    made.start("beat")
    yield made
    made.stop()


def post(chain: Chain, client: Client, trade_id: str, buyer: str, seller: str) -> str:
    answer = client.post(
        "/api/v1/trades", chain.fields(trade_id, buyer, seller, price="10"), content_type="application/json"
    )
    assert answer.status_code == 201, answer.content
    return str(answer["X-Request-ID"])


def test_posted_by_both_sides_a_trade_is_cleared_within_seconds(processes: Processes) -> None:
    chain = make_chain()
    clients = {
        code: login(participant=Participant.objects.get(code=code), name=code.lower()) for code in ("ALPHA", "BRAVO")
    }
    ids = [post(chain, clients[code], code, "ALPHA", "BRAVO") for code in ("ALPHA", "BRAVO")]

    def cleared() -> bool:
        return set(Trade.objects.values_list("status", flat=True)) == {"CLEARED"} and waiting_facts() == 0

    wait_until(cleared, seconds=30, processes=processes, what="CLEARED")
    log = processes.log("worker")
    assert "ERROR" not in log
    # What the two requests have caused is found under their ids, also where one task followed both.
    assert all(re.search(rf"fmi\.tasks: ended task=trades\.match .*{own_id}", log) for own_id in ids)
