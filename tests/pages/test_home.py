"""The home page: the day, the funnel, what needs a hand, efficiency, cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.cache import cache

from tests.pages.reading import get_text, links_of

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain


def test_shows_the_day_against_its_schedule(operator: Client) -> None:
    text = get_text(operator, "/")
    assert "Wednesday 10 September 2008" in text
    assert "Night-time cycle 1" in text
    assert "DvP cut-off" in text


def test_funnel_counts_what_was_captured_in_its_span(operator: Client) -> None:
    assert "0 reports captured; where they stand now" in get_text(operator, "/")
    text = get_text(operator, "/?days=20")
    assert "16 reports captured since" in text
    assert "New 2 wait for the other side" in text
    assert "Cancelled 3" in text


def test_each_count_leads_to_exactly_the_counted_trades(operator: Client) -> None:
    address = next(link for link in links_of(operator, "/?days=20") if "status=NEW" in link)
    text = get_text(operator, address)
    assert "U1" in text
    assert "U2" in text
    assert "S1-A" not in text


def test_failures_stand_first_with_their_value(operator: Client, chain: Chain) -> None:
    from tests.factories.chain import WEDNESDAY

    chain.move_to(WEDNESDAY.replace(day=11))
    chain.settle()
    text = get_text(operator, "/")
    assert "failing instructions lack securities" in text
    assert "Past their intended date, the oldest since Wed 10 Sep 2008" in text
    assert "2 reports unmatched past allegement" in text
    assert "1 refused line in 1 file" in text


def test_participant_sees_its_own_figures(delta: Client, operator: Client) -> None:
    assert "You see what concerns Participant DELTA." in get_text(delta, "/")
    assert "2 reports captured since" in get_text(delta, "/?days=20")
    assert "in 1 file" not in get_text(delta, "/")
    # Nobody works in this test: an operator is told, and what to do; a participant has nothing to do about it.
    assert "The worker is not in order: no heartbeat. Nothing is lost" in get_text(operator, "/")
    assert "heartbeat" not in get_text(delta, "/")


def test_efficiency_is_by_value_and_currency(operator: Client) -> None:
    text = get_text(operator, "/")
    assert "Netting EUR" in text
    assert "Settlement EUR" in text


def test_a_poll_answers_with_the_live_part_alone(operator: Client) -> None:
    response = operator.get("/", headers={"HX-Request": "true"})
    assert "<html" not in response.content.decode()
    assert "Needs a hand" in response.content.decode()
    assert "HX-Request" in response["Vary"]


def test_without_a_clock_the_page_says_what_to_do(operator: Client) -> None:
    from reference.models import BusinessClock

    BusinessClock.objects.all().delete()
    response = operator.get("/")
    assert response.status_code == 503
    assert "load the reference data first" in response.content.decode()


def test_visitor_is_sent_to_the_login() -> None:
    from django.test import Client

    response = Client().get("/")
    assert response.status_code == 302
    assert response["Location"].startswith("/login/")


def test_what_compliance_and_position_limits_found_needs_a_hand(operator: Client, alpha: Client, chain: Chain) -> None:
    from reference.core.actor import SYSTEM
    from tests.factories.compliance import make_trade
    from trades.services.compliance.enrich import enrich_trades
    from trades.services.compliance.load_compliance import load_compliance
    from trades.services.positions.set_limits import set_limit
    from trades.services.positions.watch_limits import watch_limits

    assert "compliance alert" not in get_text(operator, "/")
    load_compliance()
    form = {"security": "SHARE", "participant": "", "reason": "Embargo"}
    assert operator.post("/compliance/restricted/", form).status_code == 302
    make_trade(chain=chain, symbol="SHARE")
    enrich_trades(at=chain.at, business_date=chain.day)
    set_limit(
        participant_id=chain.ids["ALPHA"], account=None, security_id=None, largest_units=0, volume_percent=None,
        actor=SYSTEM, at=chain.at, business_date=chain.day,
    )  # fmt: skip
    found = watch_limits(at=chain.at, business_date=chain.day)
    cache.clear()
    text = get_text(operator, "/")
    assert "high compliance alert" in text
    assert f"{found} position" in text
    own = get_text(alpha, "/")
    assert "compliance alert" not in own
    assert f"{found} position" in own
