"""Pages of backtests, stress, the default fund and the disclosure: what they say, and to whom."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from tests.pages.conftest import participant
from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.factories.chain import Chain

MONDAY, TUESDAY, WEDNESDAY = date(2008, 9, 8), date(2008, 9, 9), date(2008, 9, 10)
PAGES = ("/risk/backtest/", "/risk/stress/", "/risk/fund/", "/risk/disclosure/")


@pytest.fixture
def evenings(chain: Chain) -> None:
    """Three evenings: ALPHA breaches once over two days, ECHO clears through ALPHA, BRAVO is short."""
    from clearing.services.backtest_margins import backtest_margins
    from clearing.services.run_stress import run_stress
    from clearing.services.size_fund import size_fund
    from tests.db.clearing.test_stress_and_fund import parameters, scenario
    from tests.factories.margins import add_price, join_members, make_run

    join_members(chain, groups={"CHARLIE": "Gemini", "DELTA": "Gemini"})
    parameters(least_contribution_minor=100)
    scenario("DOWN", {"EQUITY": -2_000}, chain)
    scenario("LATER", {"EQUITY": -100}, chain, from_date=date(2008, 9, 15), to_date=date(2008, 9, 16))
    for day, close in ((MONDAY, "100"), (TUESDAY, "95"), (WEDNESDAY, "80")):
        add_price(chain, "STOCK", day, close)
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        run = make_run(
            chain,
            day,
            {
                "ALPHA": ({"STOCK": 1_000_000}, 150_000),
                "ECHO": ({"STOCK": 200_000}, 50_000),
                "BRAVO": ({"STOCK": -1_000_000}, 150_000),
                "DELTA": ({"STOCK": 500_000}, 75_000),
            },
        )
        backtest_margins(run=run)
        run_stress(run=run)
        size_fund(run=run)
    chain.move_to(WEDNESDAY, 19)


@pytest.mark.parametrize("page", PAGES)
def test_before_the_first_evening_each_page_says_what_comes(page: str, operator: Client) -> None:
    text = get_text(operator, page)
    assert "yet" in text


def test_backtest_by_portfolio_and_member(operator: Client, evenings: None) -> None:
    text = get_text(operator, "/risk/backtest/?horizon=2")
    # Of four portfolios over one window of two days, ALPHA and DELTA lost 20 % against margins of 15 %.
    assert "All portfolios, EUR" in text
    assert "2 breaches in 4 days, 0.04 expected" in text
    rows = {(row["member"], row["portfolio"]): row for row in get_csv(operator, "/risk/backtest/?horizon=2&format=csv")}
    assert rows["", ""]["breaches"] == "2"
    assert (rows["ALPHA", ""]["days"], rows["ALPHA", ""]["breaches"]) == ("2", "1")
    assert rows["DELTA", "DELTA-SEC-HOUSE"]["worst_breach_minor"] == "25000"
    assert rows["BRAVO", "BRAVO-SEC-HOUSE"]["breaches"] == "0"
    assert "over 1 business day" in text


def test_one_portfolio_against_its_results(operator: Client, evenings: None) -> None:
    text = get_text(operator, "/risk/backtest/ALPHA-SEC-HOUSE/EUR/?horizon=2")
    assert "1,500.00 EUR -2,000.00 EUR Breach" in text.replace("−", "-")
    assert "Test it over all prices" in text
    assert get_csv(operator, "/risk/backtest/ALPHA-SEC-HOUSE/EUR/?horizon=1&format=csv")[0]["breach"] == "no"
    # Three days of prices are no history to roll a margin over.
    assert "The history cannot be tested" in get_text(operator, "/risk/backtest/ALPHA-SEC-HOUSE/EUR/?history=on")
    assert operator.get("/risk/backtest/NOBODY/EUR/").status_code == 404


def test_stress_by_scenario_and_member(operator: Client, evenings: None) -> None:
    text = get_text(operator, "/risk/stress/")
    # ALPHA: 2,000 − 1,500 = 500; DELTA, of a group with CHARLIE: 1,000 − 750 = 250.
    assert "worst scenario: DOWN (ALPHA and Gemini)" in text
    assert "DOWN worst 500 – 250 750 750" in text
    assert "Not used yet" in text
    assert "LATER" in text
    rows = get_csv(operator, "/risk/stress/?format=csv")
    assert {row["member"]: row["uncovered_minor"] for row in rows} == {"ALPHA": "50000", "BRAVO": "0", "DELTA": "25000"}


def test_the_fund_says_how_its_size_came_about(operator: Client, evenings: None) -> None:
    text = get_text(operator, "/risk/fund/")
    assert "sized on Mon 08 Sep 2008 : the first time" in text
    assert "EMIR Article 42(3)" in text
    assert "Two largest together DOWN, 8 Sep 2008: ALPHA and Gemini 750.00 EUR" in text
    rows = {row["member"]: row for row in get_csv(operator, "/risk/fund/?format=csv")}
    assert sum(int(row["contribution_minor"]) for row in rows.values()) == 75_000
    assert rows["CHARLIE"]["held_minor"] == "100"


def test_the_disclosure_is_generated_from_the_data(auditor: Client, evenings: None) -> None:
    rows = get_csv(auditor, "/risk/disclosure/?format=csv")
    items = {(row["number"], row["description"]): row for row in rows}
    assert items["4.1.4", "Members' prefunded contributions, required"]["value"] == "750.00"
    peak = "Largest stress loss beyond margin by default of two groups, peak of 12 months"
    assert items["4.4.7", peak]["value"] == "750.00"
    assert items["6.5.1", "Times that margin fell short of the loss"]["value"] == "2"
    assert items["6.1.1", "Initial margin required, client, gross"]["value"] == "500.00"
    assert items["15.2.1", "Revenue"]["value"] == ""
    assert items["15.2.1", "Revenue"]["note"].startswith("The CCP charges no fees")
    numbers = {row["number"].split(".")[0] for row in rows}
    assert numbers == {"4", "5", "6", "15", "18", "23"}
    told = auditor.get("/risk/disclosure/?format=json").json()
    assert [item["number"] for item in told["items"]] == [row["number"] for row in rows]
    assert "not applicable: The CCP charges no fees" in get_text(auditor, "/risk/disclosure/")


def test_a_member_sees_its_own_and_the_totals(bravo: Client, evenings: None) -> None:
    backtests = get_text(bravo, "/risk/backtest/")
    assert "BRAVO-SEC-HOUSE" in backtests
    for other in ("ALPHA", "DELTA", "ECHO"):
        for page in PAGES[:3]:
            assert other not in get_text(bravo, page), (page, other)
            assert other not in str(get_csv(bravo, f"{page}?format=csv")), (page, other)
    assert bravo.get("/risk/backtest/ALPHA-SEC-HOUSE/EUR/").status_code == 404
    # The totals of all are everybody's: Cover-2, and the size of the fund.
    assert "750" in get_text(bravo, "/risk/stress/")
    assert "750.00" in get_text(bravo, "/risk/fund/")


def test_a_member_sees_whom_it_clears_for_and_a_client_only_itself(chain: Chain, alpha: Client, evenings: None) -> None:
    assert "ECHO-SEC-HOUSE" in get_text(alpha, "/risk/backtest/")
    echo = participant(chain, "ECHO")
    text = get_text(echo, "/risk/backtest/")
    assert "ECHO-SEC-HOUSE" in text
    assert "ALPHA-SEC-HOUSE" not in text
    assert get_csv(echo, "/risk/stress/?format=csv") == []
    assert "You contribute nothing" in get_text(echo, "/risk/fund/")


@pytest.mark.parametrize(
    ("page", "most"), [("/risk/backtest/", 21), ("/risk/stress/", 39), ("/risk/fund/", 29), ("/risk/disclosure/", 14)]
)
def test_pages_ask_few_questions(
    page: str, most: int, operator: Client, evenings: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    operator.get(page)
    with django_assert_max_num_queries(most):
        assert operator.get(page).status_code == 200


def test_a_thin_fund_comes_first_on_the_home_page(operator: Client, bravo: Client, evenings: None) -> None:
    # Without a buffer Cover-2 takes all of the fund, more than the 90 % it may.
    assert "The default fund in EUR runs thin Cover-2 takes 100 %" in get_text(operator, "/")
    assert "runs thin" in get_text(operator, "/risk/fund/")
    assert "runs thin" not in get_text(bravo, "/")
