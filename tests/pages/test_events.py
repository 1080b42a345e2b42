"""The pages of events: for operators and auditors, with how far publishing is behind and what a consumer refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from events.models import AuditRecord, Consumer, DeadLetter, OutboxFact
from events.services.consume import consume_events
from events.services.outbox import record_fact
from tests.db.events.seen import note_seen, seen_positions
from tests.factories.chain import Chain
from tests.pages.reading import get_csv, get_text
from trades.contracts import TradesCaptured

pytestmark = pytest.mark.django_db


@pytest.fixture
def refused(chain: Chain, settings: Any) -> int:
    """Two facts, of which a consumer refuses the second, and a third that waits; returns the position refused."""
    settings.EVENT_ATTEMPTS = 1
    settings.EVENT_CONSUMERS = {"seen": "tests.db.events.seen.note_seen"}
    # What is read comes from the outbox: nobody serves the stream here.
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    before = OutboxFact.objects.count()
    for count in (11, 12):
        record_fact(fact=TradesCaptured(count=count))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_outboxfact f SET position = p.place"
            " FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM events_outboxfact) p WHERE f.id = p.id"
        )
    Consumer.objects.create(name="seen", position=before)
    note_seen(clear=True, refuse=before + 2)
    consume_events(consumer="seen", handle=note_seen, now=timezone.now())
    record_fact(fact=TradesCaptured(count=13))
    return before + 2


def test_the_page_says_what_became_true_and_what_waits(refused: int, operator: Client, auditor: Client) -> None:
    for client in (operator, auditor):
        text = get_text(client, "/events/?key=trades&name=TradesCaptured")
        assert '{"count": 11}' in text
        assert "1 dead letter" in text
        assert "1 dead letter" in get_text(client, "/")
        assert "no answer" in text
        assert "Seen behind by" in text
    assert '{"count": 13}' in get_text(operator, "/events/?waiting=true&name=TradesCaptured")
    assert '{"count": 11}' not in get_text(operator, f"/events/?position={refused}")
    rows = get_csv(operator, "/events/?name=TradesCaptured&format=csv")
    assert '{"count": 13}' in {row["payload"] for row in rows}
    assert get_text(operator, "/events/dead-letters/?consumer=nobody").count("ValueError") == 0


def test_a_dead_letter_is_replayed_by_an_operator_and_by_command(
    refused: int, operator: Client, auditor: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    text = get_text(operator, "/events/dead-letters/")
    assert f"ValueError: position {refused} is refused" in text
    assert "Replay" in text
    assert get_csv(auditor, "/events/dead-letters/?format=csv")[0]["state"] == "DEAD"
    letter = DeadLetter.objects.get()
    address = "/events/dead-letters/replay/"
    assert auditor.post(address, {"letter": letter.pk}).status_code == 403
    # Its cause stands: it stays, with one attempt more.
    text = operator.post(address + "?consumer=seen", follow=True).content.decode()
    assert "0 handled, 1 failed again." in text
    note_seen(clear=True)
    assert "1 handled." in operator.post(address, {"letter": letter.pk}, follow=True).content.decode()
    assert seen_positions() == [refused]
    assert "it was handled meanwhile" in operator.post(address, {"letter": letter.pk}, follow=True).content.decode()
    assert [row.detail["letters"] for row in AuditRecord.objects.filter(action="dead-letter.replayed")] == [
        [letter.pk], [letter.pk]
    ]  # fmt: skip
    assert "Handled" in get_text(operator, "/events/dead-letters/?view=handled")
    with pytest.raises(CommandError, match="it was handled meanwhile"):
        call_command("replay_dead_letters", "--consumer", "seen")
    call_command("consume_events", "--consumer", "engineer", "--print")
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [event["data"]["count"] for event in told if event["type"] == "fmi.TradesCaptured"][-2:] == [11, 12]


def test_a_participant_reads_the_schemas_only(alpha: Client) -> None:
    for address in ("/events/", "/events/dead-letters/"):
        assert alpha.get(address).status_code == 403
    assert alpha.post("/events/dead-letters/replay/").status_code == 403
    text = get_text(alpha, "/events/schemas/")
    assert "Reports were paired" in text
    text = get_text(alpha, "/events/schemas/TradesMatched/1/")
    assert "urn:mini-fmi:TradesMatched:1" in text
    assert alpha.get("/events/schemas/TradesMatched/99/").status_code == 404
