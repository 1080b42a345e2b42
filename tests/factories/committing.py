"""Which test files commit, and so can have no transaction around the file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest


@cache
def paths_that_commit(session: pytest.Session) -> frozenset[Path]:
    """Return the files with a test that is in no transaction, and so in none around its file either."""
    return frozenset(item.path for item in session.items if _commits(item))


def _commits(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    by_marker = marker is not None and marker.kwargs.get("transaction", False)
    return by_marker or not {"transactional_db", "live_server"}.isdisjoint(getattr(item, "fixturenames", ()))
