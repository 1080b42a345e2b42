"""Two people at the same moment: one declares, one is told that it is declared; both bids stand, the better wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def both(*acts: Callable[[], Any]) -> list[Any]:
    """Do things in threads of their own, begun together; return what each returned, or the refusal's code."""
    from django.db import connection

    from reference.refusals import Refusal

    gate = threading.Barrier(len(acts))
    answers: list[Any] = [None] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        gate.wait()
        try:
            answers[place] = act()
        except Refusal as refusal:
            answers[place] = refusal.code
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place, act)) for place, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def test_two_declarations_and_two_bids_at_the_same_moment() -> None:
    from clearing.models import Bid, DefaultCase
    from clearing.services.default_auction import close_auction, open_auction, place_bid
    from clearing.services.default_case import declare_default, propose_default, suspend_member
    from reference.core.actor import Actor, Role
    from tests.factories.chain import make_chain
    from tests.factories.defaulting import ONE, OTHER, lose, step

    chain = make_chain()
    lose(chain)
    third = Actor(name="third", role=Role.OPERATOR)
    fields: dict[str, Any] = {"member_id": chain.ids["DELTA"], "reason": "x", "juniorise": False, **step(chain)}
    proposed = both(
        lambda: propose_default(actor=ONE, **fields).status, lambda: propose_default(actor=third, **fields).status
    )
    assert sorted(proposed) == ["PROPOSED", "default-already-proposed"]
    case = DefaultCase.objects.get()
    declared = both(
        *(
            lambda actor=actor: declare_default(case_id=case.pk, actor=actor, **step(chain)).status
            for actor in (OTHER, Actor(name="fourth", role=Role.OPERATOR))
        )
    )
    assert sorted(declared) == ["DECLARED", "proposal-already-decided"]
    suspend_member(case_id=case.pk, actor=ONE, **step(chain))
    [lot] = open_auction(
        case_id=case.pk, lots=1, reserve_percent=None, deadline=chain.at + timedelta(hours=1), actor=ONE, **step(chain)
    )
    bids = both(
        *(
            lambda code=code, price=price: (
                place_bid(lot_id=lot.pk, price_minor=price, actor=chain.actor(code), **step(chain)).price_minor
            )
            for code, price in (("ALPHA", 500), ("BRAVO", 400), ("ALPHA", 300), ("CHARLIE", 300))
        )
    )
    assert sorted(bids) == [300, 300, 400, 500]
    last = Bid.objects.filter(member__code="ALPHA").order_by("-pk")[0]
    chain.move_to(chain.day, 11)
    answers = both(
        lambda: close_auction(case_id=case.pk, actor=ONE, **step(chain))[0].status,
        lambda: place_bid(lot_id=lot.pk, price_minor=-9, actor=chain.actor("BRAVO"), at=chain.at + timedelta(minutes=1),
                          business_date=chain.day),
        lambda: close_auction(case_id=case.pk, actor=OTHER, **step(chain))[0].status,
    )  # fmt: skip
    assert sorted(answers) == ["SOLD", "bid-late", "default-step-not-due"]
    winner = case.lots.get().winning_bid
    assert winner is not None
    tied = Bid.objects.filter(price_minor=300).exclude(member__code="ALPHA", pk__lt=last.pk).order_by("pk")
    assert winner == tied[0]
