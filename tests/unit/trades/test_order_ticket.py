"""Resolving and reckoning orders."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.core.directory import CalendarEntry, CurrencyEntry, SecurityEntry
from reference.public_ids import new_public_ids
from trades.core.book.terms import OrderSide
from trades.core.order_parsing import convert_ticket, read_ticket, read_tickets
from trades.core.order_ticket import (
    ClientTerms,
    OrderTicket,
    Quoted,
    ResolvedTicket,
    TicketContext,
    TraderTerms,
    digest_ticket,
    protect_price,
    rate_between,
    resolve_ticket,
)
from trades.core.report import Problem

TARGET = CalendarEntry(id=1, code="TARGET", business_days=np.busdaycalendar(), holidays=frozenset())
EURO = CurrencyEntry(1, "EUR", 2, TARGET, 0, 0, 0)
YEN = CurrencyEntry(2, "JPY", 0, TARGET, 0, 0, 0)
STOCK = SecurityEntry(
    id=7, isin="XS0000000074", symbol="STOCK", name="Stock", security_type="EQUITY", quotation="UNIT", percent=False,
    currency=EURO, settlement_lag_days=2, lot_size_units=1, price_digits=4, active=True, liquid=True,
    issuer_sector="CORPORATE", sme_growth_market=False, maturity_date=None,
)  # fmt: skip
CLIENT = ClientTerms(3, "NORTHSEA", 5, 9, EURO, "ACTIVE", 10**9, 10**9, Decimal(0), False)
TRADER = TraderTerms(4, "TINA", 5, True, "tina")
CONTEXT = TicketContext(
    clients={"NORTHSEA": CLIENT}, traders={"TINA": TRADER, "OTHER": TraderTerms(6, "OTHER", 99, True, "")},
    default_trader=TRADER, securities={STOCK.isin: STOCK, STOCK.symbol: STOCK},
    quotes={7: Quoted(Decimal("9.98"), Decimal("10.02"))}, rates={}, business_date=date(2008, 9, 8),
)  # fmt: skip


def ticket(**changes: Any) -> OrderTicket:
    fields = {
        "client_order_id": "O-1", "client": "NORTHSEA", "security": "STOCK", "side": "BUY", "quantity": "3",
        "order_type": "LIMIT", "limit_price": "3.335",
    } | changes  # fmt: skip
    found = convert_ticket(fields={name: value for name, value in fields.items() if value is not None})
    assert isinstance(found, OrderTicket), found
    return found


def resolve(**changes: Any) -> ResolvedTicket | list[Problem]:
    return resolve_ticket(ticket=ticket(**changes), place=0, public_id=new_public_ids(count=1)[0], context=CONTEXT)


def test_a_purchase_reserves_its_notional_rounded_up_and_a_sale_nothing() -> None:
    bought, sold = resolve(), resolve(side="SELL")
    assert isinstance(bought, ResolvedTicket)
    assert isinstance(sold, ResolvedTicket)
    assert (bought.notional_minor, bought.ordered_minor, bought.reserve_minor) == (1_001, 1_001, 1_001)
    assert (sold.ordered_minor, sold.reserve_minor) == (1_001, 0)
    assert bought.trader == TRADER


@pytest.mark.parametrize(("side", "price"), [("BUY", "10.52"), ("SELL", "9.49")])
def test_a_market_order_is_reckoned_at_five_percent_beyond_the_quote(side: str, price: str) -> None:
    found = resolve(side=side, order_type="MARKET", limit_price=None)
    assert isinstance(found, ResolvedTicket)
    assert found.price == Decimal(price)


@given(touch=st.decimals("0.01", "100000", places=2), side=st.sampled_from(list(OrderSide)))
def test_protection_is_beyond_the_quote_and_within_five_percent(touch: Decimal, side: OrderSide) -> None:
    price = protect_price(side=side, quote=Quoted(touch, touch))
    assert price is not None
    beyond = price - touch if side == OrderSide.BUY else touch - price
    assert 0 <= beyond <= touch * Decimal("0.05")
    assert price > 0


def test_without_its_side_of_the_quote_there_is_no_protection() -> None:
    assert protect_price(side=OrderSide.BUY, quote=Quoted(Decimal(1), None)) is None
    assert protect_price(side=OrderSide.SELL, quote=None) is None


def test_rates_are_between_minor_units() -> None:
    rates = {1: Decimal(1), 2: Decimal("0.0065")}
    assert rate_between(rates=rates, currency=YEN, into=EURO) == Decimal("0.65")
    assert rate_between(rates=rates, currency=EURO, into=EURO) == 1
    assert rate_between(rates={}, currency=YEN, into=EURO) is None


def test_the_fingerprint_is_of_the_content_and_not_of_its_writing() -> None:
    same = digest_ticket(ticket=ticket(limit_price="3.3350"), isin=STOCK.isin)
    assert same == digest_ticket(ticket=ticket(security=STOCK.isin), isin=STOCK.isin)
    for changes in ({"quantity": "4"}, {"limit_price": "3.336"}, {"side": "SELL"}, {"time_in_force": "IOC"},
                    {"trader": "TINA"}, {"client_order_id": "O-2"}):  # fmt: skip
        assert digest_ticket(ticket=ticket(**changes), isin=STOCK.isin) != same, changes


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client": "NOBODY"}, "unknown-client"),
        ({"security": "NONE"}, "unknown-security"),
        ({"trader": "NOBODY"}, "unknown-trader"),
        ({"trader": "OTHER"}, "unknown-trader"),
        ({"limit_price": None}, "limit-price-missing"),
        ({"order_type": "MARKET"}, "limit-price-unwanted"),
        ({"limit_price": "-1"}, "price-out-of-range"),
        ({"limit_price": "Infinity"}, "price-out-of-range"),
        ({"quantity": "1000000000000000"}, "amount-out-of-range"),
        ({"expires_on": "2008-09-09"}, "only-gtc-expires"),
        ({"time_in_force": "GTC", "expires_on": "2008-09-05"}, "expired-already"),
    ],
)
def test_what_makes_an_order_malformed(changes: dict[str, Any], code: str) -> None:
    found = resolve(**changes)
    assert isinstance(found, list)
    assert [problem.code for problem in found] == [code]


def test_a_list_is_read_order_by_order() -> None:
    found = read_tickets(data=b'[{"client": 1}, 5, {"client_order_id": "O-1"}]')
    assert isinstance(found, list)
    assert [each.code for each in found if isinstance(each, Problem)] == ["malformed-order"] * 3
    assert isinstance(read_tickets(data=b'{"orders": []}'), Problem)
    assert isinstance(read_ticket(data=b"\xff"), Problem)
