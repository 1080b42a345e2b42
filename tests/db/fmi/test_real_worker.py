"""A real worker and a real beat take a captured trade on by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from events.queries import waiting_facts
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


def post(chain: Chain, client: Client, trade_id: str, buyer: str, seller: str) -> None:
    answer = client.post(
        "/api/v1/trades", chain.fields(trade_id, buyer, seller, price="10"), content_type="application/json"
    )
    assert answer.status_code == 201, answer.content


def test_posted_by_both_sides_a_trade_is_cleared_within_seconds(processes: Processes) -> None:
    chain = make_chain()
    clients = {
        code: login(participant=Participant.objects.get(code=code), name=code.lower()) for code in ("ALPHA", "BRAVO")
    }
    post(chain, clients["ALPHA"], "A", "ALPHA", "BRAVO")
    post(chain, clients["BRAVO"], "B", "ALPHA", "BRAVO")

    def cleared() -> bool:
        return set(Trade.objects.values_list("status", flat=True)) == {"CLEARED"} and waiting_facts() == 0

    wait_until(cleared, seconds=30, processes=processes, what="CLEARED")
    assert "ERROR" not in processes.log("worker")
