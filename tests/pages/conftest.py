"""A small market already played, and who looks at it; models are imported late, for settings must stand first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain


@pytest.fixture(autouse=True)
def fresh_figures(db: None) -> None:
    """Forget the figures that the pages keep for some seconds."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def chain(db: None) -> Chain:
    """Four members, an open Wednesday: trades in every state, two of them lacking securities, two unmatched."""
    from tests.factories.chain import make_chain, play_small
    from trades.services.allege_trades import allege_trades

    made = make_chain()
    play_small(made)
    allege_trades(at=made.at, business_date=made.day)
    return made


@pytest.fixture
def operator(chain: Chain) -> Client:
    from tests.factories.market import login

    return login(name="operator")


@pytest.fixture
def auditor(chain: Chain) -> Client:
    from tests.factories.market import login

    return login(name="auditor", role="AUDITOR")


@pytest.fixture
def alpha(chain: Chain) -> Client:
    return participant(chain, "ALPHA")


@pytest.fixture
def bravo(chain: Chain) -> Client:
    return participant(chain, "BRAVO")


@pytest.fixture
def delta(chain: Chain) -> Client:
    return participant(chain, "DELTA")


def participant(chain: Chain, code: str) -> Client:
    """Return a client logged in as a participant's user."""
    from reference.models import Participant
    from tests.factories.market import login

    return login(participant=Participant.objects.get(code=code), name=code.lower())
