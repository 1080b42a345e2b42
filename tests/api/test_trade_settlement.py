"""POST of a trade's settlement: it is instructed once, and the audit log says by whom and with what effect."""

from __future__ import annotations

import pytest

from events.models import AuditRecord
from reference.models import Participant
from settlement.models import Instruction
from tests.factories.chain import Chain, make_chain
from tests.factories.market import login
from tests.factories.settled import API
from trades.models import Trade


@pytest.fixture
def chain(db: None) -> Chain:
    """A gross trade and a cleared one, both matched, and nothing of them instructed or novated."""
    made = make_chain()
    made.trade("C", "ALPHA", "CHARLIE")
    made.trade("G", "ALPHA", "BRAVO", quantity=10, cleared=False)
    made.match()
    return made


def told() -> list[AuditRecord]:
    return list(AuditRecord.objects.filter(action="trade.instructed"))


def test_instructing_leaves_one_record_of_who_and_what(chain: Chain) -> None:
    alpha = Participant.objects.get(code="ALPHA")
    client, trade = login(participant=alpha, name="alpha"), Trade.objects.get(trade_id="G-A")
    assert Instruction.objects.count() == 0
    answer = client.post(f"{API}/settlement/{trade.public_id}", REMOTE_ADDR="192.0.2.7")
    assert (answer.status_code, answer.json()["settlement_status"]) == (200, "USET"), answer.content
    (record,) = told()
    assert (record.actor, record.role, record.participant) == ("alpha", "PARTICIPANT", alpha)
    assert (record.door, record.address, record.object_type) == ("API", "192.0.2.7", "trade")
    assert (record.object_id, record.at, record.business_date) == (trade.pk, chain.at, chain.day)
    assert str(record.correlation_id) == answer["X-Request-ID"]
    assert record.detail == {"novated": 1, "instructed": 1}
    assert Instruction.objects.count() == 1
    # Twice changes nothing, and records nothing.
    assert client.post(f"{API}/settlement/{trade.public_id}").json() == answer.json()
    assert told() == [record]


def test_what_is_refused_or_does_nothing_leaves_none(chain: Chain) -> None:
    charlie = login(participant=Participant.objects.get(code="CHARLIE"), name="charlie")
    auditor, operator = login(name="auditor", role="AUDITOR"), login(name="operator")
    chain.capture("U", "ALPHA", "BRAVO", by="ALPHA")
    matched, unmatched = Trade.objects.get(trade_id="G-A"), Trade.objects.get(trade_id="U")
    assert charlie.post(f"{API}/settlement/{matched.public_id}").status_code == 404
    assert auditor.post(f"{API}/settlement/{matched.public_id}").status_code == 403
    assert operator.post(f"{API}/settlement/{unmatched.public_id}").json()["settlement_status"] == "UNMATCHED"
    assert (told(), Instruction.objects.count()) == ([], 0)
