"""One trade through the API and the services, from report to settlement."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from django.test import Client

from clearing.services.discharge_obligations import discharge_obligations
from clearing.services.instruct_settlement import instruct_settlement
from clearing.services.net_obligations import net_obligations
from clearing.services.novate_trades import novate_trades
from ledger.models import Account
from ledger.services import post_entries
from settlement.services.settle_cycle import settle_cycle
from tests.factories.market import NOW, TODAY, Market
from trades.models import Trade
from trades.services.match_trades import match_trades

API = "/api/v1"
SETTLES = TODAY + timedelta(days=2)


def report(client: Client, market: Market, **changes: Any) -> str:
    response = client.post(f"{API}/trades", market.report(**changes), content_type="application/json")
    assert response.status_code in (200, 201), response.content
    return str(response.json()["id"])


def results(client: Client, path: str) -> list[dict[str, Any]]:
    response = client.get(f"{API}/{path}")
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def fund(market: Market) -> None:
    """Give BRAVO securities and ALPHA cash, from an issuance account without a limit."""
    Account.objects.filter(participant=market.csd).update(limit_minor=None)
    rows = [
        (1, market.account(market.csd), market.equity.pk, -1000),
        (1, market.account(market.bravo), market.equity.pk, 1000),
        (2, market.account(market.csd, "CASH"), market.equity.currency_id, -10_000_000),
        (2, market.account(market.alpha, "CASH"), market.equity.currency_id, 10_000_000),
    ]
    ids, accounts, assets, amounts = zip(*[(n, a.pk, asset, amount) for n, a, asset, amount in rows], strict=True)
    post_entries(
        source="OPENING",
        business_date=TODAY,
        at=NOW,
        source_ids=np.array(ids),
        accounts=np.array(accounts),
        assets=np.array(assets),
        amounts=np.array(amounts),
    )


def settle_one_trade(*, market: Market, alpha: Client, bravo: Client) -> str:
    """Take a trade reported by both sides all the way to settlement; return ALPHA's public id of it."""
    fund(market)
    public_id = report(alpha, market, trade_id="A-1")
    report(bravo, market, trade_id="B-1")
    assert match_trades(at=NOW, business_date=TODAY) == 1
    novate_trades(at=NOW, business_date=TODAY)
    net_obligations(at=NOW, business_date=SETTLES)
    instruct_settlement(at=NOW)
    settle_cycle(at=NOW, business_date=SETTLES, name="Cycle")
    discharge_obligations(at=NOW)
    assert set(Trade.objects.values_list("status", flat=True)) == {"SETTLED"}
    return public_id
