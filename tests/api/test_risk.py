"""Backtests, stress, the default fund and the disclosure in the API."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

API = "/api/v1/clearing"
MONDAY, TUESDAY, WEDNESDAY = date(2008, 9, 8), date(2008, 9, 9), date(2008, 9, 10)


@pytest.fixture
def chain(db: None) -> Chain:
    """ALPHA long, BRAVO short, over three evenings on which STOCK falls."""
    from clearing.services.backtest_margins import backtest_margins
    from clearing.services.run_stress import run_stress
    from clearing.services.size_fund import size_fund
    from tests.db.clearing.test_stress_and_fund import parameters, scenario
    from tests.factories.chain import make_chain
    from tests.factories.margins import add_price, join_members, make_run

    made = make_chain()
    join_members(made)
    parameters()
    scenario("DOWN", {"EQUITY": -2_000}, made)
    for day, close in ((MONDAY, "100"), (TUESDAY, "95"), (WEDNESDAY, "80")):
        add_price(made, "STOCK", day, close)
        run = make_run(made, day, {"ALPHA": ({"STOCK": 1_000_000}, 150_000), "BRAVO": ({"STOCK": -1_000_000}, 150_000)})
        backtest_margins(run=run)
        run_stress(run=run)
        size_fund(run=run)
    made.move_to(WEDNESDAY, 19)
    return made


@pytest.fixture
def operator(chain: Chain) -> Client:
    from tests.factories.market import login

    return login(name="operator")


@pytest.fixture
def bravo(chain: Chain) -> Client:
    from reference.models import Participant
    from tests.factories.market import login

    return login(participant=Participant.objects.get(code="BRAVO"), name="bravo")


def test_backtest(operator: Client, bravo: Client) -> None:
    told = operator.get(f"{API}/backtest").json()
    assert (told["horizon_days"], told["confidence"]) == (2, 0.99)
    (alpha, _) = told["portfolios"]
    assert (alpha["account"], alpha["days"], alpha["breaches"]) == ("ALPHA-SEC-HOUSE", 1, 1)
    assert alpha["worst_breach"] == "500.00"
    assert operator.get(f"{API}/backtest?horizon_days=1").json()["all"][0]["days"] == 4
    assert operator.get(f"{API}/backtest?horizon_days=3").status_code == 400
    own = bravo.get(f"{API}/backtest").json()
    assert [row["account"] for row in own["portfolios"]] == ["BRAVO-SEC-HOUSE"]
    assert own["all"][0]["breaches"] == 0


def test_stress(operator: Client, bravo: Client) -> None:
    (segment,) = operator.get(f"{API}/stress").json()["segments"]
    assert segment["cover_two"] == "500.00"
    (scenario,) = segment["scenarios"]
    assert scenario["groups"] == ["ALPHA"]
    assert scenario["losses"][0] == {"member": "ALPHA", "loss": "2000.00", "margin": "1500.00", "uncovered": "500.00"}
    (seen,) = bravo.get(f"{API}/stress").json()["segments"][0]["scenarios"]
    assert (seen["cover_two"], seen["groups"]) == ("500.00", [])
    assert [loss["member"] for loss in seen["losses"]] == ["BRAVO"]


def test_default_fund(operator: Client, bravo: Client) -> None:
    (fund,) = operator.get(f"{API}/default-fund").json()["funds"]
    assert (fund["size"], fund["held"], fund["reason"], fund["thin"]) == ("500.00", "500.00", "FIRST", True)
    assert [part["member"] for part in fund["contributions"]] == ["ALPHA", "BRAVO", "CHARLIE", "DELTA"]
    (own,) = bravo.get(f"{API}/default-fund").json()["funds"]
    assert [part["member"] for part in own["contributions"]] == ["BRAVO"]
    assert own["size"] == "500.00"


def test_disclosure_is_the_same_for_everybody(operator: Client, bravo: Client) -> None:
    told = operator.get(f"{API}/disclosure").json()
    assert told == bravo.get(f"{API}/disclosure").json()
    assert told["as_of"] == "2008-09-10"
    (peak,) = [item for item in told["items"] if item["number"] == "6.5.5"]
    assert (peak["value"], peak["unit"], peak["segment"]) == ("500.00", "EUR", "EUR")


@pytest.mark.parametrize("name", ["backtest", "stress", "default-fund", "disclosure"])
def test_unknown_parameters_are_refused(operator: Client, name: str) -> None:
    assert operator.get(f"{API}/{name}?nonsense=1").status_code == 400
