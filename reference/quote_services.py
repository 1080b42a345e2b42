"""Writing quotes: into the history, and from there to the readers of the last ones."""

from collections.abc import Iterable, Sequence

from django.db import transaction

from reference import quote_store
from reference.core.calendar import BUSINESS_ZONE
from reference.market_data import SecurityQuote, fields_of, quotes_at
from reference.market_tables import QUOTES, write_rows
from reference.queries import directory
from reference.refusals import NaiveTime


def publish_quotes(*, quotes: Sequence[SecurityQuote]) -> int:
    """Write quotes and, once they are committed, publish the last of each security; return how many were new.

    One statement, whatever their number. A quote that stands already (security, moment, source) is left as it is
    and published again, so that what was cut off between both is done by doing it anew. Raises NaiveTime, and the
    database's IntegrityError for a quote that breaks its constraints: ingest_quotes names what is wrong with a line.
    """
    if not quotes:
        return 0
    if any(quote.at.tzinfo is None for quote in quotes):
        raise NaiveTime
    with transaction.atomic():
        rows = [(*quote[:8], quote.at.astimezone(BUSINESS_ZONE).date(), quote.source) for quote in quotes]
        written = write_rows(table=QUOTES, rows=rows, compare=False)
        publish_on_commit(quotes=quotes)
    return written.new


def publish_on_commit(*, quotes: Iterable[SecurityQuote]) -> None:
    """Publish the last quote of each security once the transaction is committed."""
    newest: dict[int, SecurityQuote] = {}
    for quote in quotes:
        known = newest.get(quote.security_id)
        if known is None or known.at < quote.at:
            newest[quote.security_id] = quote
    transaction.on_commit(lambda: _publish(newest.values()))


def republish_quotes() -> None:
    """Publish the last quote of every security again: what a store that did not answer has missed."""
    _publish(quotes_at(security_ids=directory().securities).values())


def _publish(quotes: Iterable[SecurityQuote]) -> None:
    quote_store.publish(quotes={quote.security_id: fields_of(quote) for quote in quotes})
