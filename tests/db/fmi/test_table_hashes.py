"""A table's hash is what its documentation says, whatever the order of its rows."""

from __future__ import annotations

import hashlib
from itertools import groupby

import pytest
from django.db import connection

from fmi.table_hashes import hash_tables

pytestmark = pytest.mark.django_db


def test_a_tables_hash_is_of_its_rows_by_their_first_byte() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE odd (word text, number bigint)")
        cursor.execute("CREATE TABLE none_at_all (number bigint)")
        cursor.execute("INSERT INTO odd SELECT 'é' || n, n FROM generate_series(3000, 1, -1) n")
        found = {name: (rows, digest) for name, rows, digest in hash_tables()}
        rows = sorted(hashlib.sha256(f"({n},é{n})".encode()).digest() for n in range(1, 3001))
        parts = [hashlib.sha256(b"".join(part)).digest() for _, part in groupby(rows, key=lambda row: row[0])]
        assert found["odd"] == (3000, hashlib.sha256(b"".join(parts)).hexdigest())
        assert found["none_at_all"] == (0, hashlib.sha256(b"").hexdigest())
        cursor.execute("UPDATE odd SET number = number + 1 WHERE number = 7")
        assert {name for name, rows, digest in hash_tables() if (rows, digest) != found[name]} == {"odd"}
