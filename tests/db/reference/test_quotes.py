"""Quotes and exchange rates: what the database refuses, last quotes in two stores, and the feed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from reference import quote_store
from reference.core.calendar import BUSINESS_ZONE
from reference.core.intraday import PATH_CLOSES
from reference.market_data import (
    ExchangeRateMissing,
    SecurityQuote,
    exchange_rate_sql,
    exchange_rates,
    last_quotes,
    latest_quote_sql,
    quotes_at,
    rate_of,
)
from reference.models import Currency, DailyPrice, ExchangeRate, Quote, Security
from reference.queries import directory
from reference.quote_feed import STEPS_BETWEEN, feed_quotes
from reference.quote_services import publish_quotes, republish_quotes
from reference.refusals import NaiveTime
from reference.services import load_reference
from tests.factories.reference import CurrencyFactory, DailyPriceFactory, SecurityFactory

pytestmark = pytest.mark.django_db

AT = datetime(2008, 9, 8, 10, 0, tzinfo=BUSINESS_ZONE)
DAY = date(2008, 9, 8)
INSERT = """
INSERT INTO reference_quote
    (security_id, at, business_date, bid, ask, last, bid_units, ask_units, last_units, source)
VALUES (%(security)s, %(at)s, %(day)s, %(bid)s, %(ask)s, %(last)s, %(bid_units)s, %(ask_units)s, %(last_units)s,
        %(source)s)
"""


@pytest.fixture(autouse=True)
def empty_store() -> Iterator[None]:
    quote_store.forget()
    yield
    quote_store.forget()


@pytest.fixture
def security() -> Security:
    return SecurityFactory.create()


def quote(
    security: Security, at: datetime = AT, bid: str = "100", ask: str = "101", last: str = "100.5"
) -> SecurityQuote:
    return SecurityQuote(security.pk, at, Decimal(bid), Decimal(ask), Decimal(last), 10, 20, 5, "TEST")


def good(security: Security) -> dict[str, Any]:
    return {
        "security": security.pk, "at": AT, "day": DAY, "bid": "100", "ask": "101", "last": "100.5",
        "bid_units": 1, "ask_units": 1, "last_units": 0, "source": "TEST",
    }  # fmt: skip


def attack(sql: str, parameters: Any = None) -> str:
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    return str(caught.value)


def test_the_good_quote_is_good(security: Security) -> None:
    with connection.cursor() as cursor:
        cursor.execute(INSERT, good(security))
        cursor.execute(INSERT, good(security) | {"source": "OTHER", "bid": "101", "bid_units": 0})
    assert Quote.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"bid": "101.000001"}, "quote_never_crossed"),
        ({"bid": "0"}, "quote_positive"),
        ({"last": "0"}, "quote_positive"),
        ({"ask": "NaN"}, "quote_positive"),
        ({"bid": "NaN", "ask": "NaN"}, "quote_positive"),
        ({"last": "NaN"}, "quote_positive"),
        ({"bid_units": -1}, "quote_sizes_not_negative"),
        ({"ask_units": -1}, "quote_sizes_not_negative"),
        ({"last_units": -1}, "quote_sizes_not_negative"),
        ({"day": date(2008, 9, 9)}, "quote_on_its_date"),
        ({"at": datetime(2008, 9, 8, 22, 30, tzinfo=UTC)}, "quote_on_its_date"),
        ({"source": ""}, "quote_source_given"),
        ({"source": " FEED"}, "quote_source_given"),
        ({"security": 2**40}, "refers to no row of reference_security"),
        ({"bid": None}, "null value"),
    ],
)
def test_what_a_quote_never_is(security: Security, changes: dict[str, Any], constraint: str) -> None:
    assert constraint in attack(INSERT, good(security) | changes)


def test_a_quote_stands_once_and_for_ever(security: Security) -> None:
    publish_quotes(quotes=[quote(security)])
    assert "quote_unique" in attack(INSERT, good(security))
    for sql in ("UPDATE reference_quote SET bid = 1", "DELETE FROM reference_quote"):
        assert "append-only" in attack(sql)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL fmi.allow_truncate = 'off'")
    assert "never truncated" in attack("TRUNCATE reference_quote")


def test_a_rate_is_positive_stands_for_ever_and_the_base_has_none() -> None:
    dollar, euro = CurrencyFactory.create(code="USD"), CurrencyFactory.create(code="EUR")
    sql = "INSERT INTO reference_exchangerate (currency_id, date, value, source) VALUES (%s, %s, %s, %s)"
    with connection.cursor() as cursor:
        cursor.execute(sql, [dollar.pk, DAY, "0.69", "TEST"])
    assert "exchangerate_unique" in attack(sql, [dollar.pk, DAY, "0.70", "TEST"])
    assert "exchangerate_positive" in attack(sql, [dollar.pk, date(2008, 9, 9), "0", "TEST"])
    assert "exchangerate_positive" in attack(sql, [dollar.pk, date(2008, 9, 9), "NaN", "TEST"])
    assert "has no exchange rate" in attack(sql, [euro.pk, DAY, "1", "TEST"])
    assert "append-only" in attack("UPDATE reference_exchangerate SET value = 1")
    assert "append-only" in attack("DELETE FROM reference_exchangerate")


def test_the_last_quote_is_read_from_valkey_and_from_postgresql_when_it_is_lost(
    security: Security, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    never = SecurityFactory.create()
    earlier, later = quote(security), quote(security, at=AT + timedelta(minutes=1), bid="99")
    with django_capture_on_commit_callbacks(execute=True):
        assert publish_quotes(quotes=[later, earlier]) == 2
    found = last_quotes(security_ids=[security.pk, never.pk])
    assert list(found) == [security.pk]
    assert found[security.pk].at == later.at
    assert (found[security.pk].bid, found[security.pk].mid) == (Decimal(99), Decimal(100))
    quote_store.forget()
    assert last_quotes(security_ids=[security.pk, never.pk]) == found
    assert quotes_at(security_ids=[security.pk], at=AT)[security.pk].bid == 100
    assert quotes_at(security_ids=[security.pk], at=AT - timedelta(seconds=1)) == {}


@pytest.mark.django_db(transaction=True)
def test_what_was_lost_is_laid_down_again_once_it_is_read() -> None:
    security, never = SecurityFactory.create(), SecurityFactory.create()
    publish_quotes(quotes=[quote(security)])
    quote_store.forget()
    found = last_quotes(security_ids=[security.pk, never.pk])
    assert quote_store.read(security_ids=[security.pk, never.pk])[never.pk] is None
    with connection.execute_wrapper(_no_query):
        assert last_quotes(security_ids=[security.pk, never.pk]) == found
    # That there was none does not stand in the way of the first one.
    publish_quotes(quotes=[quote(never)])
    assert last_quotes(security_ids=[never.pk])[never.pk].bid == 100


def _no_query(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    raise AssertionError(sql)


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_never_published() -> None:
    security = SecurityFactory.create()
    with transaction.atomic():
        publish_quotes(quotes=[quote(security)])
        assert last_quotes(security_ids=[security.pk])[security.pk].bid == 100
        transaction.set_rollback(True)
    assert last_quotes(security_ids=[security.pk]) == {}


@pytest.mark.django_db(transaction=True)
def test_a_late_quote_takes_no_later_ones_place_and_is_not_told() -> None:
    security = SecurityFactory.create()
    publish_quotes(quotes=[quote(security)])
    told = quote_store.last_on_tape()
    publish_quotes(quotes=[quote(security, at=AT - timedelta(minutes=1), bid="90")])
    publish_quotes(quotes=[quote(security)])
    assert last_quotes(security_ids=[security.pk])[security.pk].bid == 100
    assert quote_store.last_on_tape() == told
    assert Quote.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_valkey_that_does_not_answer_costs_nothing_but_time(settings: Any) -> None:
    security = SecurityFactory.create()
    publish_quotes(quotes=[quote(security)])
    standing = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    publish_quotes(quotes=[quote(security, at=AT + timedelta(minutes=1), bid="99")])
    assert last_quotes(security_ids=[security.pk])[security.pk].bid == 99
    assert quote_store.last_on_tape() == "0-0"
    settings.REDIS_URL = standing
    republish_quotes()
    assert quote_store.read(security_ids=[security.pk])[security.pk]["bid"] == "99"  # type: ignore[index]


def test_a_quote_needs_a_zone(security: Security) -> None:
    with pytest.raises(NaiveTime):
        publish_quotes(quotes=[quote(security, at=AT.replace(tzinfo=None))])


def test_a_set_is_joined_to_the_quotes_of_its_moments() -> None:
    securities = SecurityFactory.create_batch(3)
    rows = [
        quote(one, at=AT + timedelta(minutes=7 * number), bid=str(90 + number))
        for one in securities[:2]
        for number in range(5)
    ]
    publish_quotes(quotes=rows)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.asset_ptr_id, g.at, quote.bid, quote.mid FROM reference_security s,"
            " generate_series(%s::timestamptz, %s, interval '3 minutes') AS g(at)"
            f" LEFT JOIN {latest_quote_sql(security='s.asset_ptr_id', at='g.at')} quote ON true",
            [AT - timedelta(minutes=4), AT + timedelta(minutes=40)],
        )
        found = cursor.fetchall()
    assert len(found) == 3 * 15
    for security_id, at, bid, mid in found:
        before = [row for row in rows if row.security_id == security_id and row.at <= at]
        assert bid == (max(before, key=lambda row: row.at).bid if before else None)
        assert mid == (None if bid is None else (bid + 101) / 2)


def test_rates_hold_from_their_date_on_and_the_euro_is_worth_itself() -> None:
    dollar, euro = CurrencyFactory.create(code="USD"), CurrencyFactory.create(code="EUR")
    pound = CurrencyFactory.create(code="GBP")
    for day, value in ((date(2008, 9, 1), "0.6959"), (date(2008, 10, 1), "0.7506")):
        ExchangeRate.objects.create(currency=dollar, date=day, value=Decimal(value), source="TEST")
    assert exchange_rates(on=date(2008, 8, 31)) == {euro.pk: 1}
    rates = exchange_rates(on=date(2008, 9, 30))
    assert rates == {euro.pk: 1, dollar.pk: Decimal("0.6959")}
    assert exchange_rates(on=date(2008, 10, 1))[dollar.pk] == Decimal("0.7506")
    with pytest.raises(ExchangeRateMissing, match="GBP"):
        rate_of(rates=rates, currency_id=pound.pk)
    with connection.cursor() as cursor:
        joined = exchange_rate_sql(currency="c.asset_ptr_id", on="date '2008-09-30'")
        cursor.execute(f"SELECT c.asset_ptr_id, r.value FROM reference_currency c LEFT JOIN {joined} r ON true")
        assert dict(cursor.fetchall()) == {euro.pk: 1, dollar.pk: Decimal("0.6959"), pound.pk: None}


def test_the_published_averages_are_loaded() -> None:
    load_reference()
    dollar = Currency.objects.get(code="USD")
    rates = exchange_rates(on=date(2008, 9, 15))
    assert round(1 / rates[dollar.pk], 4) == Decimal("1.4370")
    assert ExchangeRate.objects.count() == 25


@pytest.fixture
def day_of_prices() -> list[DailyPrice]:
    bond = SecurityFactory.create(bond=True, liquid=False)
    idle = SecurityFactory.create(active=False)
    prices = [
        DailyPriceFactory.create(),
        DailyPriceFactory.create(
            security=bond, open=Decimal("99.123"), high=Decimal("99.5"), low=Decimal("99.123"), close=Decimal("99.25"),
            volume=0,
        ),
    ]  # fmt: skip
    DailyPriceFactory.create(security=idle)
    return prices


def hours(start: int, stop: int) -> Iterator[tuple[datetime, datetime]]:
    at = datetime(2008, 9, 8, start, tzinfo=BUSINESS_ZONE)
    while at.hour < stop:
        yield at, at + timedelta(minutes=30)
        at += timedelta(minutes=30)


def test_the_feed_quotes_the_real_day_from_open_to_close(day_of_prices: list[DailyPrice]) -> None:
    for after, until in hours(7, 19):
        feed_quotes(after=after, until=until, business_date=DAY, seed=7)
    assert set(Quote.objects.values_list("security_id", flat=True)) == {price.security_id for price in day_of_prices}
    for price in day_of_prices:
        rows = list(Quote.objects.filter(security_id=price.security_id).order_by("at"))
        assert len(rows) >= 510 // STEPS_BETWEEN
        assert len({row.at for row in rows}) == len(rows)
        assert all(price.low <= row.bid <= row.last <= row.ask <= price.high for row in rows)
        assert (rows[0].last, rows[-1].last) == (price.open, price.close)
        closing = datetime.combine(DAY, PATH_CLOSES, tzinfo=BUSINESS_ZONE)
        assert (rows[-1].at, rows[0].at) == (closing, datetime(2008, 9, 8, 9, tzinfo=BUSINESS_ZONE))
        lot = directory().securities[price.security_id].lot_size_units
        assert all(size % lot == 0 for row in rows for size in (row.bid_units, row.ask_units, row.last_units))


def test_the_feed_done_twice_or_in_other_slots_is_the_same_feed(day_of_prices: list[DailyPrice]) -> None:
    for after, until in hours(8, 18):
        feed_quotes(after=after, until=until, business_date=DAY, seed=7)
    before = list(Quote.objects.order_by("id").values_list())
    whole = next(hours(8, 9))[0], datetime(2008, 9, 8, 18, tzinfo=BUSINESS_ZONE)
    assert feed_quotes(after=whole[0], until=whole[1], business_date=DAY, seed=7) == 0
    assert list(Quote.objects.order_by("id").values_list()) == before


def test_a_half_open_slot_leaves_nothing_out_and_takes_nothing_twice(day_of_prices: list[DailyPrice]) -> None:
    opening = datetime(2008, 9, 8, 9, tzinfo=BUSINESS_ZONE)
    assert feed_quotes(after=opening, until=opening, business_date=DAY, seed=7) == 0
    assert feed_quotes(after=opening - timedelta(seconds=1), until=opening, business_date=DAY, seed=7) == 2
    assert feed_quotes(after=opening, until=opening + timedelta(seconds=1), business_date=DAY, seed=7) == 0


def test_another_seed_and_a_day_without_prices(day_of_prices: list[DailyPrice]) -> None:
    span = {"after": AT, "until": AT + timedelta(hours=1)}
    feed_quotes(**span, business_date=DAY, seed=7)
    assert feed_quotes(**span, business_date=DAY, seed=8) == 0, "what stands under its key stays"
    saturday = {name: at + timedelta(days=5) for name, at in span.items()}
    assert feed_quotes(**saturday, business_date=date(2008, 9, 13), seed=7) == 0
