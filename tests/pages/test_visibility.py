"""A participant sees its own only: on every page, in every list, CSV and detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

LISTS = (
    "/trades/",
    "/netting/",
    "/instructions/",
    "/audit/",
    "/ledger/",
    "/unmatched/",
    "/netting/exposures/",
    "/positions/",
    "/allocations/",
    "/positions/limits/",
)


@pytest.mark.parametrize("address", LISTS)
def test_csv_names_the_participant_in_every_row(delta: Client, address: str) -> None:
    for row in get_csv(delta, f"{address}?format=csv"):
        assert any("DELTA" in value for value in row.values()), row


@pytest.mark.parametrize("address", ["/", "/trades/", "/unmatched/", "/instructions/", "/audit/", "/upload/"])
def test_no_page_of_delta_names_bravo(delta: Client, address: str) -> None:
    text = get_text(delta, address)
    assert "BRAVO" not in text


def test_netting_by_day_is_of_the_own_accounts(delta: Client, operator: Client) -> None:
    """DELTA's one obligation is 30 SHARE at 10.00; everybody's are more."""
    assert [row["netted_per_date_minor"] for row in get_csv(delta, "/netting/efficiency/?format=csv")] == ["30000"]
    assert [row["netted_per_date_minor"] for row in get_csv(operator, "/netting/efficiency/?format=csv")] == ["260000"]


def test_other_participants_trades_are_not_found(chain: Chain, delta: Client, bravo: Client) -> None:
    from trades.models import Trade

    own = Trade.objects.get(trade_id="S1-B")
    other = Trade.objects.get(trade_id="S1-A")
    assert bravo.get(f"/trades/{own.public_id}/").status_code == 200
    assert bravo.get(f"/trades/{other.public_id}/").status_code == 404
    assert delta.get(f"/trades/{own.public_id}/").status_code == 404
    assert delta.post(f"/trades/{own.public_id}/cancel/").status_code == 404
    assert delta.get(f"/things/trade/{own.pk}/").status_code == 404


def test_of_the_other_side_a_participant_reads_terms_only(bravo: Client) -> None:
    from trades.models import Trade

    text = get_text(bravo, f"/trades/{Trade.objects.get(trade_id='S1-B').public_id}/")
    assert "The other side" in text
    assert "S1-A" not in text
    assert "BRAVO delivers 50 STOCK" in text
    assert "ALPHA receives" not in text
    assert "ALPHA-SEC-HOUSE" not in text
    assert "ALPHA-CASH-HOUSE" not in text


def test_a_locked_in_trade_is_both_parties_own(bravo: Client, delta: Client) -> None:
    from trades.models import Trade

    address = f"/trades/{Trade.objects.get(trade_id='S2').public_id}/"
    assert "for both sides" in get_text(bravo, address)
    assert delta.get(address).status_code == 404


def test_auditor_sees_all(auditor: Client) -> None:
    rows = get_csv(auditor, "/trades/?format=csv")
    assert len(rows) == 16


def test_a_login_without_a_role_is_told_so(chain: Chain) -> None:
    from django.test import Client

    from tests.factories.reference import UserFactory

    client = Client()
    client.force_login(UserFactory.create(username="nobody"))
    assert client.get("/trades/").status_code == 403
