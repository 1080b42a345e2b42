"""The market and the logins of the API's tests; models are imported late, for settings must stand first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.market import Market


@pytest.fixture(scope="session")
def schema(django_db_setup: None) -> dict[str, Any]:
    """The API's description, as /api/schema gives it."""
    from drf_spectacular.generators import SchemaGenerator

    generator: Any = SchemaGenerator()
    document: dict[str, Any] = json.loads(json.dumps(generator.get_schema(request=None, public=True), default=str))
    return document


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
