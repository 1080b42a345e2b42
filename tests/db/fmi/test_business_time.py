"""Business time moves forward through feed, clock and work; windows join, steps come once, weekends are passed over."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.utils import timezone

from events.models import OutboxFact
from events.queries.outbox import waiting_facts
from events.services.outbox import record_fact
from fmi import business_day
from fmi.business_day import advance, day_lock, run_flow
from fmi.clock import LONGEST_GAP, start_clock, target_time
from reference.core.calendar import BUSINESS_ZONE
from reference.queries import business_clock
from settlement.models import BusinessDay, DayStep, ScheduledStep
from tests.factories.chain import MONDAY, Chain, at_time
from tests.factories.real_time import FRIDAY, enter_day
from trades.contracts import TradesCaptured
from trades.models import Trade

TUESDAY = date(2008, 9, 9)


class Windows:
    """A feed that only remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[datetime, datetime, date]] = []

    def __call__(self, *, after: datetime, until: datetime, business_date: date) -> None:
        self.seen.append((after, until, business_date))


@pytest.fixture
def eve(chain: Chain) -> Chain:
    """The market on the evening before its first business day, a Friday."""
    chain.move_to(FRIDAY, 18)
    return chain


@pytest.fixture
def by_day(chain: Chain) -> Chain:
    """The market at ten o'clock of its first business day."""
    enter_day(chain, MONDAY, 10)
    return chain


def test_every_moment_is_fed_once_in_order(eve: Chain) -> None:
    feed, steps = Windows(), list[str]()
    until = at_time(MONDAY, 20, 34)
    advance(until=until, feed=feed, note=steps.append)
    assert feed.seen[0][0] == eve.at
    assert feed.seen[-1][1] == until
    assert all(one[1] == two[0] for one, two in zip(feed.seen, feed.seen[1:], strict=False))
    assert all(after < until for after, until, _ in feed.seen)
    assert [day for _, _, day in feed.seen] == sorted(day for _, _, day in feed.seen)
    clock = business_clock()
    assert (clock.at, clock.business_date) == (until, TUESDAY)
    planned = ScheduledStep.objects.count()
    done = DayStep.objects.filter(business_day_id=TUESDAY).exclude(done_at=None).count()
    assert len(steps) == planned + done
    assert DayStep.objects.filter(business_day_id=MONDAY, done_at=None).count() == 0


def test_the_business_date_turns_in_the_evening_before(eve: Chain) -> None:
    advance(until=at_time(FRIDAY, 18, 44))
    assert business_clock().business_date == FRIDAY
    assert not BusinessDay.objects.exists()
    advance(until=at_time(FRIDAY, 18, 45))
    assert business_clock().business_date == MONDAY
    assert BusinessDay.objects.get().business_date == MONDAY


def test_moving_to_where_the_clock_stands_or_behind_it_changes_nothing(by_day: Chain) -> None:
    for until in (at_time(MONDAY, 10), at_time(MONDAY, 9), at_time(FRIDAY, 9)):
        feed = Windows()
        advance(until=until, feed=feed)
        assert feed.seen == []
        assert business_clock().at == at_time(MONDAY, 10)


def test_trades_go_on_by_the_sweep_alone(by_day: Chain) -> None:
    """Facts marked as delivered stand for messages that were lost."""
    by_day.trade("T", "ALPHA", "BRAVO")
    OutboxFact.objects.update(delivered_at=timezone.now())
    advance(until=at_time(MONDAY, 10, 31))
    assert set(Trade.objects.values_list("status", flat=True)) == {"CLEARED"}


def test_a_whole_life_by_the_clock_alone(by_day: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(business_day, "SWEEP_EVERY", timedelta(hours=2))
    by_day.give("BRAVO", "STOCK", 100)
    by_day.give("ALPHA", "EUR", 100_000)
    by_day.trade("T", "ALPHA", "BRAVO")
    advance(until=at_time(date(2008, 9, 9), 21))
    assert set(Trade.objects.values_list("status", flat=True)) == {"SETTLED"}, "in the first night cycle of the 10th"
    assert (by_day.balance("ALPHA", "STOCK"), by_day.balance("BRAVO", "EUR")) == (100, 100_000)
    assert waiting_facts() == 0


def test_facts_that_follow_each_other_for_ever_are_an_error(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(business_day, "MOST_ROUNDS", 20)
    record_fact(fact=TradesCaptured(count=1))
    with pytest.raises(RuntimeError, match="the flow has a loop"):
        run_flow(run=lambda _name: record_fact(fact=TradesCaptured(count=1)))


def test_one_task_is_run_once_for_many_facts(db: None) -> None:
    for number in range(3):
        record_fact(fact=TradesCaptured(count=number))
    ran: list[str] = []
    run_flow(run=ran.append)
    assert ran == ["trades.match", "trades.enrich"]


def test_the_lock_of_the_day_is_given_back(db: None) -> None:
    for _ in range(2):
        with day_lock() as had:
            assert had


def test_an_accelerated_clock_runs_at_its_pace_and_standing_still_does_not_count(by_day: Chain) -> None:
    now = timezone.now()
    start_clock(clock=business_clock(), seconds_per_day=24 * 60, now=now)
    clock = business_clock()
    # A day of 24 hours in 24 minutes: one second is a minute.
    assert target_time(clock=clock, now=now + timedelta(seconds=5)) == at_time(MONDAY, 10, 5)
    assert target_time(clock=clock, now=now - timedelta(seconds=5)) == at_time(MONDAY, 10)
    most = at_time(MONDAY, 10) + LONGEST_GAP * 60
    assert target_time(clock=clock, now=now + timedelta(days=3)) == most
    assert most.tzinfo is not None
    assert most.astimezone(BUSINESS_ZONE).hour == 10
