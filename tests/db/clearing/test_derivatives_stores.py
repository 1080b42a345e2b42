"""Two stores, one truth: real threads, a real Valkey flushed and killed, and the history that it is rebuilt from."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections

from clearing.live import store
from clearing.live.refusals import InsufficientMargin, LiveStateUnavailable
from clearing.live.store import live_store, read_pending, run_trades, take_snapshot
from clearing.models import BalanceMovement, DerivativeEvent, DerivativeTrade, PositionChange
from clearing.queries.derivatives import last_sequence, snapshot_of_history
from clearing.services.commit_derivatives import commit_pending, read_live, verify_live
from clearing.services.trade_derivatives import execute_trades
from fmi.embedded import start_valkey
from reference.core.actor import SYSTEM
from reference.refusals import Refusal
from tests.db.clearing.test_derivatives_trading import violations
from tests.factories.chain import make_chain
from tests.factories.derivatives import BTC, Derivatives, clear_store, make_derivatives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

TEN_THOUSAND = 10_000_00
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def market(transactional_db: None) -> Iterator[Derivatives]:
    """ALPHA with 10,000, BRAVO and CHARLIE with a hundred times that, committed for other threads to see."""
    made = make_derivatives(
        make_chain(), money={"ALPHA": TEN_THOUSAND, "BRAVO": 100 * TEN_THOUSAND, "CHARLIE": 100 * TEN_THOUSAND}
    )
    made.mark(BTC, "50000")
    yield made
    clear_store()


def agree() -> None:
    """Say that the live state is what the history adds up to, and that the history is sound."""
    assert read_live() == snapshot_of_history()
    assert violations() == []


def in_threads(work: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do the work in as many threads, all let go at once; return what each returned or was refused."""
    barrier = threading.Barrier(len(work))

    def run(one: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return one()
        except Refusal as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


@pytest.mark.parametrize("_", range(5))
def test_of_two_trades_that_together_exceed_the_margin_exactly_one_passes(market: Derivatives, _: int) -> None:
    results = in_threads([lambda: market.trade("ALPHA", "BUY", "0.6", "50000")] * 2)
    assert sorted(type(result).__name__ for result in results) == ["DerivativeTrade", "InsufficientMargin"]
    agree()


def test_many_threads_trade_no_more_than_the_margin_carries(market: Derivatives) -> None:
    results = in_threads([lambda: market.trade("ALPHA", "BUY", "0.09", "50000")] * 16)
    made = [result for result in results if isinstance(result, DerivativeTrade)]
    assert len(made) == 11
    assert all(isinstance(result, InsufficientMargin) for result in results if result not in made)
    assert {trade.pk for trade in made} == set(DerivativeTrade.objects.values_list("pk", flat=True))
    agree()


def test_one_client_id_in_many_threads_is_one_trade(market: Derivatives) -> None:
    results = in_threads([lambda: market.trade("ALPHA", "BUY", "0.1", "50000", client_id="ONE")] * 8)
    assert len({result.pk for result in results}) == 1
    assert DerivativeTrade.objects.count() == 1
    agree()


def test_trades_beside_marks_and_liquidations_keep_both_stores_in_step(market: Derivatives) -> None:
    def trade(code: str, side: str, other: str) -> int:
        done = 0
        for number in range(12):
            try:
                market.trade(code, side, "0.05", "50000", with_=other, client_id=f"{code}-{side}-{number}")
                done += 1
            except Refusal:
                continue
        return done

    def mark() -> int:
        return sum(market.mark(BTC, price) for price in ("47000", "52000", "46000", "54000", "50000"))

    results = in_threads(
        [
            lambda: trade("ALPHA", "BUY", "BRAVO"),
            lambda: trade("BRAVO", "SELL", "CHARLIE"),
            lambda: trade("CHARLIE", "BUY", "ALPHA"),
            mark,
        ]
    )
    assert not [result for result in results if isinstance(result, Refusal)]
    agree()


def test_a_flushed_store_is_rebuilt_to_the_cent(market: Derivatives) -> None:
    market.trade("ALPHA", "BUY", "0.333", "50000.01", with_="BRAVO")
    market.trade("ALPHA", "SELL", "0.111", "50100.07", with_="CHARLIE")
    market.mark(BTC, "45000.55")
    before = take_snapshot()
    live_store().flushall()
    assert take_snapshot() is None
    assert read_live() == before == snapshot_of_history()
    position = live_store().hgetall(f"position:{market.accounts['ALPHA'].pk}:{BTC}")
    assert (position["quantity"], position["entry_price"]) == ("222", "5000000")
    # The rebuilt state decides as the old one would have.
    with pytest.raises(InsufficientMargin):
        market.trade("ALPHA", "BUY", "5", "45000")
    agree()


def arguments(market: Derivatives, nonce: str, quantity: int = 100) -> list[Any]:
    """Return the script's arguments for a trade of ALPHA's with the market maker."""
    import json

    from clearing.models import DerivativeContract

    alpha, delta = market.accounts["ALPHA"].pk, market.accounts["DELTA"].pk
    body = {
        "account": alpha, "client_id": "", "digest": "", "by": "test", "at": market.chain.at.isoformat(),
        "business_date": market.chain.day.isoformat(), "contract": DerivativeContract.objects.get(symbol=BTC).pk,
        "buyer": alpha, "seller": delta, "steps": quantity, "ticks": 50_000_00,
    }  # fmt: skip
    at = int(market.chain.at.timestamp())
    return [nonce, BTC, alpha, delta, quantity, 50_000_00, 1, 0, at, nonce, json.dumps(body)]


ONE, TWO = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"


def test_what_was_decided_and_not_written_is_written_by_whoever_comes_next(market: Derivatives) -> None:
    (answer,) = run_trades([arguments(market, ONE)])
    assert answer[0] == "DONE"
    assert DerivativeTrade.objects.count() == 0
    verify_live()
    assert DerivativeTrade.objects.get().event.nonce.hex == ONE.replace("-", "")
    assert read_pending()[1] == []
    agree()


def test_an_event_written_and_not_forgotten_is_not_written_again(market: Derivatives, monkeypatch: Any) -> None:
    from clearing.services import commit_derivatives

    monkeypatch.setattr(commit_derivatives, "forget_pending", lambda *, up_to: None)
    run_trades([arguments(market, ONE)])
    commit_pending()
    assert len(read_pending()[1]) >= 1
    run_trades([arguments(market, TWO)])
    commit_pending()
    assert DerivativeTrade.objects.count() == 2
    monkeypatch.undo()
    commit_pending()
    assert read_pending()[1] == []
    agree()


def test_a_store_that_comes_back_with_an_old_memory_is_found_out(market: Derivatives) -> None:
    old: Any = live_store().dump("balances"), live_store().get("derivatives:sequence")
    market.trade("ALPHA", "BUY", "0.1", "50000")
    market.trade("ALPHA", "SELL", "0.1", "51000")
    live_store().restore("balances", 0, old[0], replace=True)
    live_store().set("derivatives:sequence", old[1])
    live_store().delete(f"position:{market.accounts['ALPHA'].pk}:{BTC}", "derivatives:pending")
    # It numbers a new trade as an old one.
    run_trades([arguments(market, ONE)])
    commit_pending()
    assert not DerivativeEvent.objects.filter(nonce=ONE).exists()
    agree()
    trade = market.trade("ALPHA", "BUY", "0.1", "50000")
    assert trade.event_id == last_sequence()
    agree()


def test_what_somebody_changed_by_hand_is_put_right_by_the_sweep(market: Derivatives) -> None:
    live_store().hincrby("balances", str(market.accounts["ALPHA"].pk), 1_000_000)
    assert verify_live() is False
    assert verify_live() is True
    agree()


def test_a_batch_answers_each_order_by_itself(market: Derivatives) -> None:
    orders = [market.order("BRAVO", "BUY", "0.01", "50000", client_id=f"B-{number}") for number in range(50)]
    orders += [market.order("ALPHA", "BUY", "9", "50000"), market.order("BRAVO", "BUY", "0", "50000")]
    results = execute_trades(orders=orders, actor=SYSTEM, at=market.chain.at, business_date=market.chain.day)
    assert [isinstance(result, DerivativeTrade) for result in results] == [True] * 50 + [False, False]
    again = execute_trades(orders=orders, actor=SYSTEM, at=market.chain.at, business_date=market.chain.day)
    assert [result.pk for result in again[:50]] == [result.pk for result in results[:50]]  # type: ignore[union-attr]
    assert DerivativeTrade.objects.count() == 50
    agree()


def test_a_valkey_killed_and_flushed_while_threads_trade_loses_and_doubles_nothing(
    market: Derivatives, tmp_path: Path, settings: Any
) -> None:
    tmp_path.chmod(0o711)
    server = start_valkey(directory=tmp_path / "valkey", throw_away=True)
    settings.REDIS_URL = server.url
    acknowledged: dict[str, int] = {}
    stopped = threading.Event()

    def trade(name: str) -> None:
        number = 0
        while not stopped.is_set():
            number += 1
            client_id = f"{name}-{number}"
            side = "BUY" if number % 2 else "SELL"
            for _ in range(20):
                try:
                    made = market.trade(name, side, "0.01", "50000", with_="DELTA", client_id=client_id)
                except LiveStateUnavailable:
                    continue
                acknowledged[client_id] = made.pk
                break
        connections.close_all()

    threads = [threading.Thread(target=trade, args=[name]) for name in ("BRAVO", "CHARLIE")]
    try:
        for thread in threads:
            thread.start()
        wait_for(lambda: len(acknowledged) >= 10)
        live_store().flushall()
        count = len(acknowledged)
        wait_for(lambda: len(acknowledged) >= count + 10)
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        time.sleep(0.5)
        server = restart(server, tmp_path)
        settings.REDIS_URL = server.url
        count = len(acknowledged)
        wait_for(lambda: len(acknowledged) >= count + 10)
        stopped.set()
        for thread in threads:
            thread.join(30)
        commit_pending()
        written = dict(DerivativeEvent.objects.filter(kind="TRADE").values_list("client_id", "trades__pk"))
        # What was acknowledged stands, each once; what was not acknowledged may stand, each once as well.
        assert acknowledged.items() <= written.items()
        assert len(written) == DerivativeTrade.objects.count()
        assert PositionChange.objects.count() == 2 * len(written)
        agree()
    finally:
        stopped.set()
        for thread in threads:
            thread.join(30)
        server.stop()


def restart(server: Any, directory: Path) -> Any:
    """Start another server in place of the killed one, with nothing in its memory."""
    return start_valkey(directory=directory / "second", throw_away=True)


def wait_for(reached: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def test_without_a_store_reading_says_so_and_nothing_is_changed(market: Derivatives, settings: Any) -> None:
    before = BalanceMovement.objects.count()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(LiveStateUnavailable):
        store.take_snapshot()
    with pytest.raises(LiveStateUnavailable):
        market.bring(market.accounts["BRAVO"], 100)
    assert BalanceMovement.objects.count() == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
