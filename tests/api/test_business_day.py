"""The business day in the API: the operator steps it, pauses its clock, declares an outage; nobody else does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.market import Market

API = "/api/v1/business-day"


@pytest.fixture
def scheduled(market: Market) -> Market:
    """The market with a schedule, no day opened yet."""
    from settlement.services.load_schedule import load_schedule

    load_schedule()
    return market


def post(client: Client, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    answer = client.post(f"{API}/{path}", body or {}, content_type="application/json")
    return answer.status_code, answer.json()


def test_an_ordered_step_is_carried_out_by_whoever_follows_the_clock(scheduled: Market, operator: Client) -> None:
    from fmi.tasks import follow_clock

    status, order = post(operator, "step", {"to": "NIGHT_1_1"})
    assert (status, order["step"], order["business_date"], order["ended_at"]) == (202, "NIGHT_1_1", "2008-09-09", None)
    assert operator.get(API).json()["order"] == order
    follow_clock()
    day = operator.get(API).json()
    assert (day["business_date"], day["order"], day["phase"]) == ("2008-09-09", None, "Night-time settlement")
    done = [step["code"] for step in day["steps"] if step["state"] == "DONE"]
    assert done == ["START_OF_DAY", "NET_EVENING", "NIGHT_1_0", "NIGHT_1_1"]
    assert day["steps"][3]["note"] == "Nothing was due."
    assert (day["steps"][3]["movements"], day["steps"][3]["real_time"]) == ("CORPORATE", "NONE")
    status, order = post(operator, "step")
    assert (status, order["step"]) == (202, "NIGHT_1_2")


@pytest.mark.parametrize(
    ("to", "status", "code"), [("NOWHERE", 422, "unknown-step"), ("START_OF_DAY", 409, "step-already-done")]
)
def test_a_step_is_refused_by_name(scheduled: Market, operator: Client, to: str, status: int, code: str) -> None:
    from fmi.tasks import follow_clock

    post(operator, "step")
    follow_clock()
    got, problem = post(operator, "step", {"to": to})
    assert (got, problem["code"]) == (status, code)


def test_a_running_clock_is_paused_before_it_is_stepped(scheduled: Market, operator: Client) -> None:
    status, day = post(operator, "resume")
    assert (status, day["running"]) == (200, True)
    assert post(operator, "step")[1]["code"] == "clock-running"
    assert post(operator, "pause")[1]["running"] is False
    assert post(operator, "step")[0] == 202
    assert post(operator, "step")[1]["code"] == "order-under-way"


def test_an_outage_is_declared_with_a_reason_and_ended(scheduled: Market, operator: Client, alpha: Client) -> None:
    status, problem = post(operator, "outage")
    assert (status, problem["errors"][0]["pointer"]) == (400, "/reason")
    status, outage = post(operator, "outage", {"reason": "A cable is cut"})
    assert (status, outage["reason"], outage["ended_at"]) == (201, "A cable is cut", None)
    assert alpha.get(API).json()["outage"] == outage
    assert post(operator, "outage", {"reason": "Another"})[1]["code"] == "outage-under-way"
    status, ended = post(operator, "outage/end")
    assert (status, ended["ended_by"], ended["last_business_date"]) == (200, "operator", "2008-09-08")
    assert post(operator, "outage/end")[1]["code"] == "no-outage"
    assert alpha.get(API).json()["outage"] is None


@pytest.mark.parametrize("path", ["step", "pause", "resume", "outage", "outage/end"])
def test_only_an_operator_moves_the_day(scheduled: Market, alpha: Client, auditor: Client, path: str) -> None:
    from settlement.models import DayOrder, Outage

    for client in (alpha, auditor):
        assert post(client, path, {"reason": "x"} if path == "outage" else None)[0] == 403
    assert not DayOrder.objects.exists()
    assert not Outage.objects.exists()
