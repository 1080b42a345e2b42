"""The evening's backtest of earlier evenings' margins."""

from __future__ import annotations

from datetime import date

import pytest

from clearing.models import BacktestDay
from clearing.services.backtest_margins import backtest_margins
from tests.factories.chain import MONDAY, Chain
from tests.factories.margins import add_price, make_run

pytestmark = pytest.mark.django_db

TUESDAY, WEDNESDAY = date(2008, 9, 9), date(2008, 9, 10)


@pytest.fixture(autouse=True)
def _priced(chain: Chain) -> None:
    """STOCK falls by a tenth a day; SHARE splits two for one on Tuesday and does not move."""
    for day, stock in ((MONDAY, "100"), (TUESDAY, "90"), (WEDNESDAY, "81")):
        add_price(chain, "STOCK", day, stock)
    add_price(chain, "SHARE", MONDAY, "50", adjusted="25")
    add_price(chain, "SHARE", TUESDAY, "25", adjusted="25")


def outcomes(horizon: int) -> dict[str, tuple[int, int, bool]]:
    return {
        row.account.participant.code: (row.margin_minor, row.pnl_minor, row.breach)
        for row in BacktestDay.objects.filter(horizon_days=horizon).select_related("account__participant")
    }


def test_one_day_and_the_margin_period_of_risk(chain: Chain) -> None:
    portfolios = {
        "ALPHA": ({"STOCK": 100_000, "SHARE": -40_000}, 10_000),
        "BRAVO": ({"STOCK": 100_001}, 10_000),
        "CHARLIE": ({"STOCK": -50_000}, 3_000),
    }
    make_run(chain, MONDAY, portfolios)
    tuesday = make_run(chain, TUESDAY, {})
    assert backtest_margins(run=tuesday) == 3
    # A loss of exactly the margin is none beyond it; the split is no loss to anybody; BRAVO's 10,000.1 is rounded up.
    assert outcomes(1) == {
        "ALPHA": (10_000, -10_000, False),
        "BRAVO": (10_000, -10_001, True),
        "CHARLIE": (3_000, 5_000, False),
    }
    wednesday = make_run(chain, WEDNESDAY, {})
    assert backtest_margins(run=wednesday) == 3
    assert outcomes(2)["ALPHA"] == (10_000, -19_000, True)
    assert outcomes(2)["CHARLIE"] == (3_000, 9_500, False)
    assert {row.run.business_date for row in BacktestDay.objects.all()} == {MONDAY}
    assert backtest_margins(run=wednesday) == 0
    assert BacktestDay.objects.count() == 6


def test_an_intraday_run_is_neither_tested_nor_an_outcome(chain: Chain) -> None:
    make_run(chain, MONDAY, {"ALPHA": ({"STOCK": 100_000}, 1)}, kind="INTRADAY")
    assert backtest_margins(run=make_run(chain, TUESDAY, {}, kind="INTRADAY")) == 0
    assert backtest_margins(run=make_run(chain, TUESDAY, {})) == 0


def test_a_portfolio_without_positions_has_no_loss(chain: Chain) -> None:
    make_run(chain, MONDAY, {"ALPHA": ({}, 0)})
    assert backtest_margins(run=make_run(chain, TUESDAY, {})) == 1
    assert outcomes(1) == {"ALPHA": (0, 0, False)}
