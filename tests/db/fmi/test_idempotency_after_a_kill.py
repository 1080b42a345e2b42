"""A process is killed between an effect that commits by itself and its answer: the same key has the effect once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from clearing.live.store import apply_changes, run_trades
from clearing.models import BalanceMovement, DerivativeEvent, DerivativeTrade
from clearing.services import change_derivatives, trade_derivatives
from events.models import AuditRecord
from reference.api import idempotency
from reference.models import StoredAnswer
from tests.factories.chain import make_chain
from tests.factories.derivatives import BTC, Derivatives, clear_store, make_derivatives
from tests.factories.killed import die, die_after, run_killed
from tests.factories.market import login
from tests.factories.routing import Desk, assert_consistent, fresh, make_desk
from trades.services.orders import replace_order, withdraw_orders

pytestmark = pytest.mark.django_db(transaction=True)

Patch = Callable[[], None]
PATIENCE_SECONDS = 10


def before_storing() -> None:
    """Die with the effect committed and the answer not."""
    vars(idempotency)["store_answer"] = die


def before_the_venues() -> None:
    """Die with the wish committed and no venue asked."""
    vars(withdraw_orders)["carry_out_wishes"] = die
    vars(replace_order)["recheck_limits"] = _then_die_at_the_venues


def _then_die_at_the_venues(**terms: Any) -> Any:
    from trades.services.orders.limits import recheck_limits

    vars(replace_order)["carry_out_wishes"] = die
    return recheck_limits(**terms)


def before_the_history() -> None:
    """Die with the live store decided and nothing of it in the database."""
    vars(change_derivatives)["apply_changes"] = die_after(apply_changes)
    vars(trade_derivatives)["run_trades"] = die_after(run_trades)


def post(client: Client, path: str, body: dict[str, Any], key: str, **headers: str) -> Any:
    """Post under a key; wait where the killed process's connection still holds it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer: Any = client.post(
            f"/api/v1/{path}", body, content_type="application/json", headers={"Idempotency-Key": key, **headers}
        )
        in_flight = answer.status_code == 409 and answer.json()["code"] == "idempotency-key-in-flight"
        if not in_flight or time.monotonic() > deadline:
            return answer
        time.sleep(0.05)


def kill(client: Client, path: str, body: dict[str, Any], patch: Patch) -> None:
    """Post under the key "k" in a process that is killed; nothing is stored of an answer."""
    run_killed(patch=patch, act=lambda: post(client, path, body, "k"))
    assert not StoredAnswer.objects.filter(key="k").exists()


def assert_replayed(client: Client, path: str, body: dict[str, Any], answer: Any) -> None:
    """The repeat's own answer is kept like any other."""
    assert "Idempotent-Replayed" not in answer
    again = post(client, path, body, "k")
    assert (again["Idempotent-Replayed"], again.content) == ("true", answer.content)


class TestOrders:
    """Venues are asked between two transactions."""

    @pytest.fixture
    def desk(self) -> Desk:
        return make_desk()

    @pytest.fixture
    def alpha(self, desk: Desk) -> Client:
        return login(participant=desk.market.alpha, name="alpha")

    @pytest.mark.parametrize("patch", [before_storing, before_the_venues])
    def test_a_cancellation(self, desk: Desk, alpha: Client, patch: Patch) -> None:
        desk.offer("XAAA", 30, "9.98")
        order = desk.order(100)
        desk.route()
        desk.record()
        path, body = f"orders/{order.public_id}/cancel", {"reason": "Changed my mind."}
        tag = alpha.get(f"/api/v1/orders/{order.public_id}")["ETag"]
        kill(alpha, path, body, patch)
        if patch is before_storing:
            # Whoever asked on what it had read is told that this has changed, though by itself.
            assert post(alpha, path, body, "k", **{"If-Match": tag}).json()["code"] == "precondition-failed"
        other = post(alpha, path, {"reason": "Something else."}, "k")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
        answer = post(alpha, path, body, "k")
        assert (answer.status_code, answer.json()["status"], answer.json()["filled_quantity"]) == (200, "CLEARING", 30)
        assert AuditRecord.objects.filter(action="order.cancelled", object_id=order.pk).count() == 1
        assert_replayed(alpha, path, body, answer)
        # Under another key it is another wish, which comes too late.
        assert post(alpha, path, body, "another").json()["code"] == "order-not-open"
        assert_consistent()

    @pytest.mark.parametrize("patch", [before_storing, before_the_venues])
    def test_a_replacement_does_not_undo_a_newer_one(self, desk: Desk, alpha: Client, patch: Patch) -> None:
        order = desk.order(100)
        desk.route()
        path, body = f"orders/{order.public_id}/replace", {"quantity": 50}
        kill(alpha, path, body, patch)
        newer = post(alpha, path, {"quantity": 70}, "newer")
        assert (newer.status_code, newer.json()["quantity"]) == (200, 70)
        assert post(alpha, path, {"quantity": 51}, "k").json()["code"] == "idempotency-key-reused"
        answer = post(alpha, path, body, "k")
        assert (answer.status_code, answer.json()["quantity"], fresh(order).quantity_units) == (200, 70, 70)
        assert AuditRecord.objects.filter(action="order.replaced", object_id=order.pk).count() == 2
        assert_replayed(alpha, path, body, answer)
        assert_consistent()


class TestDerivatives:
    """The live store decides before the database has it."""

    @pytest.fixture
    def market(self) -> Iterator[Derivatives]:
        made = make_derivatives(make_chain(), money={"ALPHA": 10_000_00})
        made.chain.give("ALPHA", "EUR", 500_00)
        made.mark(BTC, "50000")
        yield made
        clear_store()

    @pytest.fixture
    def alpha(self, market: Derivatives) -> Client:
        return login(participant=market.accounts["ALPHA"].participant, name="alpha")

    @pytest.mark.parametrize("patch", [before_storing, before_the_history])
    @pytest.mark.parametrize("kind", ["deposit", "withdraw"])
    def test_money_moves_once(self, market: Derivatives, alpha: Client, patch: Patch, kind: str) -> None:
        account = market.accounts["ALPHA"]
        moved = BalanceMovement.objects.filter(account=account)
        before = moved.count()
        path, body = f"derivatives/{kind}", {"account_id": account.pk, "amount": "5.00"}
        kill(alpha, path, body, patch)
        assert post(alpha, path, body | {"amount": "6.00"}, "k").json()["code"] == "client-id-reused"
        answer = post(alpha, path, body, "k")
        assert (answer.status_code, moved.count()) == (201, before + 1), answer.content
        assert_replayed(alpha, path, body, answer)
        assert moved.count() == before + 1

    @pytest.mark.parametrize("patch", [before_storing, before_the_history])
    def test_a_trade_is_made_once(self, market: Derivatives, alpha: Client, patch: Patch) -> None:
        path = "derivatives/trade"
        body = {"account_id": market.accounts["ALPHA"].pk, "symbol": BTC, "side": "BUY", "quantity": "0.1",
                "price": "50000"}  # fmt: skip
        kill(alpha, path, body, patch)
        answer = post(alpha, path, body, "k")
        assert (answer.status_code, DerivativeTrade.objects.count()) == (201, 1), answer.content
        assert_replayed(alpha, path, body, answer)
        assert DerivativeTrade.objects.count() == 1

    @pytest.mark.parametrize("patch", [before_storing, before_the_history])
    def test_a_mark_price_never_goes_over_a_newer_one(self, market: Derivatives, patch: Patch) -> None:
        operator, path = login(name="operator"), "derivatives/mark-price"
        body = {"symbol": BTC, "price": "51000"}
        kill(operator, path, body, patch)
        assert post(operator, path, {"symbol": BTC, "price": "52000"}, "newer").status_code == 201
        assert post(operator, path, body | {"price": "51001"}, "k").json()["code"] == "idempotency-key-reused"
        answer = post(operator, path, body, "k")
        assert (answer.status_code, answer.json()["price"]) == (201, "51000"), answer.content
        assert_replayed(operator, path, body, answer)
        (live,) = operator.get("/api/v1/derivatives/mark-price").json()
        assert live["price"] == "52000.00"
        assert DerivativeEvent.objects.filter(kind="MARK").count() == 3
        assert AuditRecord.objects.filter(action="markprice.set").count() == 3
