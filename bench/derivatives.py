"""Derivatives trades a second, beside what the live store itself can do, in one run.

    python -m bench.derivatives [--trades 10000] [--json]

Measured, from one process: the trade script alone (checked, booked and noted in the live store), one at a time and in
pipelines of a hundred; the whole trade, acknowledged by PostgreSQL, one at a time and in batches of 500. Beside them
the store's own figure: PING and SET through the same client, one at a time and in the same pipelines, which is what
redis-benchmark measures with its own client. The database is one of the bench's own; the live store is emptied.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import django

PIPELINE = 100
BATCH = 500
PRICE = Decimal("100.00")
DEPOSIT_MINOR = 10**12
SYMBOL = "BENCH-PERP"
TARGET_PER_SECOND = 2_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trades", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fmi.settings")
    django.setup()
    from bench.databases import create_database, drop_database, migrate_database

    create_database(name="bench_derivatives")
    try:
        from bench.databases import connected_to

        with connected_to(database="bench_derivatives"):
            migrate_database()
            figures = measure(trades=options.trades)
    finally:
        empty_store()
        drop_database(name="bench_derivatives")
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:48} {value:>12,}" if isinstance(value, int) else f"{name:48} {value!s:>12}")


def measure(*, trades: int) -> dict[str, Any]:
    """Measure everything in turn; return the figures by name."""
    from bench.market import load_market
    from clearing.live.store import live_store

    load_market()
    ids, at, business_date = open_market()
    store = live_store()
    figures: dict[str, Any] = {
        "PING a second, one at a time": rate(trades, lambda: each(trades, store.ping)),
        "SET a second, one at a time": rate(trades, lambda: each(trades, lambda: store.set("bench", "1"))),
        f"SET a second, pipelines of {PIPELINE}": rate(trades, lambda: set_in_pipelines(trades)),
        "script a second, one at a time": rate(trades, lambda: run_scripts(ids, at, business_date, trades, 1)),
        f"script a second, pipelines of {PIPELINE}": rate(
            trades, lambda: run_scripts(ids, at, business_date, trades, PIPELINE)
        ),
    }
    write_what_waits()
    figures |= {
        "trades acknowledged a second, one at a time": rate(
            trades // 20, lambda: trade(ids, at, business_date, trades // 20, 1)
        ),
        f"trades acknowledged a second, batches of {BATCH}": rate(
            trades, lambda: trade(ids, at, business_date, trades, BATCH)
        ),
    }
    script = figures["script a second, one at a time"]
    figures["script, one at a time, by SET"] = round(script / figures["SET a second, one at a time"], 3)
    figures["target a second"] = TARGET_PER_SECOND
    return figures


def rate(count: int, work: Callable[[], None]) -> int:
    """Return how many a second."""
    started = time.perf_counter()
    work()
    return round(count / (time.perf_counter() - started))


def each(count: int, work: Callable[[], Any]) -> None:
    """Do it so many times."""
    for _ in range(count):
        work()


def set_in_pipelines(count: int) -> None:
    """SET, a hundred in one round trip."""
    from clearing.live.store import live_store

    for _ in range(count // PIPELINE):
        pipeline = live_store().pipeline(transaction=False)
        for _ in range(PIPELINE):
            pipeline.set("bench", "1")
        pipeline.execute()


def open_market() -> tuple[list[int], Any, Any]:
    """List one contract; open accounts of ten members with money, and mark; return their ids, the time and date."""
    from bench.market import TRADE_DATE, noon_of, participant_codes
    from clearing.services.mark_derivatives import set_mark_prices
    from clearing.services.move_derivatives_money import deposit_margin
    from clearing.services.open_derivatives import NewContract, list_contracts, open_derivatives_account
    from reference.core.actor import SYSTEM
    from reference.queries import directory

    empty_store()
    at, ids = noon_of(day=TRADE_DATE), []
    for code in participant_codes()[:10]:
        account = open_derivatives_account(participant_id=directory().participant_ids[code], currency="USD", at=at)
        deposit_margin(account=account, amount_minor=DEPOSIT_MINOR, actor=SYSTEM, at=at, business_date=TRADE_DATE)
        ids.append(account.pk)
    list_contracts(contracts=[NewContract(SYMBOL, "USD", market_maker_id=ids[0])])
    set_mark_prices(prices={SYMBOL: PRICE}, actor=SYSTEM, at=at, business_date=TRADE_DATE)
    return ids, at, TRADE_DATE


def empty_store() -> None:
    """Take derivatives out of the live store; the product loads its own again from its history."""
    from clearing.live.store import live_store

    for pattern in ("position:*", "derivatives:*", "balances", "mark_prices", "bench"):
        for key in live_store().scan_iter(pattern):
            live_store().delete(key)


def pairs(ids: list[int], number: int) -> tuple[int, int]:
    """Return a buyer and a seller; each account buys as often as it sells."""
    return ids[number % len(ids)], ids[(number + 1 + number // len(ids) % (len(ids) - 1)) % len(ids)]


def run_scripts(ids: list[int], at: Any, business_date: Any, count: int, size: int) -> None:
    """Run the trade script, so many in one round trip; every one must be done."""
    from clearing.live.store import run_trades
    from clearing.models import DerivativeContract

    contract_id, seconds = DerivativeContract.objects.get(symbol=SYMBOL).pk, int(at.timestamp())
    for start in range(0, count, size):
        rows = []
        for number in range(start, start + size):
            buyer, seller = pairs(ids, number)
            nonce = str(uuid4())
            body = {
                "account": buyer, "client_id": "", "digest": "", "by": "bench", "at": at.isoformat(),
                "business_date": business_date.isoformat(), "contract": contract_id, "buyer": buyer, "seller": seller,
                "steps": 1, "ticks": 10_000, "record": told(account_id=buyer, at=at, business_date=business_date),
            }  # fmt: skip
            rows.append([nonce, SYMBOL, buyer, seller, 1, 10_000, 1, 0, seconds, nonce, json.dumps(body)])
        assert all(answer[0] == "DONE" for answer in run_trades(rows))


def told(*, account_id: int, at: Any, business_date: Any) -> dict[str, Any]:
    """Return a trade's audit record, as long as the service's."""
    from events.services.audit import tell_action
    from reference.core.actor import SYSTEM

    return tell_action(
        actor=SYSTEM, action="derivativesaccount.traded", at=at, business_date=business_date,
        object_type="derivativeaccount", object_id=account_id, summary=f"BUY 1 {SYMBOL} at 100.00",
        detail={
            "symbol": SYMBOL, "side": "BUY", "quantity": "1", "price": "100.00", "counterparty_id": account_id,
            "client_id": "",
        },
    )  # fmt: skip


def write_what_waits() -> None:
    """Write what the scripts noted, so that the next measurement begins with nothing waiting."""
    from clearing.services.commit_derivatives import commit_pending

    commit_pending()


def trade(ids: list[int], at: Any, business_date: Any, count: int, size: int) -> None:
    """Trade through the service, so many in one call; every one must be acknowledged."""
    from clearing.models import DerivativeTrade
    from clearing.services.trade_derivatives import TradeOrder, execute_trades
    from reference.core.actor import SYSTEM

    for start in range(0, count, size):
        orders = []
        for number in range(start, start + size):
            buyer, seller = pairs(ids, number)
            orders.append(TradeOrder(SYMBOL, buyer, "BUY", Decimal(1), PRICE, seller, f"{size}-{number}"))
        results = execute_trades(orders=orders, actor=SYSTEM, at=at, business_date=business_date)
        assert all(isinstance(result, DerivativeTrade) for result in results)


if __name__ == "__main__":
    main()
