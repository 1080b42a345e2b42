"""The pages of the market: tape, one security, an operator's upload, and the stream's door."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.factories.chain import Chain


@pytest.fixture
def quoted(chain: Chain) -> Chain:
    """SHARE closed at 10.00 yesterday and is quoted since this morning, with its whole history before."""
    from reference import quote_store
    from reference.market_data import SecurityQuote
    from reference.models import DailyPrice, Security
    from reference.quote_services import publish_quotes

    quote_store.forget()
    share = Security.objects.get(symbol="SHARE")
    DailyPrice.objects.filter(security=share).delete()
    for number in range(400):
        day = chain.day - timedelta(days=number)
        price = Decimal(10) if number else Decimal(77)
        DailyPrice.objects.create(
            security=share, date=day, open=price, high=price + 1, low=price - 1, close=price, volume=1_000 + number,
            adjusted_close=price,
        )  # fmt: skip
    quotes = [
        SecurityQuote(
            share.pk, chain.at - timedelta(minutes=5 * (9 - number)), Decimal("10.4"), Decimal("10.6"),
            Decimal("10.5") - Decimal(number % 3) / 100, 1_100, 2_200, 300, "TEST",
        )
        for number in range(10)
    ]  # fmt: skip
    publish_quotes(quotes=quotes)
    return chain


def test_the_tape_shows_bid_ask_last_and_change(quoted: Chain, alpha: Client) -> None:
    text = get_text(alpha, "/market/")
    assert "SHARE 10.50 EUR +5.00 % 1,100 10.40 10.60 2,200" in text
    assert "not quoted yet" in text, "the other securities"
    assert "Take in a file" not in text


def test_the_tape_is_filtered_and_written_as_csv(quoted: Chain, delta: Client) -> None:
    rows = get_csv(delta, "/market/?format=csv&q=share")
    assert [(row["symbol"], Decimal(row["bid"]), Decimal(row["previous_close"])) for row in rows] == [
        ("SHARE", Decimal("10.4"), Decimal(10))
    ]
    assert "SHARE" not in get_text(delta, "/market/?security_type=BOND")


def test_a_security_shows_its_day_and_its_history_up_to_yesterday(quoted: Chain, alpha: Client) -> None:
    from reference.models import Security

    address = f"/market/{Security.objects.get(symbol='SHARE').code}/"
    page = alpha.get(address).content.decode()
    assert 'id="chart-day"' in page
    assert 'id="chart-prices"' in page
    assert "3,000 units on the tape" in get_text(alpha, address).replace("units  on", "units on")
    assert "77" not in {row["close"].split(".")[0] for row in get_csv(alpha, f"{address}?format=csv")}
    counts = {key: len(get_csv(alpha, f"{address}?format=csv&range={key}")) for key in ("1m", "3m", "1y", "all")}
    assert counts["1m"] == 31
    assert counts["3m"] == 92
    assert counts["1y"] == 365
    assert counts["all"] in (14, 15)
    months = get_csv(alpha, f"{address}?format=csv&range=all")
    assert sum(int(row["volume"]) for row in months) == sum(1_000 + number for number in range(1, 400))
    assert alpha.get("/market/XS0000000000/").status_code == 404


def test_the_pages_cost_the_same_whatever_is_listed(
    quoted: Chain, alpha: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    from tests.factories.reference import SecurityFactory

    SecurityFactory.create_batch(20)
    alpha.get("/market/")
    # Besides session, user, membership, clock and menu: securities, last quotes not in Valkey, closes, the day, rates.
    with django_assert_max_num_queries(14):
        assert alpha.get("/market/").status_code == 200


def test_an_operator_takes_a_file_in(quoted: Chain, operator: Client, alpha: Client) -> None:
    from reference.models import DailyPrice

    text = b"security,date,open,high,low,close,volume\nBOND,2001-03-01,99,101,98,100,5\nBOND,2001-03-02,99,98,97,98,5\n"
    form = {"kind": "prices", "file": SimpleUploadedFile("prices.csv", text)}
    assert alpha.post("/market/upload/", form).status_code == 403
    form["file"] = SimpleUploadedFile("prices.csv", text)
    answer = operator.post("/market/upload/", form)
    assert answer.status_code == 200
    assert "price-range-broken" in answer.content.decode()
    assert DailyPrice.objects.filter(date=date(2001, 3, 1)).count() == 1
    broken = operator.post("/market/upload/", {"kind": "prices", "file": SimpleUploadedFile("x.csv", b"\xff")})
    assert broken.status_code == 422
    assert operator.post("/market/upload/", {"kind": "none"}).status_code == 422


def test_the_stream_is_for_who_is_logged_in_and_not_for_wsgi(quoted: Chain, alpha: Client, client: Client) -> None:
    assert client.get("/stream/quotes").status_code == 302
    assert alpha.get("/stream/quotes").status_code == 503
    assert alpha.post("/stream/quotes").status_code == 405


def test_a_spark_is_a_line_in_its_box() -> None:
    from reference.market_queries import draw_spark

    assert draw_spark([Decimal(1)]) == ""
    assert draw_spark([Decimal(1), Decimal(3), Decimal(2)]) == "M0.0 26.0L50.0 2.0L100.0 14.0"
    assert draw_spark([Decimal(5), Decimal(5)]) == "M0.0 26.0L100.0 26.0"


@pytest.mark.parametrize(
    ("last", "previous", "text"),
    [("10.5", "10", "+5.00 %"), ("9.5", "10", "\N{MINUS SIGN}5.00 %"), ("9.9999", "10", "0.00 %"), ("10", None, "")],
)
def test_a_change_is_written_with_its_sign(quoted: Chain, last: str, previous: str | None, text: str) -> None:
    from reference.market_data import SecurityQuote
    from reference.market_queries import TapeRow
    from reference.queries import directory

    security = directory().securities_by_symbol["SHARE"]
    price = Decimal(last)
    quote = SecurityQuote(security.id, quoted.at, price, price, price, 1, 1, 1, "TEST")
    close = None if previous is None else Decimal(previous)
    assert TapeRow(security, quote, close, "", is_today=True).change_text == text


def test_yesterdays_quote_stands_against_the_close_before_it(quoted: Chain, alpha: Client) -> None:
    from reference.market_data import SecurityQuote
    from reference.models import Security
    from reference.queries import directory
    from reference.quote_services import publish_quotes

    bond = Security.objects.get(symbol="BOND")
    at = datetime.combine(quoted.day - timedelta(days=1), quoted.at.timetz())
    prices = Decimal(99), Decimal(101), Decimal(100)
    publish_quotes(quotes=[SecurityQuote(bond.pk, at, prices[0], prices[1], prices[2], 1, 1, 1, "TEST")])
    assert directory().securities[bond.pk].percent
    assert f"{at:%d %b %Y}" in get_text(alpha, "/market/?q=BOND")
