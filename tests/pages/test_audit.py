"""The audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain


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


def test_every_linked_kind_leads_to_a_page_that_answers(operator: Client, alpha: Client) -> None:
    """Each row of the log that is a link answers, for who sees all and for a participant."""
    from events.models import AuditRecord
    from fmi.things import PLACES

    named = AuditRecord.objects.filter(object_type__in=PLACES).values_list("object_type", "object_id").distinct()
    kinds = set()
    for kind, key in named:
        if operator.get(f"/things/{kind}/{key}/", follow=True).status_code == 200:
            kinds.add(kind)
    assert kinds == {kind for kind, _ in named}
    assert alpha.get("/things/nonsense/1/").status_code == 404


def test_a_client_an_account_and_a_proposal_are_links(chain: Chain, operator: Client, bravo: Client) -> None:
    from events.models import AuditRecord
    from reference.core.actor import Actor, Role
    from tests.factories.executing import make_buyer
    from trades.services.change_client import change_client

    client = make_buyer(chain)
    someone = Actor(name="someone", role=Role.OPERATOR)
    change_client(client_id=client.pk, changes={"name": "Bought"}, actor=someone, at=chain.at, business_date=chain.day)
    record = AuditRecord.objects.filter(object_type="client").latest("pk")
    assert f'href="/things/client/{record.object_id}/"' in operator.get("/audit/").content.decode()
    assert operator.get(f"/things/client/{record.object_id}/")["Location"] == f"/clients/{client.code}/"
    assert bravo.get(f"/things/client/{record.object_id}/").status_code == 404


def test_participant_sees_its_own_actions_only(alpha: Client, delta: Client) -> None:
    assert {row["participant"] for row in get_csv(alpha, "/audit/?format=csv")} == {"ALPHA"}
    assert {row["participant"] for row in get_csv(delta, "/audit/?format=csv")} == {"DELTA"}
