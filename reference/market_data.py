"""Market data as other floors read it: last quotes, quotes as they stood at a moment, exchange rates.

The last quote of each security lies in Valkey, all of them in PostgreSQL. Valkey may be lost: what it does not
have is read from PostgreSQL and laid there again. Quotes come in through market_data_services.py.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from reference import quote_store
from reference.models import BASE_CURRENCY
from reference.queries import directory
from reference.refusals import Refusal

QUOTE_COLUMNS = "security_id, at, bid, ask, last, bid_units, ask_units, last_units, source"


class ExchangeRateMissing(Refusal):
    """A currency has no exchange rate on or before this date."""

    code = "exchange-rate-missing"


class SecurityQuote(NamedTuple):
    """A source's quote: prices in the security's quotation (bonds: percent of nominal), `at` aware business time."""

    security_id: int
    at: datetime
    bid: Decimal
    ask: Decimal
    last: Decimal
    bid_units: int
    ask_units: int
    last_units: int
    source: str

    @property
    def mid(self) -> Decimal:
        """Return the middle between bid and ask."""
        return (self.bid + self.ask) / 2


def latest_quote_sql(*, security: str, at: str) -> str:
    """Return a LATERAL subquery that gives the last quote of a security at or before a moment, by one index step.

    security, at: SQL expressions of the statement around it, constants of the program. In use:
    f"FROM orders o LEFT JOIN {latest_quote_sql(security='o.security_id', at='o.arrived_at')} quote ON true".
    Columns: those of QUOTE_COLUMNS and mid. Of two sources at the same moment it takes the last by name.
    """
    return f"""LATERAL (
        SELECT {QUOTE_COLUMNS}, (bid + ask) / 2 AS mid FROM reference_quote
        WHERE reference_quote.security_id = {security} AND reference_quote.at <= {at}
        ORDER BY reference_quote.at DESC, reference_quote.source DESC LIMIT 1
    )"""


def exchange_rate_sql(*, currency: str, on: str) -> str:
    """Return a LATERAL subquery with the column `value`: one unit of a currency in EUR on a date.

    No row where the currency has no rate yet: join it with LEFT JOIN … ON true, and refuse or report NULL.
    """
    return f"""LATERAL (
        SELECT 1::numeric AS value FROM reference_asset
        WHERE reference_asset.id = {currency} AND reference_asset.code = '{BASE_CURRENCY}'
        UNION ALL
        (SELECT value FROM reference_exchangerate
        WHERE reference_exchangerate.currency_id = {currency} AND reference_exchangerate.date <= {on}
        ORDER BY reference_exchangerate.date DESC LIMIT 1)
    )"""


LATEST_QUOTES_SQL = f"""
SELECT quote.* FROM unnest(%s::bigint[]) AS wanted(security_id)
JOIN {latest_quote_sql(security="wanted.security_id", at="coalesce(%s::timestamptz, 'infinity')")} quote ON true
"""
EXCHANGE_RATES_SQL = """
SELECT DISTINCT ON (currency_id) currency_id, value FROM reference_exchangerate
WHERE date <= %s ORDER BY currency_id, date DESC
"""


def last_quotes(*, security_ids: Iterable[int]) -> dict[int, SecurityQuote]:
    """Return security id -> its last quote; a security that never had one is left out.

    From Valkey, without a query; what Valkey does not have, or all where it does not answer, from PostgreSQL.
    """
    wanted = sorted(set(security_ids))
    found = quote_store.read(security_ids=wanted)
    quotes = {key: _quote_of(key, fields) for key, fields in found.items() if fields is not None}
    missing = [key for key in wanted if key not in found]
    if missing:
        stored = quotes_at(security_ids=missing)
        quotes |= stored
        # Inside a transaction what is read here may yet be rolled back.
        if not connection.in_atomic_block:
            quote_store.fill(
                quotes={key: fields_of(stored[key]) if key in stored else None for key in missing},
            )
    return quotes


def quotes_at(*, security_ids: Iterable[int], at: datetime | None = None) -> dict[int, SecurityQuote]:
    """Return security id -> its last quote at or before a moment (the last of all where None), from PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute(LATEST_QUOTES_SQL, [sorted(set(security_ids)), at])
        return {row[0]: SecurityQuote(*row[:9]) for row in cursor.fetchall()}


def exchange_rates(*, on: date) -> Mapping[int, Decimal]:
    """Return currency id -> what one unit is worth in EUR, the base currency, by the last rate up to a date.

    EUR itself is worth 1. A currency without a rate is left out: rate_of refuses it by name.
    """
    with connection.cursor() as cursor:
        cursor.execute(EXCHANGE_RATES_SQL, [on])
        rates = dict(cursor.fetchall())
    base = directory().currencies_by_code.get(BASE_CURRENCY)
    return rates | ({base.id: Decimal(1)} if base is not None else {})


def rate_of(*, rates: Mapping[int, Decimal], currency_id: int) -> Decimal:
    """Return a currency's rate among exchange_rates(). Raises ExchangeRateMissing."""
    rate = rates.get(currency_id)
    if rate is None:
        code = directory().currencies[currency_id].code
        raise ExchangeRateMissing(f"{code} has no exchange rate on or before this date.")
    return rate


def fields_of(quote: SecurityQuote) -> quote_store.Fields:
    """Return a quote as the store and the browser read it: prices as decimal text without trailing zeros."""
    security = directory().securities[quote.security_id]
    return {
        "isin": security.isin,
        "at": quote.at.isoformat(),
        "bid": price_text(quote.bid),
        "ask": price_text(quote.ask),
        "last": price_text(quote.last),
        "bid_units": quote.bid_units,
        "ask_units": quote.ask_units,
        "last_units": quote.last_units,
        "source": quote.source,
    }


def price_text(price: Decimal) -> str:
    """Write a price without trailing zeros."""
    return f"{price.normalize():f}"


def _quote_of(security_id: int, fields: quote_store.Fields) -> SecurityQuote:
    """Read a quote back from the store."""
    return SecurityQuote(
        security_id=security_id,
        at=datetime.fromisoformat(fields["at"]),
        bid=Decimal(fields["bid"]),
        ask=Decimal(fields["ask"]),
        last=Decimal(fields["last"]),
        bid_units=fields["bid_units"],
        ask_units=fields["ask_units"],
        last_units=fields["last_units"],
        source=fields["source"],
    )
