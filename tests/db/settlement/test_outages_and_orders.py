"""The operator's hands on the day: outages, orders to step it, the clock; each attacked with raw SQL."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError
from django.utils import timezone

from events.models import AuditRecord
from fmi import business_day
from fmi.business_day import advance, carry_out
from reference.core.actor import SYSTEM
from reference.queries import business_clock
from reference.services import set_clock_running
from settlement.models import BusinessDay, DayOrder, DayStep, Outage
from settlement.queries.day import open_order, open_outage, outages_of, was_outage_day
from settlement.refusals import (
    ClockRunning,
    NoOutage,
    OrderUnderWay,
    OutageRefused,
    OutageUnderWay,
    StepAlreadyDone,
    UnknownStep,
)
from settlement.services.order_steps import END_OF_DAY, NEXT, end_order, order_steps
from settlement.services.outages import declare_outage, end_outage
from settlement.services.run_clock import pause_clock, resume_clock
from tests.factories.chain import MONDAY, Chain, at_time

FRIDAY, TUESDAY, WEDNESDAY = date(2008, 9, 5), date(2008, 9, 9), date(2008, 9, 10)


def declare(day: date = MONDAY, hour: int = 9) -> Outage:
    return declare_outage(reason="A cable is cut", actor=SYSTEM, at=at_time(day, hour), business_date=day)


def end(day: date = MONDAY, hour: int = 12) -> Outage:
    return end_outage(actor=SYSTEM, at=at_time(day, hour), business_date=day)


def test_an_outage_is_declared_once_and_ended_once_on_record(chain: Chain) -> None:
    assert open_outage() is None
    outage = declare()
    assert open_outage() == outage
    with pytest.raises(OutageUnderWay):
        declare()
    end()
    assert open_outage() is None
    with pytest.raises(NoOutage):
        end()
    assert list(AuditRecord.objects.order_by("id").values_list("action", "object_id")) == [
        ("outage.declared", outage.pk), ("outage.ended", outage.pk),
    ]  # fmt: skip


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_an_outage_needs_a_reason(chain: Chain, reason: str) -> None:
    with pytest.raises(OutageRefused):
        declare_outage(reason=reason, actor=SYSTEM, at=chain.at, business_date=MONDAY)


def test_every_business_date_that_an_outage_touches_is_an_outage_day(chain: Chain) -> None:
    assert not was_outage_day(business_date=MONDAY)
    declare(MONDAY)
    assert was_outage_day(business_date=MONDAY)
    assert was_outage_day(business_date=TUESDAY), "it has not ended"
    end(TUESDAY)
    days = (FRIDAY, MONDAY, TUESDAY, WEDNESDAY)
    assert [was_outage_day(business_date=day) for day in days] == [False, True, True, False]
    declare(TUESDAY, hour=14)
    end(TUESDAY, hour=15)
    assert [len(outages_of(business_date=day)) for day in days] == [0, 1, 2, 0]


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE settlement_outage SET reason = 'Nothing happened'",
        "UPDATE settlement_outage SET began_at = began_at + interval '1 hour'",
        "UPDATE settlement_outage SET business_date = '2008-09-01'",
        "UPDATE settlement_outage SET ended_at = now(), ended_by = 'me'",
        "UPDATE settlement_outage SET ended_at = began_at - interval '1 minute', last_business_date = business_date,"
        " ended_by = 'me'",
        "UPDATE settlement_outage SET ended_by = 'me'",
        "UPDATE settlement_outage SET ended_at = began_at, last_business_date = business_date",
        "DELETE FROM settlement_outage",
        "TRUNCATE settlement_outage",
        "INSERT INTO settlement_outage (business_date, reason, began_at, declared_by, ended_by)"
        " VALUES ('2008-09-08', 'Another', now(), 'me', '')",
        "INSERT INTO settlement_outage (business_date, reason, began_at, declared_by, ended_by, ended_at,"
        " last_business_date) VALUES ('2008-09-08', '', now(), 'me', 'me', now(), '2008-09-08')",
    ],
)
def test_the_record_of_an_outage_cannot_be_bent(chain: Chain, attack: str) -> None:
    declare()
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)


def test_an_outage_that_has_ended_never_changes(chain: Chain) -> None:
    declare()
    end()
    for change in ("ended_at = NULL, last_business_date = NULL, ended_by = ''", "ended_at = ended_at + interval '1h'"):
        with pytest.raises((IntegrityError, InternalError)), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE settlement_outage SET {change}")


def order(to: str = NEXT) -> DayOrder:
    return order_steps(to=to, actor=SYSTEM, clock=business_clock())


@pytest.fixture
def eve(chain: Chain) -> Chain:
    chain.move_to(FRIDAY, 18)
    return chain


def test_the_day_is_stepped_while_the_clock_stands(eve: Chain) -> None:
    names: list[str] = []
    carry_out(order=order(), note=names.append)
    assert names == ["Start of day"]
    assert (BusinessDay.objects.get().business_date, business_clock().at) == (MONDAY, at_time(FRIDAY, 18, 45))
    carry_out(order=order(), note=names.append)
    carry_out(order=order("RTS_OPEN"), note=names.append)
    assert names[-1] == "Real-time settlement opens"
    assert business_clock().at == at_time(MONDAY, 5)
    carry_out(order=order(END_OF_DAY), note=names.append)
    assert BusinessDay.objects.get().closed_at == at_time(MONDAY, 18, 30)
    assert len(names) == DayStep.objects.count()
    assert not business_clock().running
    following = order("RTS_OPEN")
    assert following.business_date == TUESDAY, "the day has ended: the next one's"


def test_orders_are_refused_by_name(eve: Chain) -> None:
    for to in ("NOWHERE", "", "NIGHT_9"):
        with pytest.raises(UnknownStep):
            order(to)
    carry_out(order=order("NIGHT_1_0"))
    with pytest.raises(StepAlreadyDone, match="NET_EVENING of 2008-09-08 is done"):
        order("NET_EVENING")
    standing = order("NIGHT_1_4")
    with pytest.raises(OrderUnderWay, match="NIGHT_1_4"):
        order()
    end_order(order=standing, at=timezone.now())
    set_clock_running(running=True, ticked_at=timezone.now())
    with pytest.raises(ClockRunning):
        order()
    assert DayOrder.objects.count() == 2


def test_an_order_cut_off_goes_on_where_it_stood(eve: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is a row and its steps are rows: whoever takes it up does what is left, once."""
    standing = order("NIGHT_2_4")
    done = business_day.do_step

    class Killed(BaseException):
        """What a killed process does not survive."""

    def cut(**arguments: Any) -> None:
        if arguments["step"].code == "NIGHT_1_2":
            raise Killed
        done(**arguments)

    monkeypatch.setattr(business_day, "do_step", cut)
    with pytest.raises(Killed):
        carry_out(order=standing)
    assert open_order() == standing
    monkeypatch.setattr(business_day, "do_step", done)
    names: list[str] = []
    carry_out(order=standing, note=names.append)
    assert names[0] == "Night-time cycle 1, sequence 2: payments"
    assert names[-1] == "Night-time cycle 2, sequence 4"
    assert open_order() is None


def test_an_error_ends_the_order_and_says_why(eve: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    standing = order(END_OF_DAY)

    def fail(**_: Any) -> None:
        raise ValueError("no report today")

    monkeypatch.setattr(business_day, "day_report", fail)
    with pytest.raises(ValueError, match="no report today"):
        carry_out(order=standing)
    standing.refresh_from_db()
    assert standing.problem == "ValueError: no report today"
    assert open_order() is None


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE settlement_dayorder SET business_date = '2008-01-02'",
        "UPDATE settlement_dayorder SET step_id = 'END_OF_DAY'",
        "UPDATE settlement_dayorder SET ordered_by = 'somebody else'",
        "UPDATE settlement_dayorder SET problem = 'failed'",
        "DELETE FROM settlement_dayorder",
        "TRUNCATE settlement_dayorder",
        "INSERT INTO settlement_dayorder (business_date, step_id, ordered_by) VALUES ('2008-09-08', 'RTS_OPEN', 'me')",
    ],
)
def test_the_record_of_an_order_cannot_be_bent(eve: Chain, attack: str) -> None:
    order()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)


def test_an_order_that_has_ended_never_changes(eve: Chain) -> None:
    carry_out(order=order())
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE settlement_dayorder SET ended_at = NULL")


def test_the_clock_is_paused_and_goes_on_at_its_pace_from_where_it_stood(eve: Chain) -> None:
    advance(until=at_time(MONDAY, 9))
    set_clock_running(running=True, ticked_at=timezone.now())
    pause_clock(actor=SYSTEM, clock=business_clock())
    pause_clock(actor=SYSTEM, clock=business_clock())
    assert not business_clock().running
    now = timezone.now()
    resume_clock(actor=SYSTEM, clock=business_clock(), now=now)
    clock = business_clock()
    assert (clock.running, clock.at, clock.ticked_at) == (True, at_time(MONDAY, 9), now)
    actions = AuditRecord.objects.filter(action__startswith="clock.").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["clock.paused", "clock.resumed"]
