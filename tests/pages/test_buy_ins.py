"""The page of buy-ins: what may be bought in, for whom, and the operator's one button."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_csv, get_text, text_of

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain


@pytest.fixture
def failing(chain: Chain) -> Chain:
    """BRAVO owes ALPHA 100 SHARE at 10.00 since Wednesday; ten days later a share costs 12.00."""
    from reference.models import DailyPrice
    from tests.db.settlement.test_settle_cycle import enter

    enter(chain, "SHARES", "BRAVO", "ALPHA", 100, 1_000_00, symbol="SHARE")
    chain.cycle()
    chain.move_to(date(2008, 9, 22))
    DailyPrice.objects.create(
        security_id=chain.assets["SHARE"], date=date(2008, 9, 19), volume=1,
        **dict.fromkeys(("open", "high", "low", "close", "adjusted_close"), Decimal(12)),
    )  # fmt: skip
    return chain


def test_without_a_long_fail_the_page_says_so(operator: Client) -> None:
    assert "Nothing can be bought in today" in get_text(operator, "/buy-ins/")


def test_the_operator_sees_what_it_costs_and_buys_in_once(operator: Client, failing: Chain) -> None:
    assert "SHARES BRAVO ALPHA" in get_text(operator, "/buy-ins/")
    assert "1,000.00 EUR 200.00 EUR" in get_text(operator, "/buy-ins/")
    assert operator.post("/buy-ins/run/").status_code == 302
    [row] = get_csv(operator, "/buy-ins/?format=csv")
    assert (row["failing"], row["suffering"], row["compensation_minor"]) == ("BRAVO", "ALPHA", "20000")
    text = get_text(operator, "/buy-ins/")
    assert "Nothing can be bought in today" in text
    assert "1 bought in." in text
    assert "Nothing can be bought in today." in text_of(operator.post("/buy-ins/run/", follow=True))


def test_a_participant_sees_its_own_and_cannot_run(alpha: Client, delta: Client, failing: Chain) -> None:
    assert "SHARES" in get_text(alpha, "/buy-ins/")
    assert "SHARES" not in get_text(delta, "/buy-ins/")
    assert alpha.post("/buy-ins/run/").status_code == 403
    assert "Buy in all" not in get_text(alpha, "/buy-ins/")
