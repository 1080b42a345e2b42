"""What the demo's issuers distribute: coupons by name and maturity, dividends that prices imply, funds' quarters."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from fmi.demo.distributions import announce_distributions
from reference.models import DailyPrice, Security
from reference.queries import forget_directory
from settlement.models import CorporateAction
from tests.factories.chain import Chain, at_time
from tests.factories.reference import SecurityFactory

pytestmark = pytest.mark.django_db
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2008, 9, day) for day in (8, 9, 10, 11))


def price(chain: Chain, symbol: str, day: date, close: str, adjusted: str) -> None:
    figures = dict.fromkeys(("open", "high", "low", "close"), Decimal(close))
    DailyPrice.objects.create(
        security_id=chain.assets.get(symbol) or Security.objects.get(symbol=symbol).pk,
        date=day, volume=1, adjusted_close=Decimal(adjusted), **figures,
    )  # fmt: skip


def announced(day: date, seed: int = 7) -> int:
    return announce_distributions(seed=seed, after=at_time(day, 8, 30), until=at_time(day, 9), business_date=day)


def test_a_dividend_that_the_prices_imply_and_no_split(chain: Chain) -> None:
    for symbol, second, adjusted in (("STOCK", "127.87", "101.717"), ("SHARE", "64", "102.117")):
        price(chain, symbol, TUESDAY, "128.87", "102.117")
        price(chain, symbol, WEDNESDAY, second, adjusted)
    assert (announced(MONDAY), announced(MONDAY), announced(TUESDAY)) == (1, 0, 0)
    action = CorporateAction.objects.get()
    assert (action.security_id, action.kind) == (chain.assets["STOCK"], "DIVIDEND")
    # 128.87 x (1 - (102.117 / 128.87) / (101.717 / 127.87)) = 0.5049
    assert action.rate == Decimal("0.50")
    assert (action.ex_date, action.record_date, action.payment_date) == (WEDNESDAY, THURSDAY, date(2008, 9, 15))


def test_a_coupon_by_the_bond_s_name_on_its_anniversary(chain: Chain) -> None:
    SecurityFactory.create(
        symbol="WESER12", name="Weser Energie AG 4.875 % 2012", bond=True, maturity_date=date(2012, 9, 14),
        settlement_lag_days=3,
    )  # fmt: skip
    SecurityFactory.create(symbol="FRN", name="Castello FRN 2011", bond=True, maturity_date=date(2011, 9, 15))
    forget_directory()
    assert announced(MONDAY) == 1
    action = CorporateAction.objects.get()
    # The 14th is a Sunday.
    assert (action.ex_date, action.record_date, action.payment_date) == (
        WEDNESDAY,
        date(2008, 9, 12),
        date(2008, 9, 15),
    )
    assert (action.kind, action.rate) == ("COUPON", Decimal("4.875"))


def test_a_fund_distributes_once_a_quarter_and_the_same_for_a_seed(chain: Chain) -> None:
    fund = SecurityFactory.create(symbol="FUND", security_type="FUND")
    forget_directory()
    price(chain, "FUND", date(2008, 6, 30), "100", "100")
    day, made = date(2008, 6, 30), 0
    while day <= date(2008, 9, 30):
        if day.weekday() < 5:
            made += announced(day)
        day = date.fromordinal(day.toordinal() + 1)
    actions = list(CorporateAction.objects.order_by("ex_date"))
    in_quarter = [row for row in actions if date(2008, 7, 1) <= row.ex_date <= date(2008, 9, 30)]
    assert (made, len(in_quarter)) == (len(actions), 1)
    assert all(row.security_id == fund.pk and Decimal("0.3") <= (row.rate or 0) <= Decimal("0.9") for row in actions)
