"""The audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client


def test_log_is_filtered_by_action(operator: Client) -> None:
    text = get_text(operator, "/audit/?action=trade.cancelled")
    assert "C: a mistake" in text
    assert "submission.captured" not in text


def test_csv_has_the_whole_digest(operator: Client) -> None:
    rows = get_csv(operator, "/audit/?action=trade.cancelled&format=csv")
    assert rows
    assert all(len(row["digest"]) == 64 for row in rows)


def test_record_leads_to_its_trade(operator: Client) -> None:
    from events.models import AuditRecord
    from trades.models import Trade

    record = AuditRecord.objects.filter(action="trade.cancelled").earliest("id")
    response = operator.get(f"/things/trade/{record.object_id}/")
    assert response["Location"] == f"/trades/{Trade.objects.get(pk=record.object_id or 0).public_id}/"


def test_participant_sees_its_own_actions_only(alpha: Client, delta: Client) -> None:
    assert {row["participant"] for row in get_csv(alpha, "/audit/?format=csv")} == {"ALPHA"}
    assert {row["participant"] for row in get_csv(delta, "/audit/?format=csv")} == {"DELTA"}
