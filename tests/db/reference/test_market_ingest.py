"""Taking in market data: good lines kept, bad ones refused by name with their line, facts never rewritten."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference import quote_store
from reference.core.calendar import BUSINESS_ZONE
from reference.market_data import last_quotes
from reference.market_ingest import Ingested, MarketSourceInvalid, ingest_market_data, read_csv
from reference.market_lines import LINE_KINDS, MarketLineMalformed
from reference.models import DailyPrice, ExchangeRate, Quote, Security
from reference.services import set_business_clock
from tests.factories.reference import CurrencyFactory, SecurityFactory

pytestmark = pytest.mark.django_db

AT = datetime(2008, 9, 8, 10, 0, tzinfo=BUSINESS_ZONE)
QUOTE = {"security": "SHARE", "at": "2008-09-08T09:30:00+02:00", "bid": "100", "ask": "100.5", "last": "100.25"}
PRICE = {
    "security": "SHARE", "date": "2008-09-05", "open": "99", "high": "101", "low": "98", "close": "100", "volume": "7",
}  # fmt: skip
RATE = {"currency": "USD", "date": "2008-09-05", "value": "0.7009"}
TABLES = {"quotes": Quote, "prices": DailyPrice, "exchange-rates": ExchangeRate}
GOOD = {"quotes": QUOTE, "prices": PRICE, "exchange-rates": RATE}


@pytest.fixture(autouse=True)
def share() -> Security:
    quote_store.forget()
    CurrencyFactory.create(code="USD")
    return SecurityFactory.create(symbol="SHARE")


def ingest(kind: str, *lines: Any) -> Ingested:
    return ingest_market_data(kind=kind, lines=enumerate(lines, start=1), source="TEST", at=AT)


def refusals(outcome: Ingested) -> list[tuple[int, str]]:
    return [(line, refusal.code) for line, refusal in outcome.refused]


@pytest.mark.parametrize("kind", sorted(LINE_KINDS))
def test_the_good_line_is_good_and_twice_is_no_error(kind: str) -> None:
    first = ingest(kind, GOOD[kind], dict(GOOD[kind]))
    assert (first.accepted, first.repeated, first.refused) == (1, 1, [])
    again = ingest(kind, GOOD[kind])
    assert (again.accepted, again.repeated, again.refused) == (0, 1, [])
    assert TABLES[kind].objects.count() == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("quotes", {"last": "100.3"}), ("prices", {"close": "99.5"}), ("exchange-rates", {"value": "0.7"})],
)
def test_other_content_under_a_key_is_refused_and_changes_nothing(kind: str, changes: dict[str, str]) -> None:
    together = ingest(kind, GOOD[kind], GOOD[kind] | changes)
    assert (together.accepted, refusals(together)) == (1, [(2, "market-data-differs")])
    before = list(TABLES[kind].objects.values_list())  # type: ignore[attr-defined]
    later = ingest(kind, GOOD[kind] | changes, GOOD[kind])
    assert (later.accepted, later.repeated) == (0, 0)
    assert refusals(later) == [(1, "market-data-differs"), (2, "market-data-differs")]
    assert list(TABLES[kind].objects.values_list()) == before  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        ("quotes", {"security": "NOBODY"}, "unknown-security"),
        ("quotes", {"bid": "100.6"}, "quote-crossed"),
        ("quotes", {"bid": "0"}, "market-figure-invalid"),
        ("quotes", {"bid": "-1"}, "market-figure-invalid"),
        ("quotes", {"bid": "NaN"}, "market-figure-invalid"),
        ("quotes", {"bid": "1e2"}, "market-figure-invalid"),
        ("quotes", {"bid": "100.0000001"}, "market-figure-invalid"),
        ("quotes", {"ask": "1000000000000"}, "market-figure-invalid"),
        ("quotes", {"last": True}, "market-figure-invalid"),
        ("quotes", {"last": ["100"]}, "market-figure-invalid"),
        ("quotes", {"bid_units": "1.5"}, "market-figure-invalid"),
        ("quotes", {"bid_units": -1}, "market-figure-invalid"),
        ("quotes", {"bid_units": "9" * 19}, "market-figure-invalid"),
        ("quotes", {"at": "2008-09-08T10:00:01+02:00"}, "quote-from-the-future"),
        ("quotes", {"at": "2008-09-08T09:30:00"}, "naive-time"),
        ("quotes", {"at": "2008-09-31T09:30:00Z"}, "market-moment-invalid"),
        ("quotes", {"at": "yesterday"}, "market-moment-invalid"),
        ("quotes", {"at": "1850-01-01T00:00:00Z"}, "date-outside-calendar"),
        ("quotes", {"at": ""}, "market-line-malformed"),
        ("quotes", {"last": None}, "market-line-malformed"),
        ("quotes", {"mid": "100"}, "market-line-malformed"),
        ("prices", {"low": "99.5"}, "price-range-broken"),
        ("prices", {"high": "99.5"}, "price-range-broken"),
        ("prices", {"volume": "x"}, "market-figure-invalid"),
        ("prices", {"date": "05.09.2008"}, "market-moment-invalid"),
        ("prices", {"adjusted_close": "0"}, "market-figure-invalid"),
        ("exchange-rates", {"currency": "EUR"}, "base-currency-rate"),
        ("exchange-rates", {"currency": "XXX"}, "unknown-currency"),
        ("exchange-rates", {"value": "0.12345678901"}, "market-figure-invalid"),
    ],
)
def test_a_bad_line_is_refused_by_name_and_the_others_are_kept(kind: str, changes: dict[str, Any], code: str) -> None:
    CurrencyFactory.create(code="EUR")
    outcome = ingest(kind, GOOD[kind] | changes, GOOD[kind], None)
    assert refusals(outcome) == [(1, code), (3, "market-line-malformed")]
    assert outcome.accepted == 1


def test_taken_in_quotes_are_published(share: Security, django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    later = QUOTE | {"at": "2008-09-08T09:31:00+02:00", "bid": "100.1"}
    with django_capture_on_commit_callbacks(execute=True):
        ingest("quotes", later, QUOTE)
    fields = quote_store.read(security_ids=[share.pk])[share.pk]
    assert fields is not None
    assert (fields["bid"], fields["source"]) == ("100.1", "TEST")
    assert last_quotes(security_ids=[share.pk])[share.pk].bid == Decimal("100.1")


def test_another_source_may_say_something_else_of_the_same_moment() -> None:
    ingest("quotes", QUOTE)
    other = ingest_market_data(kind="quotes", lines=[(1, QUOTE | {"bid": "99"})], source="OTHER", at=AT)
    assert other.accepted == 1


@pytest.mark.parametrize("source", ["", "a b", "x" * 17, "a\x00b", "Ü-'"])
def test_a_source_has_a_plain_name(source: str) -> None:
    with pytest.raises(MarketSourceInvalid):
        ingest_market_data(kind="quotes", lines=[(1, QUOTE)], source=source, at=AT)


def test_a_csv_file_is_numbered_as_an_editor_numbers_it() -> None:
    text = "\ufeffcurrency,date,value\nUSD,2008-09-05,0.7\n\nUSD,2008-09-08\nUSD,2008-09-08,0.7,1\nUSD,2008-09-09,0.7\n"
    outcome = ingest_market_data(kind="exchange-rates", lines=read_csv(text), source="FILE", at=AT)
    assert (outcome.accepted, refusals(outcome)) == (2, [(4, "market-line-malformed"), (5, "market-line-malformed")])


@pytest.mark.parametrize("text", ["", "\n", "a,a\n1,2\n", "a,\x00\n", 'a,b\n"x"y,1\n'])
def test_a_file_that_is_no_csv_is_refused(text: str) -> None:
    with pytest.raises(MarketLineMalformed):
        list(read_csv(text))


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.decimals().map(str)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(kind=st.sampled_from(sorted(LINE_KINDS)), data=st.data())
def test_whatever_comes_is_taken_or_refused(kind: str, data: st.DataObject) -> None:
    names = st.sampled_from(sorted(LINE_KINDS[kind].fields)) | st.text(max_size=5)
    lines = data.draw(
        st.lists(values | st.dictionaries(names, values, max_size=3).map(lambda d: GOOD[kind] | d), max_size=4)
    )
    outcome = ingest(kind, *lines)
    assert outcome.accepted + outcome.repeated + len(outcome.refused) == len(lines)


def test_the_command_takes_a_file_in_and_says_what_it_refused(tmp_path: Path) -> None:
    set_business_clock(business_date=AT.date(), at=AT)
    path = tmp_path / "rates.csv"
    path.write_text("currency,date,value\nUSD,2008-09-05,0.7\nXXX,2008-09-05,0.7\n")
    out, errors = StringIO(), StringIO()
    with pytest.raises(CommandError, match="1 lines were refused"):
        call_command("ingest_market_data", "exchange-rates", str(path), stdout=out, stderr=errors)
    assert "1 new, 0 as they stood, 1 refused" in out.getvalue()
    assert "line 3: unknown-currency" in errors.getvalue()
    with pytest.raises(CommandError, match="No such file"):
        call_command("ingest_market_data", "quotes", str(tmp_path / "none.csv"))


def test_a_long_file_is_taken_in_by_pieces() -> None:
    start = AT - timedelta(days=20)
    lines = ["security,at,bid,ask,last"] + [
        f"SHARE,{(start + timedelta(seconds=n)).isoformat()},100,100.5,{100 + n % 50 / 100:.2f}" for n in range(25_000)
    ]
    outcome = ingest_market_data(kind="quotes", lines=read_csv("\n".join(lines)), source="FILE", at=AT)
    assert (outcome.accepted, outcome.refused) == (25_000, [])
    assert Quote.objects.count() == 25_000
