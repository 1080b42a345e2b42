"""The market of the chain's tests; models are imported late, for settings must stand first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pytest_django import DjangoDbBlocker

from tests.factories.of_a_file import made_for_a_file, market_of_the_file

if TYPE_CHECKING:
    from tests.factories.chain import Chain


@pytest.fixture(scope="module")
def file_market(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Chain]:
    """Four members with accounts, three securities, Monday 2008-09-08, ten o'clock; made once for a file.

    What a file's own fixture of the same scope plays with it, each test of the file finds played.
    """
    from tests.factories.chain import make_chain

    with made_for_a_file(make_chain, blocker=django_db_blocker) as made:
        yield made


@pytest.fixture(scope="module")
def _shared(request: pytest.FixtureRequest) -> Chain | None:
    """The market of the file, unless some test of the file commits."""
    return market_of_the_file(request)


@pytest.fixture
def chain(_shared: Chain | None, db: None) -> Chain:
    """The market, as no test before has left it."""
    from reference.queries import forget_directory
    from tests.factories.chain import make_chain

    if _shared is None:
        return make_chain()
    forget_directory()
    return replace(_shared, issued=[*_shared.issued])
