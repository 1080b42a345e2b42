"""The way to Valkey, and names of keys that belong to one database. Nothing there is the truth: PostgreSQL is."""

from __future__ import annotations

from functools import lru_cache

import redis
from django.conf import settings
from django.db import connection

TIMEOUT_SECONDS = 5
DATABASE_SQL = """
SELECT (SELECT system_identifier FROM pg_control_system()), oid FROM pg_database WHERE datname = current_database()
"""


def valkey() -> redis.Redis:
    """Return the process's connections to the store that the settings name."""
    return connect(settings.REDIS_URL)


def database_prefix() -> str:
    """Return what keys of this database carry, its cluster and its id there: a new one never reads an old one's."""
    named = connection.settings_dict
    return prefix_of(str(named["HOST"]), str(named["PORT"]), str(named["NAME"]))


@lru_cache(maxsize=4)
def connect(url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> redis.Redis:
    """Return the process's connections to a store."""
    return redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds
    )


@lru_cache(maxsize=4)
def prefix_of(_host: str, _port: str, _name: str) -> str:
    """Return what the keys of the connected database carry; the arguments tell one database from another."""
    with connection.cursor() as cursor:
        cursor.execute(DATABASE_SQL)
        cluster, database = cursor.fetchone()
    return f"{cluster}-{database}"
