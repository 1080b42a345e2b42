"""The blotter, one order's page, the ticket, best execution: what they say, and to whom."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client as Browser
    from django.test import RequestFactory

    from tests.factories.chain import Chain
    from trades.models import Client, Order


@pytest.fixture
def buyer(chain: Chain) -> Client:
    from tests.factories.executing import make_buyer
    from trades.queries.held_books import forget_books

    forget_books()
    return make_buyer(chain)


@pytest.fixture
def bought(chain: Chain, buyer: Client) -> Order:
    from tests.factories.executing import make_executed

    return make_executed(chain, buyer, reference="B-1", parts=3)


def test_the_blotter_shows_how_far_an_order_is(bought: Order, operator: Browser) -> None:
    text = get_text(operator, "/orders/")
    for words in ("B-1", "BUYER", "STOCK", "30 of 30", "10.00", "Filled"):
        assert words in text, words
    assert "B-1" not in get_text(operator, "/orders/?view=open")
    assert "B-1" not in get_text(operator, "/orders/?view=rejected")
    assert "B-1" in get_text(operator, "/orders/?view=all&client=buyer&security=STOCK")
    assert "B-1" not in get_text(operator, "/orders/?view=all&side=SELL")


def test_the_blotter_opens_on_what_still_works(bought: Order, operator: Browser, alpha: Browser, chain: Chain) -> None:
    from reference.models import BusinessClock
    from trades.models import Order

    alpha.post("/orders/new/", TICKET | {"client_order_id": "B-2"})
    assert Order.objects.get(client_order_id="B-2").status == "VALIDATED"
    text = get_text(operator, "/orders/")
    assert text.index("B-2") < text.index("Done today") < text.index("B-1")
    assert "Working 2 Open 1 Today 2 Rejected today 0 All" in text
    BusinessClock.objects.update(business_date=chain.day + timedelta(days=1))
    text = get_text(operator, "/orders/")
    assert "B-2" in text
    assert "B-1" not in text
    assert "Working 1 Open 1 Today 0" in text
    assert {row["client_order_id"] for row in get_csv(operator, "/orders/?format=csv")} == {"B-2"}


def test_the_csv_is_the_filtered_list(bought: Order, alpha: Browser, bravo: Browser) -> None:
    (row,) = get_csv(alpha, "/orders/?view=all&format=csv")
    assert (row["client_order_id"], row["filled"], row["average_price"]) == ("B-1", "30", "10.0000")
    assert get_csv(bravo, "/orders/?view=all&format=csv") == []


def test_an_orders_page_tells_its_life_and_links_its_trades(bought: Order, operator: Browser, chain: Chain) -> None:
    from clearing.services.follow_orders import follow_orders
    from trades.models import Trade

    chain.novate()
    follow_orders(at=chain.at)
    text = get_text(operator, f"/orders/{bought.public_id}/")
    for words in (
        "Buy 30 STOCK at 10.00 or better",
        "Received from BUYER",
        "30 to XAAA",
        "10 at 10 on XAAA",
        "Cleared",
    ):
        assert words in text, words
    told = [text.index(words) for words in ("Passed the checks", "10 at 10 on XAAA", "Executed; its trades", "the CCP")]
    assert told == sorted(told)
    trade = Trade.objects.get(trade_id="B-1-0")
    page = operator.get(f"/orders/{bought.public_id}/").content.decode()
    assert f"/trades/{trade.public_id}/" in page
    assert f"/orders/{bought.public_id}/" in operator.get(f"/trades/{trade.public_id}/").content.decode()


def test_another_brokers_order_is_not_found(bought: Order, bravo: Browser, alpha: Browser) -> None:
    from trades.models import Trade

    address = f"/orders/{bought.public_id}/"
    assert alpha.get(address).status_code == 200
    for path in ("", "cancel/", "replace/"):
        answer = bravo.post(address + path) if path else bravo.get(address)
        assert answer.status_code == 404, path
    trade = Trade.objects.get(trade_id="B-1-0")
    assert address not in bravo.get(f"/trades/{trade.public_id}/").content.decode()
    assert "BUYER" not in get_text(bravo, "/orders/?view=all")
    assert "BUYER" not in get_text(bravo, "/best-execution/?by=client")


TICKET = {
    "client_order_id": "T-1", "client": "BUYER", "security": "STOCK", "side": "BUY", "quantity": "100",
    "order_type": "LIMIT", "limit_price": "10.00", "time_in_force": "DAY",
}  # fmt: skip


def test_a_ticket_becomes_an_order(buyer: Client, alpha: Browser) -> None:
    answer = alpha.post("/orders/new/", TICKET)
    assert answer.status_code == 302
    text = get_text(alpha, answer.headers["Location"])
    assert "Buy 100 STOCK at 10.00 or better" in text
    assert "Checked" in text
    again = alpha.post("/orders/new/", TICKET)
    assert again.headers["Location"] == answer.headers["Location"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quantity": "many"}, "quantity"),
        ({"limit_price": ""}, "limit_price"),
        ({"client": "NOBODY"}, "client"),
        ({"security": "NOTHING"}, "security"),
        ({"expires_on": "2008-12-01"}, "expires_on"),
    ],
)
def test_what_is_wrong_stands_at_its_field(buyer: Client, alpha: Browser, changes: dict[str, str], field: str) -> None:
    answer = alpha.post("/orders/new/", TICKET | changes)
    assert answer.status_code == 422
    assert set(answer.context["errors"]) == {field}
    assert answer.context["values"]["client_order_id"] == "T-1"


def test_an_order_above_the_limit_stands_as_rejected_and_says_why(chain: Chain, buyer: Client, alpha: Browser) -> None:
    from tests.factories.trading import make_client

    make_client(
        broker=buyer.broker, account=buyer.settlement_account, code="POOR", credit_limit_minor=99_999,
        default_currency_id=buyer.default_currency_id,
    )  # fmt: skip
    answer = alpha.post("/orders/new/", TICKET | {"client": "POOR"})
    text = get_text(alpha, answer.headers["Location"])
    assert "Rejected: credit-limit-exceeded" in text
    assert "takes 1,000.00 of the credit limit" in text
    assert "credit-limit-exceeded" in {row["refusal_code"] for row in get_csv(alpha, "/orders/?format=csv")}


def test_the_market_beside_the_ticket_is_of_what_is_chosen(buyer: Client, alpha: Browser, bravo: Browser) -> None:
    address = "/orders/new/?client=BUYER&security=STOCK"
    fragment = alpha.get(address, headers={"HX-Request": "true"}).content.decode()
    for words in ("Market in STOCK", "9.99", "10.01", "Limits of BUYER"):
        assert words in fragment, words
    assert "<form" not in fragment
    assert "Limits of" not in bravo.get(address, headers={"HX-Request": "true"}).content.decode()


def test_an_auditor_reads_and_enters_nothing(bought: Order, auditor: Browser) -> None:
    assert "B-1" in get_text(auditor, "/orders/")
    assert auditor.get("/orders/new/").status_code == 403
    assert auditor.post("/orders/new/", TICKET).status_code == 403
    for path in ("cancel", "replace"):
        assert auditor.post(f"/orders/{bought.public_id}/{path}/").status_code == 403


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ({"quantity": "40", "limit_price": "9.9"}, (40, None)),
        ({"quantity": "30", "limit_price": "9.8"}, (None, Decimal("9.8"))),
        ({"quantity": "40", "limit_price": ""}, (40, None)),
    ],
)
def test_a_replacement_is_of_what_was_changed_alone(
    typed: dict[str, str], sent: tuple[int | None, Decimal | None], rf: RequestFactory
) -> None:
    from trades.pages.order_acts import read_terms
    from trades.refusals.orders import MalformedOrder

    shown = {"shown_quantity": "30", "shown_limit_price": "9.9"}
    assert read_terms(rf.post("/", typed | shown)) == sent
    with pytest.raises(MalformedOrder, match="Neither"):
        read_terms(rf.post("/", {"quantity": "30", "limit_price": "9.9"} | shown))


def test_best_execution_reckons_slippage_fees_and_fill_ratio(bought: Order, operator: Browser) -> None:
    """300.00 bought at the middle; 2 cents of fees on each 100.00 are 2 bp."""
    (row,) = get_csv(operator, "/best-execution/?by=client&format=csv")
    assert (row["code"], row["orders"], row["fills"], row["value_minor"]) == ("BUYER", "1", "3", "30000")
    assert (float(row["slippage_bp"]), float(row["fees_bp"]), float(row["fill_ratio"])) == (0.0, 2.0, 1.0)
    text = get_text(operator, "/best-execution/")
    assert "XAAA" in text


def test_slippage_of_a_sale_below_the_middle_is_a_cost(chain: Chain, buyer: Client, operator: Browser) -> None:
    """Sold at 10.00 when the middle was 10.10: 100 of 10,100 basis points."""
    from reference.models import Security
    from tests.factories.executing import make_executed
    from tests.factories.ordering import quote

    chain.move_to(chain.day, 10, 30)
    quote(security=Security.objects.get(symbol="STOCK"), bid="10.09", ask="10.11", at=chain.at)
    make_executed(chain, buyer, reference="S-1", parts=1, side="SELL")
    (row,) = get_csv(operator, "/best-execution/?by=order&format=csv")
    assert float(row["slippage_bp"]) == pytest.approx(10_000 * 0.10 / 10.10)
    assert row["slippage_minor"] == "100"
    assert float(row["all_in_bp"]) == pytest.approx(10_000 * 0.10 / 10.10 + 2)


def test_the_report_is_the_same_in_the_api(bought: Order, operator: Browser, bravo: Browser) -> None:
    day = f"since={bought.business_date}&until={bought.business_date}"
    document = operator.get(f"/api/v1/best-execution?by=venue&{day}").json()
    (row,) = document["rows"]
    assert (row["code"], row["value"], row["fees"], row["fees_bp"]) == ("XAAA", "300.00", "0.06", 2.0)
    assert bravo.get(f"/api/v1/best-execution?{day}").json()["rows"] == []
    assert operator.get("/api/v1/best-execution?by=mood").status_code == 400
    assert operator.get("/api/v1/best-execution?hour=1").status_code == 400
