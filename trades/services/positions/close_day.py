"""Close the day's positions: every account's in every security, costed and valued, in one run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec
from django.db import connection, transaction

from reference.locks import take_lock
from reference.queries import directory
from trades.core.position_walk import Held
from trades.models import PositionRun
from trades.queries.position_moves import count_moves, read_moves
from trades.queries.positions import Key, find_base, methods_of, read_closes, read_held, roll_forward, value_held

POSITIONS_LOCK = "trades.positions"
BATCH = 5_000

POSITIONS_SQL = """
    INSERT INTO trades_position (run_id, account_id, security_id, currency_id, method, quantity_units, cost_minor,
        realised_minor, realised_day_minor, fees_minor, price, unrealised_minor, lot_units, lot_minor)
    SELECT %s, account_id, security_id, currency_id, method, quantity_units, cost_minor, realised_minor,
        realised_day_minor, fees_minor, price, unrealised_minor, lot_units, lot_minor
    FROM jsonb_to_recordset(%s::jsonb) AS p (
        place bigint, account_id bigint, security_id bigint, currency_id bigint, method text, quantity_units bigint,
        cost_minor bigint, realised_minor bigint, realised_day_minor bigint, fees_minor bigint, price numeric,
        unrealised_minor bigint, lot_units bigint[], lot_minor bigint[])
    ORDER BY place
"""


def close_day(*, at: datetime, business_date: date) -> int:
    """Work out every position at the close of a business date; return how many.

    A day before it that has grown since it was closed is closed anew first, with those after it: the last run of a
    date counts. Called twice, it does nothing the second time. Raises PositionAboveInt64.
    """
    with transaction.atomic():
        take_lock(name=POSITIONS_LOCK)
        base = find_base(before=business_date)
        later = PositionRun.objects.filter(business_date__gt=base.business_date, business_date__lt=business_date)
        for day in later.order_by("business_date").values_list("business_date", flat=True).distinct():
            _close(at=at, business_date=day)
        return _close(at=at, business_date=business_date)


def _close(*, at: datetime, business_date: date) -> int:
    """Write a run of a date, from the close before; nothing where one stands that knew as much and went on from it."""
    moved = count_moves(business_date=business_date)
    base = find_base(before=business_date)
    last = PositionRun.objects.filter(business_date=business_date).order_by("-pk").first()
    if last is not None and last.moves == moved and (base.run_id is None or base.run_id < last.pk):
        return 0
    before = read_held(base=base)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '256MB'")
    moves = read_moves(after=base.business_date, until=business_date)
    after = roll_forward(before=before, moves=moves, methods=methods_of())
    run = PositionRun.objects.create(business_date=business_date, at=at, moves=moved, positions=len(after))
    _write(run=run, before=before, after=after)
    return len(after)


def _write(*, run: PositionRun, before: Mapping[Key, Held], after: Mapping[Key, Held]) -> None:
    """Write the rows of a run, valued at the close."""
    source = directory()
    closes = read_closes(security_ids=sorted({key[1] for key in after}), on=run.business_date)
    rows: list[dict[str, Any]] = []
    for key in sorted(after):
        held, price = after[key], closes.get(key[1])
        security, currency = source.securities[key[1]], source.currencies[key[2]]
        earlier = before.get(key)
        rows.append(
            {
                "place": len(rows), "account_id": key[0], "security_id": key[1], "currency_id": key[2],
                "method": held.method, "quantity_units": held.quantity_units, "cost_minor": held.cost_minor,
                "realised_minor": held.realised_minor,
                "realised_day_minor": held.realised_minor - (earlier.realised_minor if earlier else 0),
                "fees_minor": held.fees_minor, "price": price,
                "unrealised_minor": None if price is None else value_held(
                    held=held, price=price, security=security, currency=currency
                ),
                "lot_units": [lot.quantity_units for lot in held.lots],
                "lot_minor": [lot.cost_minor for lot in held.lots],
            }
        )  # fmt: skip
    with connection.cursor() as cursor:
        for start in range(0, len(rows), BATCH):
            cursor.execute(POSITIONS_SQL, [run.pk, msgspec.json.encode(rows[start : start + BATCH]).decode()])
