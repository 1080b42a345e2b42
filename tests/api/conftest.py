"""The market and the logins of the API's tests; models are imported late, for settings must stand first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.market import Market


@pytest.fixture
def market(db: None) -> Market:
    """The market."""
    from tests.factories.market import make_market

    return make_market()


@pytest.fixture
def operator(market: Market) -> Client:
    from tests.factories.market import login

    return login(name="operator")


@pytest.fixture
def auditor(market: Market) -> Client:
    from tests.factories.market import login

    return login(name="auditor", role="AUDITOR")


@pytest.fixture
def alpha(market: Market) -> Client:
    from tests.factories.market import login

    return login(participant=market.alpha, name="alpha")


@pytest.fixture
def bravo(market: Market) -> Client:
    from tests.factories.market import login

    return login(participant=market.bravo, name="bravo")


@pytest.fixture
def settled(market: Market, alpha: Client, bravo: Client) -> str:
    """A trade reported by both sides and taken all the way to settlement; ALPHA's public id of it."""
    from tests.factories.settled import settle_one_trade

    return settle_one_trade(market=market, alpha=alpha, bravo=bravo)
