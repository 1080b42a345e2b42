"""The blotter and the life of a trade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.pages.reading import get_csv, get_text, text_of

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain


def address_of(trade_id: str) -> str:
    from trades.models import Trade

    return f"/trades/{Trade.objects.get(trade_id=trade_id).public_id}/"


def test_filters_narrow_the_list_and_show_as_chips(operator: Client) -> None:
    text = get_text(operator, "/trades/?status=SETTLED&participant=CHARLIE")
    assert "S2" in text
    assert "G-A" in text
    assert "S1-A" not in text
    assert "Remove the filter" not in text
    assert 'aria-label="Remove the filter Participant"' in operator.get("/trades/?participant=CHARLIE").content.decode()


def test_csv_is_exactly_the_filtered_list(operator: Client) -> None:
    rows = get_csv(operator, "/trades/?status=NEW&format=csv")
    assert [row["trade_id"] for row in rows] == ["U2", "U1"]
    assert rows[0]["amount_minor"] == "7700"
    assert rows[0]["price"] == "11.000000"


def test_a_bad_filter_is_explained_and_lists_nothing(operator: Client) -> None:
    text = get_text(operator, "/trades/?participant=NOBODY")
    assert "No participant has this code." in text
    assert "No trade here" in text


def test_pages_turn_by_key_and_back(operator: Client, monkeypatch: object) -> None:
    from trades.models import Trade

    ids = list(Trade.objects.order_by("-pk").values_list("pk", flat=True))
    older = get_text(operator, f"/trades/?after={ids[1]}")
    assert "Newer" in older
    assert Trade.objects.get(pk=ids[0]).trade_id not in older.split()
    newer = get_text(operator, f"/trades/?before={ids[2]}")
    assert "Older" in newer


def test_life_runs_from_capture_to_postings(operator: Client) -> None:
    text = get_text(operator, address_of("S1-A"))
    steps = [
        "Reported by ALPHA, the buyer",
        "Matched with BRAVO",
        "All fields agree.",
        "Novated to the CCP",
        "Netted",
        "settlement instructed",
        "settled in Cycle",
        "postings to the ledger",
    ]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    assert "ALPHA receives 100 STOCK" in text


def test_life_of_a_gross_trade_says_so(operator: Client) -> None:
    text = get_text(operator, address_of("G-A"))
    assert "Goes gross, without the CCP" in text
    assert "ALPHA delivers 10 STOCK to CHARLIE" in text


def test_what_could_not_settle_says_why(operator: Client) -> None:
    text = get_text(operator, address_of("GL-A"))
    assert "Could not settle: Cycle" in text
    assert "DELTA-SEC-HOUSE lacks 5" in text


def test_time_between_steps_is_shown(operator: Client) -> None:
    assert "2 d 0 h idle" in get_text(operator, address_of("S1-A"))


def test_a_cancellation_is_in_the_life(operator: Client) -> None:
    assert "A mistake." in get_text(operator, address_of("C"))
    text = get_text(operator, address_of("D-A"))
    assert "ALPHA asked to cancel" in text
    assert "BRAVO asked to cancel" in text
    assert "NEW → MATCHED" in text
    assert "Withdrawn from clearing" in text


def test_the_reporter_cancels_an_unmatched_report(alpha: Client) -> None:
    response = alpha.post(address_of("U1") + "cancel/", {"reason": "typed twice"}, follow=True)
    text = text_of(response)
    assert "The trade is cancelled." in text
    assert "Typed twice." in text


def test_a_matched_trade_takes_both(operator: Client, chain: Chain) -> None:
    from tests.pages.conftest import participant

    text = get_text(operator, address_of("N-A"))
    assert "ALPHA has asked. The trade is cancelled as soon as CHARLIE asks too." in text
    charlie = participant(chain, "CHARLIE")
    assert "Ask to cancel" in get_text(charlie, address_of("N-C"))
    response = charlie.post(address_of("N-C") + "cancel/", {"reason": "agreed"}, follow=True)
    assert "The trade is cancelled." in text_of(response)


def test_a_refusal_is_a_notice_in_the_words_of_the_api(operator: Client) -> None:
    response = operator.post(address_of("L1-C") + "cancel/", follow=True)
    assert "The trade has been netted into an obligation; cancelling it takes an opposite trade." in text_of(response)
    response = operator.post(address_of("S1-A") + "cancel/", follow=True)
    assert "The trade is SETTLED already." in text_of(response)


def test_the_auditor_reads_and_changes_nothing(auditor: Client) -> None:
    assert "Ask to cancel" not in get_text(auditor, address_of("U1"))
    assert "Cancel the trade" not in get_text(auditor, address_of("U1"))
    assert auditor.post(address_of("U1") + "cancel/").status_code == 403


def test_full_and_raw_views_show_the_details(operator: Client) -> None:
    body = operator.get(address_of("S1-A") + "?view=full").content.decode()
    assert "<details open>" in body
    assert "<pre" in operator.get(address_of("S1-A") + "?view=raw").content.decode()
