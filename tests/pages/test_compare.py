"""The page of dry runs: ordered by an operator, read by an auditor, nobody else's; and the same in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.pages.reading import get_text

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

PAGE, API = "/cycles/compare/", "/api/v1/settlement/comparisons"


def test_before_the_first_comparison_the_page_says_what_it_is_for(operator: Client, auditor: Client) -> None:
    assert "Nothing was compared yet" in get_text(operator, PAGE)
    assert "Compare what is pending now" not in get_text(auditor, PAGE)


def test_an_operator_orders_one_and_sees_it_under_way_and_done(operator: Client, auditor: Client) -> None:
    from settlement.services.compare_models import run_comparisons

    assert operator.post(f"{PAGE}order/", follow=True).status_code == 200
    text = get_text(operator, PAGE)
    assert "Being computed" in text
    assert "Compare what is pending now" not in text
    assert run_comparisons() == 1
    text = get_text(auditor, PAGE)
    for shown in ("Side by side", "Model 1 without credit", "Model 3: both net at the end", "Value unwound, EUR"):
        assert shown in text
    assert "<html" not in get_text(operator, PAGE, **{"HX-Request": "true"})
    assert operator.get(f"{PAGE}?run=999999").status_code == 404


def test_it_is_not_for_participants_and_only_operators_order(alpha: Client, auditor: Client) -> None:
    assert alpha.get(PAGE).status_code == 403
    for client in (alpha, auditor):
        assert client.post(f"{PAGE}order/").status_code == 403
        assert client.post(API).status_code == 403
    assert alpha.get(API).status_code == 403
    assert auditor.get(API).json()["results"] == []


def test_the_api_orders_one_refuses_a_second_and_reads_it(operator: Client, chain: Chain) -> None:
    from settlement.services.compare_models import run_comparisons

    ordered = operator.post(API)
    assert (ordered.status_code, ordered.json()["state"]) == (202, "RUNNING")
    assert operator.post(API).json()["code"] == "comparison-under-way"
    run_comparisons()
    read = operator.get(f"{API}/{ordered.json()['id']}").json()
    assert (read["state"], read["progress_percent"], len(read["result"]["models"])) == ("DONE", 100, 4)
    assert operator.get(f"{API}/999999").status_code == 404
