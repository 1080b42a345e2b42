"""The market of the chain's tests; models are imported late, for settings must stand first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pytest_django import DjangoDbBlocker

from tests.factories.committing import paths_that_commit

if TYPE_CHECKING:
    from tests.factories.chain import Chain


@pytest.fixture(scope="module")
def file_market(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Chain]:
    """Four members with accounts, three securities, Monday 2008-09-08, ten o'clock.

    Made once for a file, in a transaction around it; each test is a savepoint in it. What a file's own fixture of
    the same scope plays with it, each test of the file finds played.
    """
    from django.db import connection, transaction

    from reference.queries import forget_directory
    from tests.factories.chain import make_chain

    with django_db_blocker.unblock(), transaction.atomic():
        made = make_chain()
        connection.check_constraints()
        yield made
        transaction.set_rollback(True)
    forget_directory()


@pytest.fixture(scope="module")
def _shared(request: pytest.FixtureRequest) -> Chain | None:
    """The market of the file, unless some test of the file commits."""
    if request.path in paths_that_commit(request.session):
        return None
    market: Chain = request.getfixturevalue("file_market")
    return market


@pytest.fixture
def chain(_shared: Chain | None, db: None) -> Chain:
    """The market, as no test before has left it."""
    from reference.queries import forget_directory
    from tests.factories.chain import make_chain

    if _shared is None:
        return make_chain()
    forget_directory()
    return replace(_shared, issued=[*_shared.issued])
