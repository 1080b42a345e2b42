"""The margin run: positions marked to the cent, variation margin through the ledger, margins by the model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from clearing.core.membership_lifecycle import MembershipStatus
from clearing.core.refusals import HistoryTooShort, PositionUnpriced, PriceGap, SplitSuspected
from clearing.models import (
    MarginCall,
    MarginRun,
    MarginRunKind,
    Membership,
    PortfolioMargin,
    PriceProxy,
    RefusedMarginRun,
)
from clearing.queries.positions import open_positions
from clearing.refusals import NoMarginParameters, VariationFundsShort
from clearing.services.open_membership import open_memberships
from clearing.services.run_evening import run_evening, watch_prices
from clearing.services.run_margin import run_margin
from ledger.models import JournalEntry
from reference.models import DailyPrice
from reference.refusals import Refusal
from tests.factories.chain import MONDAY, Chain, at_time
from tests.factories.risk import SHORT, evening, price_days, price_market, set_parameters, swing, violations

pytestmark = pytest.mark.django_db

TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture(autouse=True)
def _members(chain: Chain) -> None:
    """Members with cash, and liquidity on the CCP's VM account."""
    open_memberships(joined_on=MONDAY)
    for code in ("ALPHA", "BRAVO", "CHARLIE", "DELTA", "ECHO"):
        chain.give(code, "EUR", 1_000_000)
    chain.give("CCP", "EUR", 5_000_000, name="VM")
    set_parameters(**SHORT)


def reprice(chain: Chain, symbol: str, close: str, day: date) -> None:
    price = Decimal(close)
    DailyPrice.objects.update_or_create(
        security_id=chain.assets[symbol], date=day,
        defaults={"open": price, "high": price, "low": price, "close": price, "volume": 1_000_000,
                  "adjusted_close": price},
    )  # fmt: skip


def margin_of(run: MarginRun, code: str) -> PortfolioMargin:
    return PortfolioMargin.objects.get(run=run, account__code=f"{code}-SEC-HOUSE" if "-" not in code else code)


def test_what_was_bought_at_ten_and_is_worth_twelve_is_paid_for(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO", quantity=100)
    chain.clear()
    price_market(chain, {"STOCK": "12"}, last=MONDAY)
    run = evening(chain)
    assert (run.portfolios, run.priced_on) == (2, MONDAY)
    bought, sold = margin_of(run, "ALPHA"), margin_of(run, "BRAVO")
    assert (bought.cash_minor, bought.worth_minor, bought.variation_minor) == (-100_000, 20_000, 20_000)
    assert (sold.cash_minor, sold.worth_minor, sold.variation_minor) == (100_000, -20_000, -20_000)
    assert (bought.security_ids, bought.quantity_units, bought.mark_minor) == (
        [chain.assets["STOCK"]], [100], [120_000],
    )  # fmt: skip
    assert (chain.balance("ALPHA", "EUR"), chain.balance("BRAVO", "EUR")) == (1_020_000, 980_000)
    assert chain.balance("CCP", "EUR", "VM") == 5_000_000
    # The next day at 11.50: 50.00 of the 200.00 go back.
    chain.move_to(TUESDAY)
    reprice(chain, "STOCK", "11.5", TUESDAY)
    run = evening(chain)
    assert (margin_of(run, "ALPHA").variation_minor, margin_of(run, "BRAVO").variation_minor) == (-5_000, 5_000)
    assert chain.balance("ALPHA", "EUR") == 1_015_000
    assert violations() == {}


def test_margin_is_the_worst_quarter_of_twenty_days(chain: Chain) -> None:
    """Up 1 % and down 0.9901 % by turns, ten of each; the five worst of the long side are the falls."""
    chain.trade("T", "ALPHA", "BRAVO", quantity=100)
    chain.clear()
    closes: Sequence[str | float] = [100.0, 101.0] * 10 + [100.0]
    price_days(chain, "STOCK", closes, last=MONDAY)
    run = evening(chain)
    long, short = margin_of(run, "ALPHA"), margin_of(run, "BRAVO")
    # 10,000.00 × (1 − 100/101) = 99.0099 and 10,000.00 × 1 % = 100.00.
    assert (long.base_minor, short.base_minor) == (9_901, 10_000)
    assert (long.requirement_minor, long.value_at_risk_minor, long.flat_minor) == (9_901, 9_901, 200_000)
    assert (long.gross_minor, long.concentration_minor, long.procyclicality_minor) == (1_000_000, 0, 0)


def test_a_position_larger_than_its_market_pays_a_concentration_add_on(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO", quantity=100)
    chain.clear()
    # A tenth of 250 units a day: four days instead of one, twice the margin.
    price_days(chain, "STOCK", [100, 101] * 10 + [100], last=MONDAY, volume=250)
    run = evening(chain)
    assert (margin_of(run, "BRAVO").base_minor, margin_of(run, "BRAVO").concentration_minor) == (10_000, 10_000)


def test_it_is_rounded_against_both_and_the_cent_stays_with_the_ccp(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO", quantity=1)
    chain.clear()
    price_market(chain, {"STOCK": "12.3333"}, last=MONDAY)
    run = evening(chain)
    assert (margin_of(run, "ALPHA").worth_minor, margin_of(run, "BRAVO").worth_minor) == (233, -234)
    assert chain.balance("CCP", "EUR", "VM") == 5_000_001


def test_what_settles_leaves_the_portfolio_and_gives_its_variation_back(chain: Chain) -> None:
    chain.give("BRAVO", "STOCK", 100)
    chain.trade("T", "ALPHA", "BRAVO", quantity=100, settlement_date="2008-09-09")
    chain.clear()
    price_market(chain, {"STOCK": "12"}, last=MONDAY)
    evening(chain)
    chain.move_to(TUESDAY)
    chain.settle()
    assert chain.status("T-A") == "SETTLED"
    reprice(chain, "STOCK", "12", TUESDAY)
    run = evening(chain)
    assert (margin_of(run, "ALPHA").worth_minor, margin_of(run, "ALPHA").variation_minor) == (0, -20_000)
    assert margin_of(run, "ALPHA").security_ids == []
    # Paid 1,000.00 for the shares, as agreed.
    assert chain.balance("ALPHA", "EUR") == 900_000
    chain.move_to(TUESDAY + timedelta(days=1))
    reprice(chain, "STOCK", "12", chain.day)
    assert evening(chain).portfolios == 0
    assert violations() == {}


def test_a_part_settled_instruction_counts_for_its_rest(chain: Chain) -> None:
    chain.give("BRAVO", "STOCK", 6_000)
    chain.give("ALPHA", "EUR", 10_000_000)
    chain.trade("T", "ALPHA", "BRAVO", quantity=10_000, settlement_date="2008-09-09")
    chain.clear()
    chain.move_to(TUESDAY)
    chain.net()
    chain.instruct()
    chain.cycle(partials=True)
    chain.discharge()
    positions = open_positions(business_date=TUESDAY)
    found = dict(zip(positions.account.tolist(),
                     zip(positions.quantity_units.tolist(), positions.cash_minor.tolist(), strict=True),
                     strict=True))  # fmt: skip
    assert found[chain.account("BRAVO").pk] == (-4_000, 4_000_000)
    price_market(chain, {"STOCK": "12"}, last=TUESDAY)
    run = evening(chain)
    assert margin_of(run, "BRAVO").worth_minor == 4_000_000 - 4_800_000


def test_house_clients_and_those_that_clear_through_it_are_portfolios_of_the_member(chain: Chain) -> None:
    chain.trade("T1", "ALPHA", "BRAVO", quantity=100)
    chain.trade("T2", "BRAVO", "ECHO", quantity=100)
    chain.clear()
    price_market(chain, {"STOCK": "12"}, last=MONDAY)
    run = evening(chain)
    alpha = chain.ids["ALPHA"]
    rows = PortfolioMargin.objects.filter(run=run, member_id=alpha)
    assert {(row.account.code, row.worth_minor) for row in rows} == {
        ("ALPHA-SEC-HOUSE", 20_000), ("ECHO-SEC-HOUSE", -20_000),
    }  # fmt: skip
    # ALPHA answers for ECHO: its own gain and ECHO's loss meet on its house cash; margins do not offset.
    assert (chain.balance("ALPHA", "EUR"), chain.balance("ECHO", "EUR")) == (1_000_000, 1_000_000)
    assert all(row.requirement_minor > 0 for row in rows)
    # BRAVO is flat in shares and cash: no portfolio.
    assert not PortfolioMargin.objects.filter(run=run, member_id=chain.ids["BRAVO"]).exists()


def test_a_loser_without_cash_is_called_and_the_winner_is_paid_all_the_same(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO", quantity=1_000)
    chain.clear()
    price_market(chain, {"STOCK": "30"}, last=MONDAY)
    run = evening(chain)
    # BRAVO owes 20,000.00 and has 10,000.00.
    assert margin_of(run, "BRAVO").variation_by == "CALL"
    assert (chain.balance("BRAVO", "EUR"), chain.balance("ALPHA", "EUR")) == (1_000_000, 3_000_000)
    assert chain.balance("CCP", "EUR", "VM") == 3_000_000
    call = MarginCall.objects.get(kind="VARIATION")
    assert (call.member_id, call.amount_minor, call.run_id, call.status) == (
        chain.ids["BRAVO"], 2_000_000, run.pk, "ISSUED",
    )  # fmt: skip
    assert violations() == {}


def test_without_liquidity_nothing_changes_and_it_is_said_how_much_is_short(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO", quantity=10_000)
    chain.clear()
    price_market(chain, {"STOCK": "30"}, last=MONDAY)
    with pytest.raises(VariationFundsShort) as refused:
        evening(chain)
    assert refused.value.extra == {"currency": "EUR", "short_minor": 15_000_000}
    assert not MarginRun.objects.exists()
    assert not JournalEntry.objects.filter(source="VARIATION").exists()


def test_a_defaulter_neither_pays_nor_is_paid(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO", quantity=100)
    chain.clear()
    Membership.objects.filter(member_id=chain.ids["BRAVO"]).update(status=MembershipStatus.SUSPENDED.value)
    Membership.objects.filter(member_id=chain.ids["BRAVO"]).update(status=MembershipStatus.DEFAULTED.value)
    price_market(chain, {"STOCK": "12"}, last=MONDAY)
    run = evening(chain)
    assert (margin_of(run, "BRAVO").variation_by, margin_of(run, "BRAVO").variation_minor) == ("ESTATE", -20_000)
    assert (chain.balance("BRAVO", "EUR"), chain.balance("ALPHA", "EUR")) == (1_000_000, 1_020_000)
    assert not MarginCall.objects.filter(kind="VARIATION").exists()
    assert violations() == {}


def test_an_evening_is_run_once(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO", quantity=100)
    chain.clear()
    price_market(chain, {"STOCK": "12"}, last=MONDAY)
    assert evening(chain) == evening(chain)
    assert (MarginRun.objects.count(), chain.balance("ALPHA", "EUR")) == (1, 1_020_000)


REFUSED: dict[str, tuple[dict[str, Any], type[Refusal], str]] = {
    "no price at all": ({}, PositionUnpriced, "STOCK had no price on 2008-09-08"),
    "an old price": ({"last": MONDAY - timedelta(days=11)}, PriceGap, "last price of STOCK is of 2008-08-28"),
    "too short a history": ({"days": 20}, HistoryTooShort, "STOCK"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_prices_are_refused_by_name_and_nothing_changes(chain: Chain, what: str) -> None:
    changes, refusal, words = REFUSED[what]
    chain.trade("T", "ALPHA", "BRAVO", quantity=100)
    chain.clear()
    if changes:
        price_market(chain, {"STOCK": "12"}, **({"last": MONDAY} | changes))
    with pytest.raises(refusal, match=words):
        evening(chain)
    assert run_evening(at=chain.at, business_date=chain.day) is None
    assert run_evening(at=chain.at, business_date=chain.day) is None
    written = RefusedMarginRun.objects.get()
    assert (written.code, written.business_date) == (refusal.code, MONDAY)
    assert not MarginRun.objects.exists()
    assert not JournalEntry.objects.filter(source="VARIATION").exists()


def test_a_hole_and_a_split_are_refused_by_name(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO", quantity=100)
    chain.clear()
    price_days(chain, "STOCK", [*swing(last="10", days=31)[:-6], 5, 5, 5, 5, 5, 5], last=MONDAY)
    with pytest.raises(SplitSuspected, match="STOCK on 2008-09-01"):
        evening(chain)
    DailyPrice.objects.update(adjusted_close=10)
    DailyPrice.objects.filter(date__range=(date(2008, 8, 20), date(2008, 9, 2))).delete()
    with pytest.raises(PriceGap, match="STOCK has no price between 2008-08-19 and 2008-09-03"):
        evening(chain)


def test_without_parameters_nothing_is_margined(chain: Chain) -> None:
    chain.move_to(date(1999, 12, 1), 18, 30)
    with pytest.raises(NoMarginParameters):
        run_margin(kind=MarginRunKind.EVENING, at=chain.at, business_date=chain.day)


def test_a_short_history_is_filled_by_its_proxy(chain: Chain) -> None:
    """SHARE has two prices; before that it moved twice as much as STOCK did."""
    chain.trade("T", "ALPHA", "BRAVO", security="SHARE", quantity=100)
    chain.clear()
    price_days(chain, "STOCK", [100, 101] * 10 + [100], last=MONDAY)
    price_days(chain, "SHARE", [50, 50], last=MONDAY)
    PriceProxy.objects.create(
        security_id=chain.assets["SHARE"], proxy_id=chain.assets["STOCK"], scale_percent=200, reason="a test"
    )
    run = evening(chain)
    # Of the five worst of the short side each is 2 % of 5,000.00.
    assert margin_of(run, "BRAVO").base_minor == 10_000


def test_an_intraday_run_follows_a_large_move_at_the_opening_price(chain: Chain) -> None:
    chain.trade("T", "ALPHA", "BRAVO", quantity=100)
    chain.clear()
    price_days(chain, "STOCK", [100, 101] * 10 + [100], last=MONDAY)
    evening(chain)
    chain.move_to(TUESDAY, 11, 30)
    DailyPrice.objects.create(
        security_id=chain.assets["STOCK"], date=TUESDAY, open=100, high=120, low=90, close=120, volume=1,
        adjusted_close=120,
    )  # fmt: skip
    assert watch_prices(at=chain.at, business_date=TUESDAY) is None
    DailyPrice.objects.filter(date=TUESDAY).update(open=Decimal("99.5"))
    assert watch_prices(at=at_time(TUESDAY, 8), business_date=TUESDAY) is None
    # ALPHA loses 50.00 of a margin of 99.01: more than a quarter.
    run = watch_prices(at=chain.at, business_date=TUESDAY)
    assert run is not None
    assert (run.kind, margin_of(run, "ALPHA").variation_minor) == ("INTRADAY", -5_000)
    assert {call.kind for call in MarginCall.objects.filter(run=run)} <= {"INTRADAY"}
    assert watch_prices(at=chain.at, business_date=TUESDAY) is None
    # What cannot be priced during the day is said, and stops nothing.
    chain.trade("U", "ALPHA", "BRAVO", security="SHARE", quantity=1)
    chain.clear()
    assert watch_prices(at=at_time(TUESDAY, 15), business_date=TUESDAY) is None
    assert RefusedMarginRun.objects.get().code == "position-unpriced"
    price_days(chain, "SHARE", swing(last="10", first=10), last=TUESDAY)
    # The evening's worth follows on from it: 120 − 99.50.
    assert margin_of(evening(chain), "ALPHA").variation_minor == 205_000
    assert violations() == {}
