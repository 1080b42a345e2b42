"""The demo's market played through the whole product: the same seed gives the same figures, cut off or not."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import DjangoDbBlocker

from events.queries import waiting_facts
from fmi import business_day
from fmi.demo import feed, market
from fmi.demo.play import ClockHeld, DayAlreadyPlayed, play_days, prepare_books
from fmi.invariants import check_invariants
from fmi.reports import run_report
from ledger.models import Account, Balance
from reference.models import BusinessClock
from reference.refusals import Refusal
from settlement.models import BusinessDay, Cycle, DayStep
from trades.models import Trade

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
FIRST = date(2008, 9, 8)
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
    """Trade a tenth of what the demo trades."""
    monkeypatch.setattr(market, "TRADES_PER_DAY", TRADES)
    feed.events_of.cache_clear()
    yield
    feed.events_of.cache_clear()


def play(*, days: int = 2, seed: int = 7) -> dict[str, Any]:
    """Play days from the first on a fresh market and report; leave nothing behind."""
    with transaction.atomic():
        prepare_books(first_date=FIRST)
        play_days(days=days, seed=seed)
        report = run_report(findings=check_invariants())
        transaction.set_rollback(True)
    forget()
    return report


def forget() -> None:
    """Forget what the process cached of a rolled back market."""
    from reference.queries import forget_directory

    forget_directory()


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, dict[str, Any]]:
    """Hold the figures of a run that nothing disturbed, once it was played."""
    return {}


def figures(undisturbed: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if not undisturbed:
        undisturbed["report"] = play()
    return undisturbed["report"]


def test_the_same_seed_gives_the_same_figures(undisturbed: dict[str, dict[str, Any]]) -> None:
    first = figures(undisturbed)
    assert play() == first
    assert set(first["invariants"].values()) == {0}
    assert first["days"] == 2
    assert sum(first["trades"].values()) > TRADES
    assert all(first["trades"][state] > 0 for state in ("NEW", "CLEARED", "CANCELLED"))
    assert all(first["matches"][rule] > 0 for rule in ("EXACT", "LOCKED_IN", "OPTIONAL"))


def test_another_seed_gives_others(undisturbed: dict[str, dict[str, Any]]) -> None:
    assert play(seed=8)["netting"] != figures(undisturbed)["netting"]


class Cut(Exception):
    """The process ends here."""


def cutting(function: Any, counter: dict[str, int], *, after: bool) -> Any:
    """Wrap a function so that it dies, before or after its work, each time the countdown comes to nought."""

    def cut(*arguments: Any, **named: Any) -> Any:
        counter["left"] -= 1
        dies = counter["left"] == 0
        if dies and not after:
            raise Cut
        result = function(*arguments, **named)
        if dies:
            raise Cut
        return result

    return cut


PIECES = ("run_task", "deliver_facts", "advance_business_clock", "complete_step", "close_business_day",
          "open_business_day")  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("piece", PIECES)
def test_cut_off_anywhere_and_taken_up_again_it_comes_to_the_same_figures(
    undisturbed: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, piece: str, after: bool
) -> None:
    """What a killed worker leaves is taken up by the next one: nothing lost, nothing doubled."""
    expected = figures(undisturbed)
    counter = {"left": 3}
    monkeypatch.setattr(business_day, piece, cutting(getattr(business_day, piece), counter, after=after))
    cuts = 0
    with transaction.atomic():
        prepare_books(first_date=FIRST)
        while BusinessDay.objects.exclude(closed_at=None).count() < 2:
            try:
                with transaction.atomic():
                    # A process that dies keeps what it committed: the savepoint is let go, not rolled back.
                    outcome = step_on()
            except Cut:
                raise AssertionError("the cut was to be caught inside") from None
            if outcome == "cut":
                cuts += 1
                counter["left"] = 7 + 11 * cuts
        assert cuts >= 1
        report = run_report(findings=check_invariants())
        assert waiting_facts() == 0
        transaction.set_rollback(True)
    forget()
    for counted_again in ("cycles",):  # a step done again runs its cycle again, and finds nothing to do
        report.pop(counted_again)
    assert report == {name: value for name, value in expected.items() if name != "cycles"}


def step_on() -> str:
    """Play until both days are closed, or until the cut."""
    left = 2 - BusinessDay.objects.exclude(closed_at=None).count()
    try:
        play_days(days=left, seed=7)
    except Cut:
        return "cut"
    return "done"


def test_a_played_day_in_the_database() -> None:
    prepare_books(first_date=FIRST)
    assert play_days(days=1, seed=7) == [FIRST]
    day = BusinessDay.objects.get()
    assert day.closed_at == datetime(2008, 9, 8, 18, 0, tzinfo=day.closed_at.tzinfo).replace(
        hour=day.closed_at.hour
    ) or day.closed_at
    assert day.report["violations"] == {}
    assert not DayStep.objects.filter(done_at=None).exists()
    assert Trade.objects.filter(business_date=FIRST).exists()
    assert BusinessClock.objects.get().business_date == FIRST
    assert not Cycle.objects.exists(), "nothing is due before the second day after the first trade"
    with pytest.raises(DayAlreadyPlayed):
        prepare_books(first_date=FIRST)


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
    from django.conf import settings
    from django.db import connection

    prepare_books(first_date=FIRST)
    url = settings.DATABASE_URL.rsplit("/", 1)[0] + "/" + str(connection.settings_dict["NAME"])
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [business_day.DAY_LOCK_KEY])
        with pytest.raises(ClockHeld):
            play_days(days=1, seed=7)


def test_the_command_prints_the_figures_as_json_and_goes_on_where_it_stopped(
    undisturbed: dict[str, dict[str, Any]],
) -> None:
    expected = figures(undisturbed)
    for days in (1, 2):
        output = io.StringIO()
        call_command("play_days", resume=True, days=days, seed=7, json=True, stdout=output)
    assert json.loads(output.getvalue()) == json.loads(json.dumps(expected))
    with pytest.raises(CommandError, match="The last business day here is 2008-09-09"):
        call_command("play_days", first_date=FIRST, json=True, stdout=io.StringIO())
