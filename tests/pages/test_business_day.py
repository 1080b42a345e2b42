"""The page of the business day: where it stands, what comes, and the operator's buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_text, text_of

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

BUTTONS = ("Next step", "To end of day", "Declare an outage", "Let the clock run")
DOORS = ("step", "pause", "resume", "outage", "outage/end")


def step_to(chain: Chain, code: str) -> None:
    """Carry out an order of the operator's, as the worker would."""
    from fmi.business_day import carry_out
    from reference.core.actor import SYSTEM
    from reference.queries import business_clock
    from settlement.services.order_steps import order_steps

    carry_out(order=order_steps(to=code, actor=SYSTEM, clock=business_clock()))


def test_at_nine_an_operator_sees_phase_window_cut_off_and_what_waits(operator: Client, chain: Chain) -> None:
    from fmi.business_day import advance
    from tests.factories.chain import at_time

    chain.move_to(chain.day, 8, 0)
    step_to(chain, "DAY_0800")
    advance(until=at_time(chain.day, 9))
    text = get_text(operator, "/cycles/")
    assert "Real-time settlement; 14 of 26 steps done" in text
    assert "Settles at once now everything real-time settlement" in text
    assert "Partial-settlement window 10:00 CET to 10:15 CET" in text
    assert "Next cut-off 16:00 CET DvP cut-off" in text
    assert "Waiting after the last cycle" in text
    assert "Now, 09:00 CET" in text


def test_a_late_step_is_named_with_what_it_waits_for(operator: Client, chain: Chain) -> None:
    """The clock stands at ten, and none of the night's steps was done."""
    chain.move_to(chain.day, 10)
    text = get_text(operator, "/cycles/")
    assert "late The time of Night-time cycle 1, sequence 0: liquidity came at 20:00 CET" in text
    assert "it waits for Netting for the business date." in text


def test_the_operator_steps_the_day_and_its_progress_outlives_a_reload(operator: Client, chain: Chain) -> None:
    from fmi.tasks import follow_clock
    from settlement.models import DayOrder

    text = text_of(operator.post("/cycles/step/", {"to": "NIGHT_1_1"}, follow=True))
    assert "Ordered: Night-time cycle 1, sequence 1: corporate actions of Wed 10 Sep 2008. It is under way." in text
    for _ in range(2):
        text = get_text(operator, "/cycles/")
        assert "Moving the day to: Night-time cycle 1, sequence 1: corporate actions" in text
        assert "1 of 26" in text
        assert "Next step" not in text
    text = text_of(operator.post("/cycles/step/", {"to": "next"}, follow=True))
    assert "The day is being moved to NIGHT_1_1 already." in text
    follow_clock()
    assert DayOrder.objects.get().ended_at is not None
    text = get_text(operator, "/cycles/")
    assert "4 of 26 steps done" in text
    assert "Moving the day to" not in text


def test_a_running_clock_offers_a_pause_and_no_steps(operator: Client, chain: Chain) -> None:
    text = text_of(operator.post("/cycles/resume/", follow=True))
    assert "Business time goes on." in text
    assert "Pause the clock" in text
    assert "Next step" not in text
    text = text_of(operator.post("/cycles/step/", {"to": "next"}, follow=True))
    assert "The clock runs; pause it before the day is stepped by hand." in text
    text = text_of(operator.post("/cycles/pause/", follow=True))
    assert "Business time stands still" in text
    assert "Next step" in text


def test_an_outage_stands_on_every_page_while_it_lasts(operator: Client, alpha: Client, chain: Chain) -> None:
    text = text_of(operator.post("/cycles/outage/", {"reason": "A cable is cut"}, follow=True))
    assert "The outage is declared: no cycle runs until it is ended, and its day counts no penalties." in text
    assert "End the outage" in text
    assert "Settles at once now nothing outage" in text
    banner = "no settlement cycle runs. A cable is cut. Instructions are accepted; the day counts no penalties."
    for client in (operator, alpha):
        for address in ("/", "/trades/", "/ledger/", "/instructions/"):
            assert banner in get_text(client, address), address
    assert "End the outage" not in get_text(alpha, "/cycles/")
    text = text_of(operator.post("/cycles/outage/end/", follow=True))
    assert "The outage is over: cycles run again." in text
    assert "Outages of the day the day counts no penalties" in text
    assert banner not in get_text(alpha, "/")
    text = text_of(operator.post("/cycles/outage/", {"reason": ""}, follow=True))
    assert "An outage is declared with a reason of 1 to 200 characters." in text


def test_a_real_time_cycle_stands_between_the_steps(operator: Client, chain: Chain) -> None:
    from settlement.models import Cycle
    from settlement.services.run_cycle import REAL_TIME

    chain.give("DELTA", "STOCK", 100)
    chain.move_to(chain.day, 11, 11)
    chain.cycle(REAL_TIME)
    text = get_text(operator, "/cycles/")
    assert Cycle.objects.latest("id").settled == 1
    assert "Wed 11:11 Real-time settlement Done" in text
    assert text.index("Partial-settlement window 10:00") < text.index("Wed 11:11") < text.index("Wed 11:30")
    assert "Settled at once today 1 between the cycles" in text


def test_only_an_operator_has_the_buttons_and_the_doors_are_shut(
    operator: Client, alpha: Client, auditor: Client, chain: Chain
) -> None:
    from settlement.models import DayOrder, Outage

    text = get_text(operator, "/cycles/")
    assert all(button in text for button in BUTTONS)
    for client in (alpha, auditor):
        text = get_text(client, "/cycles/")
        assert not any(button in text for button in BUTTONS)
        for door in DOORS:
            assert client.post(f"/cycles/{door}/", {"reason": "x", "to": "next"}).status_code == 403
    assert not DayOrder.objects.exists()
    assert not Outage.objects.exists()


@pytest.mark.parametrize("door", DOORS)
def test_the_doors_open_to_a_post_only(operator: Client, door: str) -> None:
    assert operator.get(f"/cycles/{door}/").status_code == 405
