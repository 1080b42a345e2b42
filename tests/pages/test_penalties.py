"""The page of penalties: the month between two, each penalty, the correction of a day; and the same in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

API = "/api/v1/settlement"


@pytest.fixture
def charged(chain: Chain) -> Chain:
    """The small market's two fails of Wednesday, charged at 50 a share."""
    from datetime import date
    from decimal import Decimal

    from reference.models import DailyPrice
    from settlement.services.charge_penalties import charge_penalties
    from settlement.services.load_penalty_rates import load_penalty_rates

    load_penalty_rates()
    figures = dict.fromkeys(("open", "high", "low", "close", "adjusted_close"), Decimal(50))
    for symbol in ("STOCK", "SHARE", "BOND"):
        DailyPrice.objects.create(security_id=chain.assets[symbol], date=date(2008, 9, 5), volume=1, **figures)
    assert charge_penalties(business_date=chain.day, at=chain.at) is not None
    return chain


def test_a_month_without_penalties_says_so(operator: Client) -> None:
    assert "Nobody owes a penalty this month" in get_text(operator, "/penalties/")


def test_the_operator_sees_the_month_and_each_penalty(operator: Client, charged: Chain) -> None:
    from settlement.models import Penalty

    text = get_text(operator, "/penalties/")
    assert "Net between two, September 2008" in text
    assert "paid on Fri 24 Oct 2008" in text
    rows = get_csv(operator, "/penalties/?format=csv")
    assert len(rows) == Penalty.objects.count() > 0
    assert {row["reason"] for row in rows} == {"LACK"}
    one = rows[0]
    assert (
        len(get_csv(operator, f"/penalties/?format=csv&failing={one['pays']}&security={one['isin']}")) < len(rows) + 1
    )
    assert get_csv(operator, "/penalties/?format=csv&reason=MONY") == []


def test_a_participant_sees_its_own_and_cannot_correct(operator: Client, alpha: Client, charged: Chain) -> None:
    everyone, own = get_csv(operator, "/penalties/?format=csv"), get_csv(alpha, "/penalties/?format=csv")
    assert own == [row for row in everyone if "ALPHA" in (row["pays"], row["is_paid"])]
    assert len(own) < len(everyone)
    assert "Correct a day" not in get_text(alpha, "/penalties/")
    body = {"business_date": charged.day.isoformat(), "why": "mine"}
    assert alpha.post("/penalties/correct/", body).status_code == 403
    assert alpha.post(f"{API}/penalties/correct", body, content_type="application/json").status_code == 403


def test_the_operator_corrects_a_day(operator: Client, charged: Chain) -> None:
    from settlement.models import PenaltyRun

    body = {"business_date": charged.day.isoformat(), "why": "the price was wrong"}
    answer = operator.post("/penalties/correct/", body, follow=True)
    assert "computed anew: version 2 counts" in answer.content.decode()
    answer = operator.post("/penalties/correct/", body | {"business_date": "never"}, follow=True)
    assert "Name a business date that has penalties" in answer.content.decode()
    answer = operator.post(f"{API}/penalties/correct", body, content_type="application/json")
    assert (answer.status_code, answer.json()["version"]) == (201, 3)
    assert PenaltyRun.objects.count() == 3


def test_the_api_lists_and_nets(operator: Client, charged: Chain) -> None:
    listed = operator.get(f"{API}/penalties").json()["results"]
    statement = operator.get(f"{API}/penalty-statement?month=2008-09").json()
    assert statement["pays_on"] == "2008-10-24"
    assert sum(float(pair["net"]) for pair in statement["pairs"]) == sum(float(row["amount"]) for row in listed)
    assert operator.get(f"{API}/penalty-statement?month=nine").status_code == 400
