"""The limits of clients: what takes of them, what gives back, and that two orders never use the same last of one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, connection, connections, transaction

from ledger.models import Account
from ledger.services import open_accounts, post_entries
from reference.core.actor import SYSTEM
from reference.models import ExchangeRate, Security
from tests.factories.market import NOW, TODAY, Market, make_market
from tests.factories.ordering import make_ticket, place, place_order, quote
from tests.factories.trading import make_client
from trades.core.order_lifecycle import OrderStatus
from trades.models import Client, CreditUse, DailyUse, Order
from trades.refusals.orders import ReplacementRejected
from trades.services.orders.limits import recheck_limits, shrink_reservations
from trades.services.orders.step_orders import step_orders

THREADS = 40


@pytest.fixture
def market(db: None) -> Market:
    return make_market()


def used(client: Client) -> tuple[int, int]:
    """Return what a client uses of its credit and of today's limit."""
    credit = CreditUse.objects.filter(client=client).first()
    day = DailyUse.objects.filter(client=client, business_date=TODAY).first()
    return (credit.used_minor if credit else 0, day.ordered_minor + day.replaced_minor if day else 0)


def code_of(outcome: Any) -> str:
    return str(outcome.problems[0].code) if outcome.problems else str(outcome.outcome)


def give(account: Account, asset_id: int, amount: int) -> None:
    """Put an asset on an account, out of the CSD's own, which may go below zero here."""
    source = Account.objects.filter(name="ISSUANCE", kind=account.kind).first()
    if source is None:
        csd = account.__class__.objects.filter(participant__code="CSD").first()
        assert csd is not None
        open_accounts(participants=[(csd.participant_id, "CSD")], name="ISSUANCE", limit_minor=None)
        source = Account.objects.get(name="ISSUANCE", kind=account.kind)
    post_entries(
        source="OPENING",
        business_date=TODAY,
        at=NOW,
        source_ids=np.full(2, account.pk * 1_000_003 + asset_id, dtype=np.int64),
        accounts=np.array([account.pk, source.pk], dtype=np.int64),
        assets=np.full(2, asset_id, dtype=np.int64),
        amounts=np.array([amount, -amount], dtype=np.int64),
    )


def test_credit_is_taken_to_the_last_cent_and_given_back(market: Market) -> None:
    client = make_client(broker=market.alpha, credit_limit_minor=200_000)
    first = place_order(client=client, security=market.equity)
    second = place_order(client=client, security=market.equity)
    assert used(client) == (200_000, 200_000)
    (over,) = place(make_ticket(client=client, security=market.equity, quantity=1, limit_price=Decimal("0.01")))
    assert code_of(over) == "credit-limit-exceeded"
    step_orders(order_ids=[first.pk], status=OrderStatus.CANCELLED, at=NOW)
    assert used(client) == (100_000, 200_000)
    place_order(client=client, security=market.equity)
    step_orders(order_ids=[second.pk], status=OrderStatus.EXPIRED, at=NOW)
    assert used(client) == (100_000, 300_000)


def test_a_filled_purchase_holds_its_price_until_it_settles(market: Market) -> None:
    client = make_client(broker=market.alpha)
    order = place_order(client=client, security=market.equity)
    step_orders(order_ids=[order.pk], status=OrderStatus.ROUTING, at=NOW)
    Order.objects.filter(pk=order.pk).update(routed_units=100, filled_units=60, filled_minor=59_400)
    step_orders(order_ids=[order.pk], status=OrderStatus.PARTIALLY_FILLED, at=NOW)
    assert used(client)[0] == 100_000
    step_orders(order_ids=[order.pk], status=OrderStatus.CLEARING, at=NOW)
    assert used(client)[0] == 59_400
    step_orders(order_ids=[order.pk], status=OrderStatus.SETTLING, at=NOW)
    step_orders(order_ids=[order.pk], status=OrderStatus.SETTLED, at=NOW)
    assert used(client)[0] == 0


def test_the_day_limits_purchases_and_sales_together_and_begins_anew(market: Market) -> None:
    client = make_client(broker=market.alpha, daily_limit_minor=150_000, short_sale_allowed=True)
    place_order(client=client, security=market.equity)
    (over,) = place(make_ticket(client=client, security=market.equity, side="SELL", quantity=51))
    assert code_of(over) == "daily-limit-exceeded"
    place_order(client=client, security=market.equity, side="SELL", quantity=50)
    assert used(client) == (100_000, 150_000)
    tomorrow = TODAY.replace(day=TODAY.day + 1)
    place_order(client=client, security=market.equity, business_date=tomorrow)
    assert used(client) == (200_000, 150_000)


def test_a_set_uses_the_limit_in_its_order(market: Market) -> None:
    client = make_client(broker=market.alpha, credit_limit_minor=250_000)
    tickets = [make_ticket(client=client, security=market.equity) for _ in range(4)]
    outcomes = place(*tickets, make_ticket(client=client, security=market.equity, quantity=50))
    assert [code_of(each) for each in outcomes] == [
        "ACCEPTED", "ACCEPTED", "credit-limit-exceeded", "credit-limit-exceeded", "ACCEPTED",
    ]  # fmt: skip
    assert used(client) == (250_000, 250_000)


def test_sales_are_covered_by_what_the_account_holds_and_has_not_promised(market: Market) -> None:
    account = market.account(market.alpha)
    give(account, market.equity.pk, 100)
    first = make_client(broker=market.alpha)
    second = make_client(broker=market.alpha)
    order = place_order(client=first, security=market.equity, side="SELL", quantity=70)
    (over,) = place(make_ticket(client=second, security=market.equity, side="SELL", quantity=31))
    assert code_of(over) == "short-sale-not-allowed"
    place_order(client=second, security=market.equity, side="SELL", quantity=30)
    step_orders(order_ids=[order.pk], status=OrderStatus.CANCELLED, at=NOW)
    outcomes = place(
        *(make_ticket(client=first, security=market.equity, side="SELL", quantity=40) for _ in range(2)),
    )
    assert [code_of(each) for each in outcomes] == ["ACCEPTED", "short-sale-not-allowed"]


def test_margin_is_covered_by_cash_that_stands_for_nothing_else(market: Market) -> None:
    client = make_client(broker=market.alpha, margin_percent=Decimal("25"))
    ticket = make_ticket(client=client, security=market.equity)
    assert code_of(place(ticket)[0]) == "margin-not-covered"
    give(market.account(market.alpha, "CASH"), market.equity.currency_id, 40_000)
    place_order(client=client, security=market.equity)
    assert code_of(place(make_ticket(client=client, security=market.equity))[0]) == "margin-not-covered"
    # Another client of the same account: 25,000 of the 40,000 are spoken for.
    other = make_client(broker=market.alpha, margin_percent=Decimal("100"))
    assert code_of(place(make_ticket(client=other, security=market.equity, quantity=16))[0]) == "margin-not-covered"
    place_order(client=other, security=market.equity, quantity=15)


def test_a_market_order_needs_todays_quote(market: Market) -> None:
    client = make_client(broker=market.alpha)
    quote(security=market.equity, at=NOW.replace(day=NOW.day - 3))
    assert code_of(place(make_ticket(client=client, security=market.equity, order_type="MARKET"))[0]) == "no-quote"
    quote(security=market.equity)
    order = place_order(client=client, security=market.equity, order_type="MARKET")
    assert (order.protection_price, order.reserved_minor) == (Decimal("10.51"), 105_100)


def test_a_replacement_is_checked_and_reserves_before_and_frees_after(market: Market) -> None:
    client = make_client(broker=market.alpha, credit_limit_minor=300_000, daily_limit_minor=250_000)
    order = place_order(client=client, security=market.equity)
    terms: dict[str, Any] = {"at": NOW, "business_date": TODAY, "actor": SYSTEM}
    with transaction.atomic():
        recheck_limits(order_id=order.pk, quantity_units=200, limit_price=Decimal("11"), **terms)
    assert used(client) == (220_000, 220_000)
    for quantity, price, code in ((400, None, "credit-limit-exceeded"), (260, None, "daily-limit-exceeded")):
        with pytest.raises(ReplacementRejected) as refusal, transaction.atomic():
            recheck_limits(order_id=order.pk, quantity_units=quantity, limit_price=price, **terms)
        assert refusal.value.extra["errors"][0]["code"] == code
    assert used(client) == (220_000, 220_000)
    Order.objects.filter(pk=order.pk).update(quantity_units=50, limit_price=Decimal("9"))
    assert shrink_reservations(order_ids=[order.pk]) == 1
    assert used(client) == (45_000, 220_000)
    assert shrink_reservations(order_ids=[order.pk]) == 0


ATTACKS = [
    "UPDATE trades_credituse SET used_minor = 0",
    "UPDATE trades_credituse SET used_minor = used_minor + 1",
    "UPDATE trades_dailyuse SET ordered_minor = 0",
    "UPDATE trades_dailyuse SET replaced_minor = limit_minor",
    "UPDATE trades_dailyuse SET replaced_minor = -1",
    "DELETE FROM trades_credituse",
    "DELETE FROM trades_dailyuse",
    "TRUNCATE trades_credituse",
    "UPDATE trades_order SET reserved_minor = 100000000001",
    "UPDATE trades_order SET reserved_minor = -1",
    "UPDATE trades_order SET side = 'SELL'",
    "UPDATE trades_order SET ordered_minor = 0",
    "UPDATE trades_order SET credit_rate = 2",
    "UPDATE trades_order SET digest = ''",
    "UPDATE trades_order SET protection_price = 1",
    "UPDATE trades_order SET limit_price = NULL",
    "UPDATE trades_order SET status = 'SETTLED'",
    "UPDATE trades_order SET status = 'CANCELLED'",
    "UPDATE trades_order SET status = 'REJECTED', reserved_minor = 0",
    "UPDATE trades_order SET filled_units = quantity_units + 1, routed_units = quantity_units + 1",
    "UPDATE trades_order SET filled_minor = -1",
    "UPDATE trades_order SET expires_on = '2008-09-09'",
    "DELETE FROM trades_order",
    "TRUNCATE trades_order CASCADE",
    "UPDATE trades_orderstep SET note = 'x'",
    "DELETE FROM trades_orderstep",
    "INSERT INTO trades_credituse (client_id, used_minor, limit_minor) SELECT id, 5, 10 FROM trades_client"
    " WHERE id NOT IN (SELECT client_id FROM trades_credituse)",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_database_refuses(market: Market, attack: str) -> None:
    make_client(broker=market.bravo)
    place_order(client=make_client(broker=market.alpha), security=market.equity)
    with connection.cursor() as cursor:
        # A TRUNCATE is refused by its trigger only where no deferred check waits.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute(attack)


def test_raw_inserts_cannot_pass_a_limit_either(market: Market) -> None:
    client = make_client(broker=market.alpha, credit_limit_minor=150_000)
    order = place_order(client=client, security=market.equity)
    columns = [str(field.column) for field in Order._meta.concrete_fields]
    columns = [name for name in columns if name not in ("id", "recorded_at")]
    for change in ({}, {"status": "'FILLED'"}, {"filled_units": "1", "routed_units": "1"}, {"reserved_minor": "5",
                   "ordered_minor": "4"}):  # fmt: skip
        values = {name: name for name in columns} | {"public_id": "gen_random_uuid()", "client_order_id": "'again'"}
        copy = f"SELECT {', '.join((values | change)[name] for name in columns)} FROM trades_order WHERE id = %s"
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO trades_order ({', '.join(columns)}) {copy}", [order.pk])
    assert used(client) == (100_000, 100_000)


def run_together(work: Any, count: int) -> list[Any]:
    """Run a function in as many threads, each with a connection of its own, all at once."""
    barrier = Barrier(count)

    def run(number: int) -> Any:
        try:
            barrier.wait()
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"credit_limit_minor": 730_000}, "credit-limit-exceeded"),
        ({"daily_limit_minor": 730_000}, "daily-limit-exceeded"),
    ],
)
def test_of_forty_at_once_exactly_seven_fit(limits: dict[str, Any], code: str) -> None:
    market = make_market()
    client = make_client(broker=market.alpha, **limits)
    tickets = [make_ticket(client=client, security=market.equity) for _ in range(THREADS)]
    outcomes = run_together(lambda number: place(tickets[number])[0], THREADS)
    assert sorted(code_of(each) for each in outcomes) == ["ACCEPTED"] * 7 + [code] * 33
    assert Order.objects.filter(status="VALIDATED").count() == 7
    assert used(client) == (700_000, 700_000)


@pytest.mark.django_db(transaction=True)
def test_of_forty_sales_at_once_by_two_clients_of_one_account_exactly_seven_are_covered() -> None:
    market = make_market()
    give(market.account(market.alpha), market.equity.pk, 730)
    clients = [make_client(broker=market.alpha) for _ in range(2)]
    tickets = [make_ticket(client=clients[n % 2], security=market.equity, side="SELL") for n in range(THREADS)]
    outcomes = run_together(lambda number: place(tickets[number])[0], THREADS)
    assert sorted(code_of(each) for each in outcomes) == ["ACCEPTED"] * 7 + ["short-sale-not-allowed"] * 33


@pytest.mark.django_db(transaction=True)
def test_the_same_order_sent_forty_times_at_once_is_one_order() -> None:
    market = make_market()
    client = make_client(broker=market.alpha)
    ticket = make_ticket(client=client, security=market.equity)
    outcomes = run_together(lambda _: place(ticket)[0], THREADS)
    assert sorted(each.outcome for each in outcomes) == ["ACCEPTED"] + ["REPEATED"] * 39
    assert len({each.public_id for each in outcomes}) == 1
    assert used(client) == (100_000, 100_000)


@pytest.mark.django_db(transaction=True)
def test_placing_cancelling_and_filling_together_never_deadlock_nor_lose_a_cent() -> None:
    market = make_market()
    clients = [make_client(broker=market.alpha, credit_limit_minor=500_000) for _ in range(3)]

    def work(number: int) -> None:
        for turn in range(5):
            tickets = [make_ticket(client=each, security=market.equity) for each in clients[:: 1 - 2 * (number % 2)]]
            ids = [str(outcome.public_id) for outcome in place(*tickets) if outcome.outcome == "ACCEPTED"]
            mine = list(Order.objects.filter(public_id__in=ids).order_by("?").values_list("pk", flat=True))
            if (number + turn) % 3:
                step_orders(order_ids=mine, status=OrderStatus.CANCELLED, at=NOW)

    run_together(work, 8)
    for client in clients:
        held = sum(Order.objects.filter(client=client).values_list("reserved_minor", flat=True))
        assert used(client)[0] == held <= 500_000


def test_an_amount_in_another_currency_is_taken_at_its_rate(market: Market) -> None:
    dollar: Security = market.dollar_equity
    ExchangeRate.objects.create(currency_id=dollar.currency_id, date=TODAY, value=Decimal("0.7"), source="TEST")
    client = make_client(broker=market.alpha)
    order = place_order(client=client, security=dollar, quantity=33, limit_price=Decimal("1.01"))
    # 33.33 dollars are 23.331 euros, rounded up.
    assert (order.reserved_minor, order.credit_rate) == (2_334, Decimal("0.7"))
