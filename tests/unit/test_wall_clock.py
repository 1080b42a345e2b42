"""No service, core or key reads the wall clock: the door (a view, a page, a task, a command) gives the time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("clearing", "events", "fmi", "ledger", "reference", "settlement", "trades")
ROOMS = ("core", "services", "services.py", "keys")
# Module -> what of it tells the time of day. time.monotonic and its like measure a length, which nobody can be given.
CLOCKS = {
    "time": {"time", "time_ns", "gmtime", "localtime", "ctime"},
    "datetime.datetime": {"now", "utcnow", "today"},
    "datetime.date": {"today"},
    "django.utils.timezone": {"now", "localtime", "localdate"},
}
ALLOWED = {
    "reference/keys/filters.py: django.utils.timezone.now": "a filter is part of the view that is asked with it",
}


def files() -> list[Path]:
    rooms = [ROOT / app / room for app in APPS for room in ROOMS]
    return sorted(path for room in rooms for path in ([room] if room.is_file() else room.rglob("*.py")))


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """Return what an expression names, its first word as it was imported; "" where it is no such name."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    inner = dotted(node.value, names) if isinstance(node, ast.Attribute) else ""
    return f"{inner}.{node.attr}" if inner and isinstance(node, ast.Attribute) else ""


def clock_reads(source: str) -> Iterator[str]:
    """Yield each clock that a module names, whatever it calls it: called or handed on, it is read."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    clocks = {f"{module}.{name}" for module, reads in CLOCKS.items() for name in reads}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and dotted(node, names) in clocks:
            yield dotted(node, names)


def test_no_service_reads_the_wall_clock() -> None:
    found = {f"{path.relative_to(ROOT)}: {read}" for path in files() for read in clock_reads(path.read_text())}
    assert found == set(ALLOWED)


def test_every_room_is_looked_into() -> None:
    seen = {str(path.relative_to(ROOT)) for path in files()}
    assert {"events/services/consume.py", "reference/services.py", "reference/keys/grants.py"} <= seen
    assert {path.parts[0] for path in map(Path, seen)} >= {"clearing", "events", "reference", "settlement", "trades"}


@pytest.mark.parametrize(
    "source",
    [
        "from django.utils import timezone\ntimezone.now()",
        "from django.utils.timezone import now as moment\nmoment()",
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "from datetime import date\ndate.today()",
        "import time as clock\nclock.time()",
        "from time import time\nfield(default_factory=time)",
        "import django.utils.timezone\ndjango.utils.timezone.now()",
    ],
)
def test_a_clock_is_recognised_under_any_name(source: str) -> None:
    assert len(list(clock_reads(source))) == 1


@pytest.mark.parametrize("source", ["import time\ntime.monotonic()", "def f(now):\n    return now()", "x.time()"])
def test_nothing_else_is_taken_for_one(source: str) -> None:
    assert not list(clock_reads(source))
