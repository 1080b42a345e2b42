"""The pages and the API of positions: what they show, who sees whose, limits and their alerts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain(db: None) -> Chain:
    """ALPHA has bought 100 STOCK at 9.00 on Monday and sold 40 at 12.00 on Tuesday; STOCK closes at 10.00 and 11.00.

    Nobody quotes it, so on Tuesday Monday's close counts.
    """
    from reference.models import DailyPrice
    from reference.quote_store import forget
    from tests.factories.chain import MONDAY, make_chain
    from trades.services.positions.close_day import close_day

    forget()
    made = make_chain()
    for day, close in ((MONDAY, "10"), (MONDAY.replace(day=9), "11")):
        DailyPrice.objects.create(
            security_id=made.assets["STOCK"], date=day, open=close, high=close, low=close, close=close, volume=400,
            adjusted_close=close,
        )  # fmt: skip
    made.trade("1", "ALPHA", "BRAVO", price="9")
    made.clear()
    close_day(at=made.at, business_date=made.day)
    made.move_to(MONDAY.replace(day=9))
    made.trade("2", "BRAVO", "ALPHA", quantity=40, price="12")
    made.clear()
    return made


@pytest.fixture
def users(chain: Chain) -> dict[str, Client]:
    from reference.models import Participant
    from tests.factories.market import login

    found = {"operator": login(name="operator"), "auditor": login(name="auditor", role="AUDITOR")}
    for code in ("ALPHA", "BRAVO"):
        found[code] = login(participant=Participant.objects.get(code=code), name=code.lower())
    return found


def plain(response: Any) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return str(content.decode()).replace("\u2009", "").replace("\u202f", "")


def test_the_blotter_shows_what_was_made(chain: Chain, users: dict[str, Client]) -> None:
    page = plain(users["ALPHA"].get("/positions/"))
    assert "ALPHA" in page
    assert 'id="party-BRAVO"' not in page
    for figure in ("60", "600.00", "60.00", "120.00", "180.00"):  # Units, value, unrealised, realised today, result.
        assert figure in page, figure
    live = users["ALPHA"].get("/positions/", headers={"HX-Request": "true"})
    assert b"<html" not in live.content
    assert "180.00" in plain(live)
    closed = plain(users["operator"].get("/positions/?date=2008-09-08"))
    assert "1000.00" in closed.replace(",", "")
    csv = plain(users["operator"].get("/positions/?format=csv")).splitlines()
    assert [line.split(",")[0] for line in csv[1:]] == ["ALPHA", "BRAVO"]
    row = dict(zip(csv[0].split(","), csv[1].split(","), strict=True))
    assert (row["quantity"], row["realised_day_minor"], row["unrealised_minor"], row["total_minor"]) == (
        "60", "12000", "6000", "18000",
    )  # fmt: skip
    assert row["day_minor"] == "8000"  # At Monday's close the result was 100.00.


def test_one_position_has_its_lots_and_days(chain: Chain, users: dict[str, Client]) -> None:
    where = f"/positions/ALPHA-SEC-HOUSE/{chain.isins['STOCK']}/"
    page = plain(users["ALPHA"].get(where))
    assert "540.00" in page
    assert "at average cost" in page
    assert "8 Sep" in page or "2008-09-08" in page
    assert "First in" in plain(users["ALPHA"].get(f"{where}?method=FIFO"))
    assert users["BRAVO"].get(where).status_code == 404
    assert users["ALPHA"].get("/positions/ALPHA-SEC-HOUSE/NOTHING/").status_code in (404, 422)


def test_a_limit_is_alerted_once_a_day_and_acknowledged(chain: Chain, users: dict[str, Client]) -> None:
    from trades.models import PositionAlert, PositionLimit
    from trades.services.positions.watch_limits import watch_limits

    def watch() -> int:
        return watch_limits(at=chain.at, business_date=chain.day)

    assert users["ALPHA"].post("/positions/limits/set/", {"units": "1"}).status_code == 403
    for fields in ({"units": "1", "percent": "2"}, {"units": "x"}, {"units": "-1"}, {}, {"account": "X", "units": "1"}):
        users["operator"].post("/positions/limits/set/", fields)
    assert not PositionLimit.objects.exists()
    assert watch() == 0
    # Of 400 units a day 14 % are 56: both have 60. ALPHA has a limit of its own, of 60.
    users["operator"].post("/positions/limits/set/", {"percent": "14"})
    told = users["operator"].post("/positions/limits/set/", {"participant": "ALPHA", "units": "60"}, follow=True)
    assert "it waits for a second person" in plain(told)
    approve()
    assert watch() == 1
    assert watch() == 1
    alert = PositionAlert.objects.get()
    assert (alert.participant_id, alert.quantity_units, alert.limit_units) == (chain.ids["BRAVO"], -60, 56)
    users["operator"].post(
        "/positions/limits/set/", {"account": "ALPHA-SEC-HOUSE", "security": chain.isins["STOCK"], "units": "59"}
    )
    assert watch() == 2
    assert PositionAlert.objects.filter(account=chain.account("ALPHA")).count() == 1
    page = plain(users["BRAVO"].get("/positions/limits/"))
    assert "BRAVO" in page
    assert "ALPHA-SEC-HOUSE" not in page
    assert users["BRAVO"].post(f"/positions/alerts/{alert.pk}/acknowledge/").status_code == 403
    users["operator"].post(f"/positions/alerts/{alert.pk}/acknowledge/")
    alert.refresh_from_db()
    assert alert.acknowledged_by == "operator"
    users["operator"].post("/positions/limits/set/", {"percent": "16"})
    approve()
    assert PositionLimit.objects.filter(active=True).count() == 3
    assert watch() == 1


def test_all_alerts_of_a_filtered_list_are_acknowledged_together(chain: Chain, users: dict[str, Client]) -> None:
    from events.models import AuditRecord
    from trades.models import PositionAlert
    from trades.services.positions.watch_limits import watch_limits

    users["operator"].post("/positions/limits/set/", {"units": "0"})
    assert watch_limits(at=chain.at, business_date=chain.day) > 1
    page = users["operator"].get("/positions/limits/?participant=ALPHA").content.decode()
    assert 'action="/positions/alerts/acknowledge/?participant=ALPHA"' in page
    assert users["BRAVO"].post("/positions/alerts/acknowledge/").status_code == 403
    users["operator"].post("/positions/alerts/acknowledge/?participant=ALPHA")
    waiting = PositionAlert.objects.filter(acknowledged_at__isnull=True)
    assert {row.participant.code for row in waiting} == {"BRAVO"}
    seen = PositionAlert.objects.filter(acknowledged_by="operator").count()
    record = AuditRecord.objects.filter(action="position-alert.acknowledged").get()
    assert (record.detail, record.object_id) == ({"alerts": seen}, None)
    again = users["operator"].post("/positions/alerts/acknowledge/?participant=ALPHA", follow=True)
    assert "None of these alerts waits" in again.content.decode()


def test_the_api_tells_positions_history_limits_and_alerts(chain: Chain, users: dict[str, Client]) -> None:
    def get(user: str, path: str, code: int = 200) -> Any:
        response = users[user].get(f"/api/v1/{path}")
        assert response.status_code == code, response.content
        return response.json()

    found = get("ALPHA", "positions")
    assert (found["business_date"], found["is_live"]) == ("2008-09-09", True)
    (row,) = found["results"]
    assert (row["quantity"], row["average"], row["mark"], row["unrealised"], row["realised_today"], row["total"]) == (
        60, "9.0000", "10.000000", "60.00", "120.00", "180.00",
    )  # fmt: skip
    assert row["result_today"] == "80.00"
    assert [one["participant"] for one in get("auditor", "positions")["results"]] == ["ALPHA", "BRAVO"]
    closed = get("operator", "positions?date=2008-09-08&participant=ALPHA")
    assert (closed["is_live"], closed["results"][0]["quantity"]) == (False, 100)
    assert get("operator", "positions?date=2007-01-01")["results"] == []
    assert get("ALPHA", "positions?account=BRAVO-SEC-HOUSE", 404)["type"].endswith("unknown-position-account")
    get("ALPHA", "positions?colour=red", 400)
    get("ALPHA", "positions?method=LIFO", 400)
    (day,) = get("ALPHA", f"positions/history?account=ALPHA-SEC-HOUSE&security={chain.isins['STOCK']}")
    assert (day["business_date"], day["quantity"], day["unrealised"]) == ("2008-09-08", 100, "100.00")
    get("BRAVO", "positions/history?account=ALPHA-SEC-HOUSE", 404)

    def post(user: str, path: str, data: Any) -> Any:
        return users[user].post(f"/api/v1/{path}", data=data, content_type="application/json")

    assert post("ALPHA", "position-limits", {"units": 5}).status_code == 403
    assert post("operator", "position-limits", {"units": 5, "volume_percent": "1"}).status_code == 422
    made = post("operator", "position-limits", {"participant": "ALPHA", "units": 5})
    assert (made.status_code, made.json()["units"]) == (201, 5)
    from trades.services.positions.watch_limits import watch_limits

    assert watch_limits(at=chain.at, business_date=chain.day) == 1
    (alert,) = get("ALPHA", "position-alerts")["results"]
    assert (alert["participant"], alert["quantity"], alert["limit_units"]) == ("ALPHA", 60, 5)
    assert get("BRAVO", "position-alerts")["results"] == []
    assert get("BRAVO", "position-limits")["results"] == []
    assert post("operator", f"position-alerts/{alert['id']}/acknowledge", {}).status_code == 200
    assert post("operator", f"position-alerts/{alert['id']}/acknowledge", {}).status_code == 409
    retire = f"position-limits/{made.json()['id']}/retire"
    waits = post("operator", retire, {})
    assert (waits.status_code, waits.json()["subject_type"], waits.json()["status"]) == (
        202,
        "positionlimit",
        "PROPOSED",
    )
    assert waits.json()["changes"] == [
        {"label": "ALPHA, each security", "before": "5 units", "after": "none of its own"}
    ]
    assert post("operator", retire, {}).json()["type"].endswith("proposal-already-open")
    approve()
    assert post("operator", retire, {}).status_code == 409
    assert Decimal(alert["limit_units"]) == 5
    assert told("position-limit.retired") == [("ALPHA", 5, None, None)]
    lower, higher = ({"participant": "ALPHA", "units": units} for units in (3, 7))
    assert [post("operator", "position-limits", fields).status_code for fields in (lower, higher)] == [201, 202]
    approve()
    assert told("position-limit.set") == [(None, None, "ALPHA", 5), (None, None, "ALPHA", 3), ("ALPHA", 3, "ALPHA", 7)]


def approve() -> None:
    """Approve the one proposal that waits, as a second operator."""
    from reference.api.entry import now
    from reference.core.actor import Actor, Role
    from reference.four_eyes import approve_proposal
    from reference.models import Proposal

    second = Actor(name="second", role=Role.OPERATOR)
    approve_proposal(proposal_id=Proposal.objects.get(status="PROPOSED").pk, actor=second, **now())


def told(action: str) -> list[tuple[Any, ...]]:
    """Return whose limits were how high before and after, by the audit log."""
    from events.models import AuditRecord
    from reference.models import Participant

    codes = dict(Participant.objects.values_list("pk", "code"))
    sides = AuditRecord.objects.filter(action=action).order_by("id").values_list("detail__before", "detail__after")
    return [
        tuple(value for side in pair for value in (side and codes[side["participant"]], side and side["units"]))
        for pair in sides
    ]


@pytest.mark.parametrize("field", ["units", "percent"])
@pytest.mark.parametrize("figure", ["1e50", "1e999999", "NaN", "9" * 50])
def test_a_limit_that_is_no_figure_is_refused(figure: str, field: str, chain: Chain, users: dict[str, Client]) -> None:
    from trades.models import PositionLimit

    answer = users["operator"].post("/positions/limits/set/", {"participant": "ALPHA", field: figure}, follow=True)
    assert "is no number" in answer.content.decode()
    assert not PositionLimit.objects.exists()
