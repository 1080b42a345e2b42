"""Clients and traders in the admin: the same services, so that limits wait for a second person there too."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from reference.models import Proposal
from tests.factories.market import Market
from tests.factories.trading import make_client, make_trader
from trades.models import Client as OrderClient
from trades.models import Trader


@pytest.fixture
def staff(market: Market, admin_client: Client) -> Client:
    return admin_client


def form(client: OrderClient, **changes: str) -> dict[str, str]:
    fields = {
        "name": client.name, "settlement_account": str(client.settlement_account_id), "status": client.status,
        "credit_limit_minor": str(client.credit_limit_minor), "daily_limit_minor": str(client.daily_limit_minor),
        "margin_percent": str(client.margin_percent),
    }  # fmt: skip
    return fields | changes


def words(response: Any) -> str:
    return str(response.content.decode())


def test_a_limit_is_proposed_and_a_name_is_changed(staff: Client, market: Market) -> None:
    client = make_client(broker=market.alpha, code="ORION")
    address = f"/admin/trades/client/{client.pk}/change/"
    assert "ORION" in words(staff.get(address))
    saved = staff.post(address, form(client, name="Renamed", credit_limit_minor="7"), follow=True)
    assert "stay as they are until a second person approves" in words(saved)
    client.refresh_from_db()
    assert (client.name, client.credit_limit_minor) == ("Renamed", 100_000_000)
    proposal = Proposal.objects.get()
    assert (proposal.after, proposal.proposed_by) == ({"credit_limit_minor": 7}, "admin")
    again = staff.post(address, form(client, credit_limit_minor="8"), follow=True)
    assert "waits for a decision on this subject already" in words(again)
    assert staff.get(f"/admin/reference/proposal/{proposal.pk}/change/").status_code == 200
    for action in ("change", "delete"):
        refused = staff.post(
            f"/admin/reference/proposal/{proposal.pk}/{action}/", {"status": "APPROVED", "post": "yes"}
        )
        assert refused.status_code == 403
    assert Proposal.objects.get().status == "PROPOSED"


def test_clients_and_traders_are_opened(staff: Client, market: Market) -> None:
    entry = {
        "code": "ORION", "name": "Orion", "broker": str(market.alpha.pk),
        "settlement_account": str(market.account(market.alpha).pk), "default_currency": str(market.equity.currency_id),
        "credit_limit_minor": "5", "daily_limit_minor": "6", "margin_percent": "0",
    }  # fmt: skip
    wrong = entry | {"settlement_account": str(market.account(market.bravo).pk)}
    assert "securities account of its broker" in words(staff.post("/admin/trades/client/add/", wrong, follow=True))
    assert not OrderClient.objects.exists()
    saved = staff.post("/admin/trades/client/add/", entry, follow=True)
    assert saved.status_code == 200
    assert OrderClient.objects.get().credit_limit_minor == 0
    assert Proposal.objects.get().after == {"credit_limit_minor": 5, "daily_limit_minor": 6}
    staff.post("/admin/trades/trader/add/", {"code": "T-ANN", "name": "Ann", "broker": str(market.alpha.pk)})
    assert Trader.objects.get().active
    assert "ORION" in words(staff.get("/admin/trades/client/?q=OR"))
    assert (
        staff.post(f"/admin/trades/client/{OrderClient.objects.get().pk}/delete/", {"post": "yes"}).status_code == 403
    )


def test_a_trader_is_changed(staff: Client, market: Market) -> None:
    trader = make_trader(broker=market.alpha, code="T-ANN")
    staff.post(f"/admin/trades/trader/{trader.pk}/change/", {"name": "Anna"})
    trader.refresh_from_db()
    assert (trader.name, trader.active, trader.broker_id) == ("Anna", False, market.alpha.pk)
