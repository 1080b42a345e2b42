"""The servers of the test run are the real ones."""

import pytest
from django.core.cache import cache
from django.db import connection


@pytest.mark.django_db
def test_database_is_postgresql_18() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        assert cursor.fetchone() == (18,)


def test_cache_is_a_server_that_remembers() -> None:
    cache.set("test-servers", 42, timeout=5)
    assert cache.get("test-servers") == 42
