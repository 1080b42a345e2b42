"""What each part does where time goes back: the business clock asked to, and the wall clock that was set back.

test_clock_set_back.py does it to all processes of the product at once.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from events.services.audit import record_action
from events.services.seal import seal_records
from events.services.verify import signing_key, trusted_keys, verify_and_keep
from fmi.beat import SteadyScheduler
from fmi.celery import app
from fmi.clock import ClockTooFarOff, count_anew, follow_wall, start_clock, target_time
from fmi.demo.play import DayAlreadyPlayed, prepare_books
from reference.core.actor import SYSTEM
from reference.keys.issue_tokens import exchange_secret
from reference.keys.login_waits import Attempt, expect_no_wait, refuse_where_waiting
from reference.keys.refusals import LoginWaits
from reference.public_ids import new_public_id, new_public_ids
from reference.queries import business_clock
from reference.rate_limits import KEY, clear, take
from reference.refusals import BusinessTimeGoesBack
from reference.services import advance_business_clock, set_business_clock
from reference.stored_answers import delete_expired
from reference.valkey import valkey
from settlement.models import BusinessDay
from settlement.refusals import StepAlreadyDone
from settlement.services.business_day import complete_step, next_step, open_business_day
from settlement.services.order_steps import order_steps
from tests.factories.chain import WEDNESDAY, make_chain
from tests.factories.market import NOW, TODAY, login, make_market
from tests.factories.reference import MembershipFactory
from tests.factories.signing import make_key

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def set_back(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give what sets the clock that this process reads back by an hour."""
    really = time.time_ns

    def back() -> None:
        monkeypatch.setattr(time, "time_ns", lambda: really() - 3_600 * 10**9)

    return back


def test_business_time_asked_to_go_back_is_refused_by_name_at_every_door() -> None:
    chain = make_chain()
    open_business_day(business_date=WEDNESDAY, at=chain.at)
    chain.move_to(WEDNESDAY)
    clock = business_clock()
    first = next_step(business_date=WEDNESDAY)
    assert first.step_id is not None
    complete_step(step_id=first.step_id, took=timedelta(0))
    with pytest.raises(BusinessTimeGoesBack):
        set_business_clock(business_date=WEDNESDAY, at=clock.at - timedelta(seconds=1))
    with pytest.raises(BusinessTimeGoesBack):
        set_business_clock(business_date=WEDNESDAY - timedelta(days=1), at=clock.at)
    with pytest.raises(DayAlreadyPlayed):
        prepare_books(first_date=WEDNESDAY - timedelta(days=1))
    with pytest.raises(StepAlreadyDone):
        order_steps(to=first.code, actor=SYSTEM, clock=clock)
    with pytest.raises(ClockTooFarOff):
        follow_wall(clock=clock, now=clock.at - timedelta(days=2))
    # A tick is not asked: it moves nothing.
    advance_business_clock(business_date=WEDNESDAY - timedelta(days=1), at=clock.at - HOUR, ticked_at=timezone.now())
    after = business_clock()
    assert (after.business_date, after.at) == (clock.business_date, clock.at)
    assert BusinessDay.objects.count() == 1


def test_business_time_that_follows_the_wall_stands_until_the_wall_has_come_again() -> None:
    chain = make_chain()
    clock = follow_wall(clock=business_clock(), now=chain.at)
    assert target_time(clock=clock, now=clock.at - HOUR) < clock.at
    assert count_anew(clock=clock, now=clock.at - HOUR) == clock


def test_business_time_at_a_pace_of_its_own_goes_on_at_once() -> None:
    make_chain()
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    start_clock(clock=business_clock(), seconds_per_day=3_600, now=noon)
    back = noon - HOUR
    clock = count_anew(clock=business_clock(), now=back)
    assert target_time(clock=clock, now=back) == clock.at
    later = business_clock()
    assert later.ticked_at == back
    assert target_time(clock=later, now=back + timedelta(seconds=10)) == clock.at + timedelta(seconds=240)


def test_public_ids_stay_unique_and_lists_give_each_row_once(set_back: Any) -> None:
    market = make_market()
    client = login(participant=market.alpha, name="alpha")

    def report(first: int) -> None:
        for number in range(first, first + 6):
            assert (
                client.post("/api/v1/trades", market.report(trade_id=f"T-{number}"), "application/json").status_code
                == 201
            )

    report(0)
    before = new_public_ids(count=10_000) + [new_public_id() for _ in range(1_000)]
    set_back()
    after = new_public_ids(count=10_000) + [new_public_id() for _ in range(1_000)]
    assert len({*before, *after}) == 22_000
    assert after[:10_000] == sorted(after[:10_000])
    report(6)
    found: list[str] = []
    path = "/api/v1/trades?limit=5"
    while path:
        page = client.get(path).json()
        found += [row["trade_id"] for row in page["results"]]
        path = page["next"]
    assert found == [f"T-{number}" for number in reversed(range(12))]


class Beat(SteadyScheduler):
    """Beat's scheduler over a clock of ours, with a list of what it would have sent."""

    clock = datetime(2026, 1, 5, 12, tzinfo=UTC)
    sent: list[tuple[str, datetime]]

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        self.sent.append((str(entry.task), self.clock))


def test_beat_goes_on_at_once_and_sends_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "now", lambda: Beat.clock)
    monkeypatch.setattr(Beat, "sent", [], raising=False)
    beat: Any = Beat(app=app, schedule_filename=str(tmp_path / "schedule"))

    def run(seconds: float) -> Counter[str]:
        beat.sent.clear()
        end = Beat.clock + timedelta(seconds=seconds)
        while Beat.clock < end:
            wait = beat.tick()
            assert wait <= 60
            monkeypatch.setattr(Beat, "clock", Beat.clock + timedelta(seconds=max(wait, 0.001)))
        for task in {task for task, _ in beat.sent}:
            moments = [at for name, at in beat.sent if name == task]
            assert all(later - sooner > timedelta(seconds=0.9) for sooner, later in itertools.pairwise(moments))
        return Counter(task for task, _ in beat.sent)

    run(2)
    usual = run(60)
    monkeypatch.setattr(Beat, "clock", Beat.clock - HOUR)
    after = run(60)
    beat.close()
    assert usual["fmi.follow_clock"] > 50
    for task, count in usual.items():
        assert abs(after[task] - count) <= 2, (task, count, after)


def test_a_window_that_the_store_would_keep_for_an_hour_more_ends_in_time() -> None:
    def exhaust() -> None:
        for _ in range(3):
            take(name="clock:back", limit=2, window_seconds=60)
        # What Valkey keeps until a moment is kept for so much longer once its clock is set back.
        valkey().pexpire(KEY.format("clock:back"), 3_660_000)

    clear(name="clock:back")
    exhaust()
    refused = take(name="clock:back", limit=2, window_seconds=60)
    assert not refused.allowed
    assert refused.reset_seconds <= 60
    assert valkey().pttl(KEY.format("clock:back")) <= 60_000
    clear(name="clock:back")


def test_a_login_that_waits_does_not_wait_for_an_hour_more() -> None:
    make_market()
    attempt = Attempt(name="clock", address="192.0.2.77")
    for _ in range(5):
        refuse_where_waiting(attempt=attempt, now=timezone.now())
    for key in valkey().scan_iter(KEY.format(f"login:{attempt.key}:*")):
        valkey().pexpire(key, valkey().pttl(key) + 3_600_000)
    with pytest.raises(LoginWaits) as refusal:
        expect_no_wait(attempt=attempt)
    assert refusal.value.extra["retry_after_seconds"] <= 60


def test_a_token_of_the_future_is_refused_and_a_new_one_is_had_at_once() -> None:
    market = make_market()
    user = User.objects.create(username="router")
    MembershipFactory.create(user=user, participant=market.alpha)
    key = make_key("trades:read", name="router")
    fields: dict[str, Any] = {
        "client_id": key.key.client_id,
        "secret": key.secret,
        "scopes": None,
        "with_refresh": False,
    }
    fields |= {"at": NOW, "business_date": TODAY}

    def status(now: datetime) -> int:
        token = exchange_secret(**fields, now=now).access_token
        answer = Client().get("/api/v1/trades", headers={"authorization": f"Bearer {token}"})
        return int(answer.status_code)

    assert status(timezone.now() + HOUR) == 401
    assert status(timezone.now()) == 200
    # Nor does one that is over live again for longer than a token lives.
    assert status(timezone.now() - HOUR) == 401


def test_an_answer_of_the_future_is_kept_and_given_again() -> None:
    market = make_market()
    client = login(participant=market.alpha, name="alpha")
    headers = {"Idempotency-Key": "clock-set-back-0001"}

    def send() -> Any:
        return client.post("/api/v1/trades", market.report(trade_id="T-1"), "application/json", headers=headers)

    first = send()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE reference_storedanswer SET created_at = now() + interval '1 hour'")
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert delete_expired() == 0
    again = send()
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert first.status_code == 201


def test_seals_go_on_over_a_clock_that_was_set_back() -> None:
    def seal(at: datetime) -> None:
        for number in range(3):
            record_action(actor=SYSTEM, action="clock.test", at=NOW, business_date=TODAY, object_type="test",
                          object_id=number, summary=f"Record {number}")  # fmt: skip
        sealed = seal_records(key=signing_key(), heads=settings.AUDIT_HEADS, now=at)
        assert (sealed.batches, sealed.records, sealed.fault) == (1, 3, "")

    now = timezone.now()
    for moment in (now, now - HOUR, now - timedelta(days=400), now):
        seal(moment)
    verified = verify_and_keep(keys=trusted_keys(), heads=settings.AUDIT_HEADS)
    assert (verified.batches, verified.records, verified.fault) == (4, 12, "")
