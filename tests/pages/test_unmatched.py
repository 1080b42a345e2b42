"""What waits for its other side, and what is alleged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain


def test_near_miss_is_explained_with_both_reports_side_by_side(operator: Client) -> None:
    text = get_text(operator, "/unmatched/?view=near")
    assert "Near miss: differs in price: 10.00 against 11.00" in text
    assert "This report, ALPHA" in text
    body = operator.get("/unmatched/?view=near").content.decode()
    assert body.count('class="differs"') == 8


def test_age_is_in_business_days(operator: Client) -> None:
    assert "2–4 days 2" in get_text(operator, "/unmatched/")


def test_operator_sees_what_is_alleged(operator: Client) -> None:
    text = get_text(operator, "/unmatched/?view=alleged")
    assert "U1" in text
    assert "Alleged 10 Sep 10:00" in text


def test_participant_sees_its_own_and_what_is_alleged_against_it(alpha: Client, delta: Client) -> None:
    own = get_text(alpha, "/unmatched/")
    assert "U1" in own
    assert "Your reports 1" in own
    against = get_text(alpha, "/unmatched/?view=alleged")
    assert "the other side's" in against
    assert "no report of yours agrees" in against
    assert "Nothing waits here" in get_text(delta, "/unmatched/?view=alleged")


def test_the_other_sides_reference_stays_hidden(alpha: Client) -> None:
    text = get_text(alpha, "/unmatched/?view=alleged")
    assert "U2" not in text.split()
    rows = get_csv(alpha, "/unmatched/?view=alleged&format=csv")
    assert [row["trade_id"] for row in rows] == [""]
    assert rows[0]["price"] == "11.000000"


def test_a_near_miss_between_others_is_not_shown(chain: Chain, delta: Client) -> None:
    chain.capture("V1", "DELTA", "CHARLIE", by="DELTA", quantity=7, price="10")
    chain.capture("V2", "ALPHA", "CHARLIE", by="CHARLIE", quantity=7, price="10")
    chain.match()
    text = get_text(delta, "/unmatched/")
    assert "V1" in text
    assert "ALPHA" not in text


def test_empty_view_says_why(operator: Client) -> None:
    from trades.models import UnmatchedTrade

    UnmatchedTrade.objects.all().delete()
    assert "Every report in this view has found its other side." in get_text(operator, "/unmatched/")
