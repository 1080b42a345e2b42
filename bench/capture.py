"""Capture of a file, every constraint and trigger on, beside COPY of the same rows into a bare table."""

import tempfile
import time
from pathlib import Path

from django.db import connection, transaction

from bench.life import BLOCK_BYTES, BenchFailed, capture_file, read_blocks


def measure_capture(*, path: Path, reports: int) -> float:
    """Capture a file of reports in the connected database; return the seconds. Raises BenchFailed."""
    started = time.perf_counter()
    taken = capture_file(path=path)
    seconds = time.perf_counter() - started
    if taken != reports:
        raise BenchFailed(f"{taken} of {reports} reports were taken")
    return seconds


def measure_copy() -> float:
    """COPY the rows of trades_trade, from a file, into a table of the same columns and nothing else.

    Returns the seconds of one COPY and its commit, the faster of two.
    """
    with tempfile.TemporaryDirectory(prefix="bench-copy-") as directory:
        path = Path(directory) / "trades.copy"
        _copy_out(path=path)
        return min(_copy_in(path=path), _copy_in(path=path))


def _copy_out(*, path: Path) -> None:
    """Write the rows that capture made to a file, in COPY's text form."""
    with (
        connection.cursor() as cursor,
        path.open("wb", buffering=BLOCK_BYTES) as file,
        cursor.copy("COPY trades_trade TO STDOUT") as copy,
    ):
        for row in copy:
            file.write(row)


def _copy_in(*, path: Path) -> float:
    """COPY the file into a new bare table; return the seconds."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_bare")
        cursor.execute("CREATE TABLE bench_bare (LIKE trades_trade)")
        started = time.perf_counter()
        with transaction.atomic(), cursor.copy("COPY bench_bare FROM STDIN") as copy:
            for block in read_blocks(path=path):
                copy.write(block)
        return time.perf_counter() - started
