"""Margin and what-if on pages: the figures of a run, who sees them, and what positions would cost."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_csv, get_text, text_of

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.factories.chain import Chain

WEDNESDAY = date(2008, 9, 10)


@pytest.fixture
def margined(chain: Chain) -> Chain:
    """CHARLIE buys 30 SHARE of DELTA (netted) and sells 20 STOCK to ALPHA, all at 10.00; both are at 12.00."""
    from clearing.services.open_membership import open_memberships
    from clearing.services.run_evening import run_evening
    from tests.factories.risk import SHORT, price_market, set_parameters

    chain.give("DELTA", "EUR", 1_000_000)
    open_memberships(joined_on=WEDNESDAY)
    set_parameters(**SHORT)
    price_market(chain, {"STOCK": "12", "SHARE": "12"}, last=WEDNESDAY)
    chain.move_to(WEDNESDAY, 18, 30)
    assert run_evening(at=chain.at, business_date=chain.day) is not None
    return chain


def test_each_portfolio_with_its_worth_variation_and_requirement(operator: Client, margined: Chain) -> None:
    rows = {row["account"]: row for row in get_csv(operator, "/risk/margin/?format=csv")}
    assert set(rows) == {"ALPHA-SEC-HOUSE", "CHARLIE-SEC-HOUSE", "DELTA-SEC-HOUSE"}
    # 30 × (12 − 10) − 20 × (12 − 10) = 20.00.
    assert (rows["CHARLIE-SEC-HOUSE"]["worth_minor"], rows["DELTA-SEC-HOUSE"]["worth_minor"]) == ("2000", "-6000")
    assert sum(int(row["variation_minor"]) for row in rows.values()) == 0
    for row in rows.values():
        parts = sum(int(row[name]) for name in ("base_minor", "concentration_minor", "procyclicality_minor"))
        assert int(row["requirement_minor"]) == parts > 0
    text = get_text(operator, "/risk/margin/")
    assert "Evening, at the closing prices, Wed 10 Sep 2008" in text
    assert "Expected shortfall at 75.0 % over 20 returns of 1 day" in text.replace("expected", "Expected")
    assert "DELTA-SEC-HOUSE" in text


def test_a_participant_sees_its_own_portfolios_and_its_clients(
    alpha: Client, delta: Client, margined: Chain
) -> None:  # fmt: skip
    assert [row["account"] for row in get_csv(delta, "/risk/margin/?format=csv")] == ["DELTA-SEC-HOUSE"]
    assert "CHARLIE" not in get_text(delta, "/risk/margin/")
    assert [row["account"] for row in get_csv(alpha, "/risk/margin/?format=csv")] == ["ALPHA-SEC-HOUSE"]
    assert delta.get("/risk/margin/CHARLIE-SEC-HOUSE/").status_code == 404
    assert delta.get("/risk/margin/CHARLIE-SEC-HOUSE/?format=csv").status_code == 404
    assert alpha.get("/risk/margin/ECHO-SEC-HOUSE/").status_code == 200
    assert "CHARLIE" not in get_text(delta, "/risk/what-if/")


def test_one_portfolio_shows_its_parts_history_and_the_days_that_make_its_tail(
    operator: Client, margined: Chain
) -> None:
    text = get_text(operator, "/risk/margin/CHARLIE-SEC-HOUSE/")
    for words in (
        "What is charged, by its parts", "Margin against value", "The worst days of history for this portfolio",
        "SHARE", "STOCK", "360.00 EUR", "\N{MINUS SIGN}240.00 EUR",
    ):  # fmt: skip
        assert words in text
    # Five of twenty days make the expected shortfall at 75 %; they are named in the chart's table.
    body = operator.get("/risk/margin/CHARLIE-SEC-HOUSE/").content.decode()
    tail = body.split('data-chart="chart-tail-eur"')[1].split("</figure>")[0]
    assert tail.count('<th scope="row">2008-') == 5
    history = get_csv(operator, "/risk/margin/CHARLIE-SEC-HOUSE/?format=csv")
    assert [row["business_date"] for row in history] == ["2008-09-10"]


def test_contributions_add_up_to_the_expected_shortfall(margined: Chain) -> None:
    from clearing.models import PortfolioMargin
    from clearing.queries.margins import tail_of

    for margin in PortfolioMargin.objects.select_related("run__parameters"):
        tail = tail_of(margin=margin)
        assert sum(minor for _, minor in tail.contributions_minor) == pytest.approx(
            margin.expected_shortfall_minor, abs=2
        )
        assert [day.loss_minor for day in tail.days] == sorted((day.loss_minor for day in tail.days), reverse=True)
        assert all(sum(day.parts_minor) == day.loss_minor for day in tail.days)


def test_an_account_that_was_never_margined_says_so(operator: Client, margined: Chain) -> None:
    assert "Not margined yet" in get_text(operator, "/risk/margin/BRAVO-SEC-HOUSE/")
    assert operator.get("/risk/margin/NOBODY/").status_code == 404
    assert operator.get("/risk/margin/ALPHA-CASH-HOUSE/").status_code == 404


def test_before_the_first_evening_the_page_says_when(operator: Client) -> None:
    assert "Nothing is margined" in get_text(operator, "/risk/margin/")


def test_what_if_costs_nothing_and_stores_nothing(delta: Client, margined: Chain) -> None:
    from clearing.models import MarginRun, PortfolioMargin
    from ledger.models import JournalEntry

    before = (MarginRun.objects.count(), PortfolioMargin.objects.count(), JournalEntry.objects.count())
    # DELTA owes 30 SHARE; with 30 bought it owes nothing.
    response = delta.post("/risk/what-if/", {"csv": "security,quantity\nSHARE,30\n"})
    assert response.status_code == 200
    text = text_of(response)
    required = PortfolioMargin.objects.get(account__code="DELTA-SEC-HOUSE").requirement_minor
    assert f"EUR: \N{MINUS SIGN}{required / 100:,.2f} EUR more margin" in text
    assert "added to what DELTA-SEC-HOUSE has open" in text
    assert (MarginRun.objects.count(), PortfolioMargin.objects.count(), JournalEntry.objects.count()) == before


def test_what_if_takes_a_file_and_says_what_is_wrong_with_it(operator: Client, margined: Chain) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    def ask(data: bytes, **fields: str) -> tuple[int, str]:
        upload = SimpleUploadedFile("positions.csv", data, content_type="text/csv")
        response = operator.post("/risk/what-if/", {"file": upload, "csv": "", **fields})
        return response.status_code, text_of(response)

    status, text = ask(b"isin;units\nSHARE;100\n", account="CHARLIE-SEC-HOUSE")
    assert (status, "added to what CHARLIE-SEC-HOUSE has open" in text) == (200, True)
    assert ask(b"isin;units\nSHARE;ten\n")[0] == 422
    status, text = ask(b"isin;units\nNOPE;10\n")
    assert (status, "Line 2: there is no security 'NOPE'" in text) == (422, True)
    assert ask(b"isin;units\nSHARE;1\n", account="ALPHA-CASH-HOUSE")[0] == 422
    assert ask(b"isin;units\nBOND;1000\n")[0] == 422  # It has no price.


def test_an_operator_margins_now_and_repeats_a_refused_evening(
    operator: Client, auditor: Client, delta: Client, margined: Chain
) -> None:
    from clearing.models import MarginRun, RefusedMarginRun
    from events.models import AuditRecord

    for client in (auditor, delta):
        assert client.post("/risk/margin/run/", {"kind": "INTRADAY"}).status_code == 403
    margined.move_to(date(2008, 9, 11), 12)
    assert operator.post("/risk/margin/run/", {"kind": "INTRADAY"}).status_code == 302
    assert MarginRun.objects.filter(kind="INTRADAY").count() == 1
    assert AuditRecord.objects.filter(action="margin.run").count() == 1
    assert "runs by itself" in text_of(operator.post("/risk/margin/run/", {"kind": "EVENING"}, follow=True))
    RefusedMarginRun.objects.create(
        kind="EVENING", business_date=margined.day, at=margined.at.replace(hour=18), code="price-gap", message="A hole."
    )
    assert "margin was refused A hole." in get_text(operator, "/risk/margin/")
    operator.post("/risk/margin/run/", {"kind": "EVENING"})
    assert MarginRun.objects.filter(kind="EVENING", business_date=margined.day).exists()


@pytest.mark.parametrize(("address", "most"), [("/risk/margin/", 15), ("/risk/what-if/", 14)])
def test_rows_cost_no_queries(
    address: str, most: int, operator: Client, margined: Chain, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    operator.get(address)
    with django_assert_max_num_queries(most):
        assert operator.get(address).status_code == 200
