"""The market and the logins of the API's tests; models are imported late, for settings must stand first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from pytest_django import DjangoDbBlocker

from tests.factories.of_a_file import made_for_a_file, market_of_the_file

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


@pytest.fixture(scope="module")
def file_market(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Market]:
    """The market, made once for a file."""
    from tests.factories.market import make_market

    with made_for_a_file(make_market, blocker=django_db_blocker) as made:
        yield made


@pytest.fixture(scope="module")
def _shared(request: pytest.FixtureRequest) -> Market | None:
    """The market of the file, unless some test of the file commits."""
    return market_of_the_file(request)


@pytest.fixture
def market(_shared: Market | None, db: None) -> Market:
    """The market, as no test before has left it."""
    from reference.queries import forget_directory
    from tests.factories.market import make_market

    if _shared is None:
        return make_market()
    forget_directory()
    return deepcopy(_shared)


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
