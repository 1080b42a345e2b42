"""The pages of corporate actions: announced by the operator, seen by all, entitlements by their own; the API too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

API = "/api/v1/settlement/corporate-actions"
# The small market's clock stands on Wednesday 2008-09-10.
DATES = {"ex_date": "2008-09-11", "record_date": "2008-09-12", "payment_date": "2008-09-16"}


def form(chain: Chain, **changes: object) -> dict[str, object]:
    return {"kind": "DIVIDEND", "security": "STOCK", "rate": "1.25", **DATES} | changes


@pytest.fixture
def paid(operator: Client, chain: Chain) -> str:
    """A dividend of 1.25 on STOCK, announced, recorded and paid; GL lacks it and is claimed on. Its number."""
    from datetime import date

    from settlement.services.pay_corporate_actions import pay_corporate_actions
    from settlement.services.record_corporate_actions import record_corporate_actions

    address = operator.post("/corporate-actions/new/", form(chain))["Location"]
    chain.move_to(date(2008, 9, 12), 18)
    record_corporate_actions(business_date=chain.day, at=chain.at)
    chain.move_to(date(2008, 9, 16))
    pay_corporate_actions(business_date=chain.day, at=chain.at)
    return address


def test_no_action_says_so(operator: Client) -> None:
    assert "No corporate action here" in get_text(operator, "/corporate-actions/")
    assert operator.get("/corporate-actions/1/").status_code == 404
    assert operator.get(f"/corporate-actions/{10**30}/").status_code == 404


def test_the_operator_announces_and_cancels(operator: Client, chain: Chain) -> None:
    address = operator.post("/corporate-actions/new/", form(chain))["Location"]
    text = get_text(operator, address)
    assert "1.25 EUR a unit" in text
    assert "Not recorded yet" in text
    assert "1.25 EUR a unit" in get_text(operator, "/corporate-actions/?kind=DIVIDEND&status=ANNOUNCED")
    answer = operator.post(f"{address}cancel/", follow=True)
    assert "nobody is entitled to anything" in answer.content.decode()
    answer = operator.post(f"{address}cancel/", follow=True)
    assert "CANCELLED already" in answer.content.decode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"security": "NONE"}, "No security has the ISIN"),
        ({"rate": "much"}, "A valid number is required"),
        ({"kind": "COUPON"}, "A coupon is paid on bonds"),
        ({"ex_date": "2008-09-10"}, "announced before its ex date"),
        ({"payment_date": "2008-09-14"}, "weekend or a holiday"),
        ({"record_date": ""}, "This field is required"),
    ],
)
def test_a_form_that_is_wrong_says_where(operator: Client, chain: Chain, change: dict[str, str], says: str) -> None:
    answer = operator.post("/corporate-actions/new/", form(chain, **change))
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert 'value="2008-09-16"' in answer.content.decode() or "payment_date" in change


def test_a_paid_dividend_is_seen_by_all_its_amounts_by_their_own(
    operator: Client, alpha: Client, delta: Client, paid: str
) -> None:
    everyone, own = get_csv(operator, f"{paid}?format=csv"), get_csv(alpha, f"{paid}?format=csv")
    assert own == [row for row in everyone if row["participant"] == "ALPHA"]
    assert 0 < len(own) < len(everyone)
    assert get_csv(delta, f"{paid}?format=csv") == []
    claims = get_csv(operator, f"{paid}?show=claims&format=csv")
    assert claims == get_csv(delta, f"{paid}?show=claims&format=csv")
    assert [(row["owes"], row["quantity"], row["amount"]) for row in claims] == [("DELTA-SEC-HOUSE", "5", "625")]
    assert "6.25" in get_text(delta, f"{paid}?show=claims")
    assert "corporate action" in get_text(alpha, "/ledger/accounts/ALPHA-CASH-HOUSE/")
    listed = get_csv(alpha, "/corporate-actions/?format=csv")
    assert [row["total"] for row in listed] == [str(sum(int(row["amount"]) for row in own))]


def test_others_may_not_announce(alpha: Client, auditor: Client, chain: Chain, paid: str) -> None:
    for client in (alpha, auditor):
        assert client.post("/corporate-actions/new/", form(chain)).status_code == 403
        assert client.post(f"{paid}cancel/").status_code == 403
        assert client.post(API, form(chain), content_type="application/json").status_code == 403
        assert "Announce a corporate action" not in get_text(client, "/corporate-actions/")


def test_the_api_announces_lists_and_cancels(operator: Client, alpha: Client, chain: Chain) -> None:
    body = form(chain, kind="SPLIT", rate=None, ratio_new=3, ratio_old=2)
    made = operator.post(API, body, content_type="application/json")
    assert (made.status_code, made.json()["status"], made.json()["ratio_new"]) == (201, "ANNOUNCED", 3)
    again = operator.post(API, body, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "corporate-action-stands")
    wrong = operator.post(API, form(chain, colour="red"), content_type="application/json")
    assert wrong.status_code == 400
    address = f"{API}/{made.json()['id']}"
    assert alpha.get(address).json()["kind"] == "SPLIT"
    assert operator.post(f"{address}/cancel").json()["status"] == "CANCELLED"
    assert operator.post(f"{address}/cancel").json()["code"] == "corporate-action-not-announced"
    assert operator.get(f"{API}/999").json()["code"] == "unknown-corporate-action"
    assert operator.get(f"{API}/999/claims").status_code == 404


def test_the_api_shows_entitlements_and_claims(operator: Client, alpha: Client, delta: Client, paid: str) -> None:
    address = f"{API}/{paid.strip('/').split('/')[-1]}"
    everyone, own = (client.get(f"{address}/entitlements").json()["results"] for client in (operator, alpha))
    assert own == [row for row in everyone if row["participant"] == "ALPHA"]
    assert all(float(row["amount"]) == row["holding"] * 1.25 for row in everyone)
    assert alpha.get(address).json()["total"] == f"{sum(float(row['amount']) for row in own):.2f}"
    [claim] = delta.get(f"{address}/claims").json()["results"]
    assert (claim["owes"], claim["is_owed"], claim["amount"]) == ("DELTA", "ALPHA", "6.25")
