"""Resolved reports as arrays, and their COPY into the tables: the way of all chunks but small or repeated ones."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import numpy as np
from django.db import IntegrityError, transaction
from numpy.typing import NDArray

from reference.bulk import Column, Scaled, copy_arrays, fetch_arrays
from trades.core.lifecycle import Side, TradeStatus
from trades.core.match_key import match_keys, short_text_as_int64
from trades.core.report import PRICE_DIGITS, ResolvedReport

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
REPORTED_ONCE = "trade_reported_once"

# The fields that the reports of both sides share, in the order in which they enter the key.
MATCHED_FIELDS = (
    "buyer_id", "seller_id", "security_id", "currency_id", "quantity_units", "amount_minor", "trade_date",
    "settlement_date", "cleared", "transaction_type", "trading_venue",
)  # fmt: skip

RESERVE_IDS_SQL = "SELECT nextval('trades_trade_id_seq') AS id FROM generate_series(1, {count})"

LOCKED_IN_SQL = """
    INSERT INTO trades_match (
        buy_trade_id, sell_trade_id, rule, buyer_account_id, seller_account_id, security_id, currency_id,
        quantity_units, amount_minor, settlement_date, cleared, matched_at, business_date)
    SELECT id, id, 'LOCKED_IN', buyer_account_id, seller_account_id, security_id, currency_id,
        quantity_units, amount_minor, settlement_date, cleared, received_at, business_date
    FROM trades_trade WHERE id = ANY(%s) ORDER BY id
"""


class CopiedTrades(NamedTuple):
    """The first of the new ids, and how many of the trades were locked in."""

    first_id: int
    locked_in: int


def trade_columns(*, rows: Sequence[ResolvedReport], public_ids: NDArray[np.void]) -> dict[str, Column]:
    """Return one or more resolved reports as columns of trades_trade, arrays (n,), with their match keys."""
    return complete_columns(fields=field_arrays(rows=rows), public_ids=public_ids)


def field_arrays(*, rows: Sequence[ResolvedReport]) -> dict[str, NDArray[Any]]:
    """Return the fields of one or more resolved reports as arrays (n,).

    The price is in millionths, an absent account is 0: the form of the fast lane.
    """
    return {
        name: _array(name=name, values=values)
        for name, values in zip(ResolvedReport._fields, zip(*rows, strict=True), strict=True)
    }


def _array(*, name: str, values: tuple[Any, ...]) -> NDArray[Any]:
    """Return one field of all reports as an array."""
    if name.endswith("_account_id"):
        return np.array([value or 0 for value in values], dtype=np.int64)
    if name == "price":
        return np.array([int(price.scaleb(PRICE_DIGITS)) for price in values], dtype=np.int64)
    if name.endswith("_date"):
        # By ordinals: numpy takes a microsecond to convert a date.
        return (np.array([day.toordinal() for day in values]) - EPOCH_ORDINAL).astype("datetime64[D]")
    if name == "cleared":
        return np.array(values, dtype=np.bool_)
    return np.array(values, dtype=np.bytes_ if isinstance(values[0], str) else np.int64)


def complete_columns(*, fields: Mapping[str, NDArray[Any]], public_ids: NDArray[np.void]) -> dict[str, Column]:
    """Return the fields of reports as columns of trades_trade, with their match keys and public ids."""
    return {
        **fields,
        "buyer_account_id": np.ma.masked_equal(fields["buyer_account_id"], 0),
        "seller_account_id": np.ma.masked_equal(fields["seller_account_id"], 0),
        "price": Scaled(fields["price"], PRICE_DIGITS),
        "match_key": match_keys_of(fields=fields),
        "public_id": public_ids,
    }


def match_keys_of(*, fields: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Return the match key of each report."""
    columns = [
        short_text_as_int64(texts=fields[name]) if fields[name].dtype.kind == "S" else fields[name].astype(np.int64)
        for name in MATCHED_FIELDS
    ]
    return match_keys(fields=np.stack(columns, axis=1))


def copy_trades(
    *, cursor: Any, columns: dict[str, Column], at: datetime, business_date: date, submission_id: int | None
) -> CopiedTrades | None:
    """COPY new trades, their places in the pool and the matches of those that are locked in.

    Returns None, with nothing written, where one of the reports was made before.
    """
    ids = fetch_arrays(cursor, RESERVE_IDS_SQL.format(count=len(columns["match_key"])))["id"]  # type: ignore[arg-type]
    count = len(ids)
    both: NDArray[np.bool_] = columns["side"] == Side.BOTH.encode()  # type: ignore[assignment]
    submissions = np.ma.masked_equal(np.full(count, submission_id or 0, dtype=np.int64), 0)
    rows = columns | {
        "id": ids,
        "status": np.where(both, TradeStatus.MATCHED.encode(), TradeStatus.NEW.encode()),
        "received_at": np.full(count, np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")),
        "business_date": np.full(count, np.datetime64(business_date, "D")),
        "submission_id": submissions,
    }
    try:
        with transaction.atomic():
            copy_arrays(cursor, table="trades_trade", columns=rows)
    except IntegrityError as error:
        if getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) != REPORTED_ONCE:
            raise
        return None
    alone = ids[~both]
    if len(alone):
        copy_arrays(
            cursor,
            table="trades_unmatchedtrade",
            columns={
                "trade_id": alone,
                "checked": np.zeros(len(alone), dtype=np.bool_),
                "difference": np.zeros(len(alone), dtype="S1"),
            },
        )
    if len(alone) < count:
        cursor.execute(LOCKED_IN_SQL, [ids[both].tolist()])
    return CopiedTrades(first_id=int(ids[0]), locked_in=count - len(alone))
