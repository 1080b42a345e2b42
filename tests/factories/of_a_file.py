"""What is made once for a file of tests, in a transaction around them; each test is a savepoint in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pytest_django import DjangoDbBlocker

Made = TypeVar("Made")


@contextmanager
def made_for_a_file(make: Callable[[], Made], *, blocker: DjangoDbBlocker) -> Iterator[Made]:
    """Make a market, and take it back at the end of the block."""
    from django.db import connection, transaction

    from reference.queries import forget_directory

    with blocker.unblock(), transaction.atomic():
        made = make()
        connection.check_constraints()
        yield made
        transaction.set_rollback(True)
    forget_directory()


def market_of_the_file(request: pytest.FixtureRequest) -> Any | None:
    """Return what the fixture `file_market` makes, or None where some test of the file commits."""
    return None if request.path in _paths_that_commit(request.session) else request.getfixturevalue("file_market")


@cache
def _paths_that_commit(session: pytest.Session) -> frozenset[Path]:
    """Return the files with a test that is in no transaction, and so in none around its file either."""
    return frozenset(item.path for item in session.items if _commits(item))


def _commits(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    by_marker = marker is not None and marker.kwargs.get("transaction", False)
    return by_marker or not {"transactional_db", "live_server"}.isdisjoint(getattr(item, "fixturenames", ()))
