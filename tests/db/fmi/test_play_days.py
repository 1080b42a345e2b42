"""The demo's market played through the whole product: the same seed gives the same figures, cut off or not."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import DjangoDbBlocker

from events.queries.outbox import waiting_facts
from fmi import business_day
from fmi.demo import feed, market, opening
from fmi.demo.feed import market_securities
from fmi.demo.market import MarketSecurity
from fmi.demo.play import ClockHeld, DayAlreadyPlayed, play_days, prepare_books
from fmi.invariants import check_invariants
from fmi.reports import run_report
from ledger.models import Account, Balance
from reference.models import BusinessClock
from reference.refusals import Refusal
from settlement.models import BusinessDay, Cycle, DayStep
from tests.factories.chain import at_time
from trades.models import Trade

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
FIRST = date(2008, 9, 8)
DAYS = 3
TRADES = 80


@pytest.fixture(scope="module", autouse=True)
def _loaded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Load the reference data in a transaction around the file; each test is a savepoint in it."""
    from reference.queries import forget_directory
    from reference.services import load_reference

    with django_db_blocker.unblock(), transaction.atomic():
        load_reference()
        yield
        transaction.set_rollback(True)
    forget_directory()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trade six securities seldom, and sweep every third hour."""

    def few(*, business_date: date) -> list[MarketSecurity]:
        return market_securities(business_date=business_date)[:6]

    monkeypatch.setattr(market, "TRADES_PER_DAY", TRADES)
    monkeypatch.setattr(feed, "market_securities", few)
    monkeypatch.setattr(opening, "market_securities", few)
    monkeypatch.setattr(business_day, "SWEEP_EVERY", timedelta(hours=3))
    feed.events_of.cache_clear()
    yield
    feed.events_of.cache_clear()


def played_back() -> transaction.Atomic:
    """Return a transaction of the test's own: what must be outermost in the product may run inside it."""
    atomic = transaction.atomic()
    atomic._from_testcase = True  # type: ignore[attr-defined]
    return atomic


def told(**options: Any) -> dict[str, Any]:
    """Return what the command prints."""
    output = io.StringIO()
    call_command("play_days", json=True, stdout=output, **options)
    figures: dict[str, Any] = json.loads(output.getvalue())
    return figures


def forget() -> None:
    """Forget what the process cached of a rolled back market, and the heads of its audit log."""
    from reference.queries import forget_directory
    from trades.queries.held_books import forget_books

    forget_directory()
    forget_books()
    Path(settings.AUDIT_HEADS).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What the command said of a fresh market: after one day, after the missing ones, and asked to begin anew."""

    first_day: dict[str, Any]
    all_days: dict[str, Any]
    refusal: str


@pytest.fixture(scope="module")
def undisturbed() -> Callable[[], Undisturbed]:
    """Return what plays the days by the command, once for the tests of the file, and leaves nothing behind."""

    @cache
    def play() -> Undisturbed:
        with played_back():
            first_day, all_days = (told(resume=True, days=days, seed=7) for days in (1, DAYS))
            with pytest.raises(CommandError) as refused:
                told(first_date=FIRST)
            transaction.set_rollback(True)
        forget()
        return Undisturbed(first_day=first_day, all_days=all_days, refusal=str(refused.value))

    return play


def test_every_state_and_every_rule_occurs_and_no_invariant_is_broken(undisturbed: Callable[[], Undisturbed]) -> None:
    """That the same seed gives the same figures is told by the test that plays it cut off."""
    first = undisturbed().all_days
    assert set(first["invariants"].values()) == {0}
    assert first["days"] == DAYS
    assert sum(first["trades"].values()) > TRADES
    assert all(first["trades"][state] > 0 for state in ("NEW", "CLEARED", "SETTLED", "CANCELLED"))
    assert all(first["matches"][rule] > 0 for rule in ("EXACT", "LOCKED_IN", "OPTIONAL"))


def test_the_command_prints_the_figures_as_json_and_goes_on_where_it_stopped(
    undisturbed: Callable[[], Undisturbed],
) -> None:
    """That they are the figures of the days is told by the test that plays them cut off, without the command."""
    said = undisturbed()
    assert (said.first_day["from"], said.first_day["to"], said.first_day["days"]) == ("2008-09-08", "2008-09-08", 1)
    assert (said.all_days["from"], said.all_days["to"], said.all_days["days"]) == ("2008-09-08", "2008-09-10", DAYS)
    assert said.refusal.startswith("The last business day here is 2008-09-10")


class Cut(Exception):
    """The process ends here."""


class Fate:
    """Dies at every so many calls of the pieces it is put around, each time a little later: before one, after one."""

    def __init__(self) -> None:
        self.calls, self.deaths = 0, 0
        self.died: set[tuple[str, str]] = set()

    def around(self, piece: str, function: Any) -> Any:
        """Return the function, mortal."""

        def mortal(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            missing = [side for side in SIDES if (piece, side) not in self.died]
            # Not in the rhythm of the day, and once on each side of every piece whatever its rhythm.
            dies = self.calls % (31 + self.deaths % 11) == 0 or (self.calls > 20 and missing)
            if dies:
                side = missing[0] if missing else SIDES[self.deaths % 2]
                self.deaths += 1
                self.calls = 0
                self.died.add((piece, side))
            if dies and side == "before":
                raise Cut
            result = function(*arguments, **named)
            if dies:
                raise Cut
            return result

        return mortal


SIDES = ("before", "after")
PIECES = (
    "run_task",
    "deliver_facts",
    "advance_business_clock",
    "open_business_day",
    "complete_step",
    "close_business_day",
    "day_report",
)


@pytest.mark.parametrize("days", [pytest.param(1, id="fast"), pytest.param(DAYS, id="all", marks=pytest.mark.chaos)])
def test_cut_off_anywhere_and_taken_up_again_it_comes_to_the_same_figures(
    days: int, undisturbed: Callable[[], Undisturbed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed worker leaves is taken up by the next one: nothing lost, nothing doubled.

    On the first day trades are matched, cleared and called for; the `all` days bring what settles of them.
    """
    expected = undisturbed().first_day if days == 1 else undisturbed().all_days
    fate = Fate()
    for piece in PIECES:
        monkeypatch.setattr(business_day, piece, fate.around(piece, getattr(business_day, piece)))
    with played_back():
        prepare_books(first_date=FIRST)
        while (left := days - BusinessDay.objects.exclude(closed_at=None).count()) > 0:
            # What it had committed stays, as after a kill.
            with contextlib.suppress(Cut):
                play_days(days=left, seed=7)
        report = json.loads(json.dumps(run_report(findings=check_invariants())))
        assert waiting_facts() == 0
        transaction.set_rollback(True)
    forget()
    assert fate.deaths > 30
    assert fate.died == set(product(PIECES, SIDES))
    # A step done again runs its cycle again, and finds nothing more to settle.
    cycles, expected_cycles = report.pop("cycles"), {**expected}.pop("cycles")
    assert cycles["settled"] == expected_cycles["settled"]
    assert report == {name: value for name, value in expected.items() if name != "cycles"}


def test_a_played_day_in_the_database_and_another_seed_gives_another(
    undisturbed: Callable[[], Undisturbed],
) -> None:
    other = undisturbed().first_day
    prepare_books(first_date=FIRST)
    assert play_days(days=1, seed=8) == [FIRST]
    day = BusinessDay.objects.get()
    assert day.closed_at == at_time(FIRST, 18, 30)
    assert day.report["violations"] == {}
    assert not DayStep.objects.filter(done_at=None).exists()
    assert Trade.objects.filter(business_date=FIRST).exists()
    assert BusinessClock.objects.get().business_date == FIRST
    assert not Cycle.objects.filter(settled_instructions__source="OBLIGATION").exists(), (
        "nothing is due before the second day after the first trade"
    )
    with pytest.raises(DayAlreadyPlayed):
        prepare_books(first_date=FIRST)
    this = run_report(findings=check_invariants())
    assert this["days"] == other["days"] == 1
    assert this["trades"] != other["trades"]


def test_the_books_open_with_every_asset_at_zero_and_only_issuers_below() -> None:
    prepare_books(first_date=FIRST)
    below = set(Balance.objects.filter(balance__lt=0).values_list("account__name", flat=True))
    assert below == {"ISSUANCE"}
    assert {finding.name: finding.violations for finding in check_invariants() if finding.violations} == {}
    accounts, balances = Account.objects.count(), Balance.objects.count()
    prepare_books(first_date=FIRST)
    assert (Account.objects.count(), Balance.objects.count()) == (accounts, balances)


@pytest.mark.parametrize("day", [date(2008, 9, 7), date(2008, 12, 25), date(1950, 1, 2)])
def test_a_day_that_is_no_business_day_is_refused(day: date) -> None:
    with pytest.raises(Refusal):
        prepare_books(first_date=day)
    assert not Account.objects.exists()


def test_two_processes_cannot_move_business_time(django_db_blocker: DjangoDbBlocker) -> None:
    import psycopg
    from django.db import connection

    prepare_books(first_date=FIRST)
    url = settings.DATABASE_URL.rsplit("/", 1)[0] + "/" + str(connection.settings_dict["NAME"])
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [business_day.DAY_LOCK_KEY])
        with pytest.raises(ClockHeld):
            play_days(days=1, seed=7)
