"""A small market already played, and who looks at it; models are imported late, for settings must stand first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pytest_django import DjangoDbBlocker

from tests.factories.of_a_file import made_for_a_file

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain


@pytest.fixture(autouse=True)
def fresh_figures(db: None) -> None:
    """Forget the figures that the pages keep for some seconds."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture(scope="module")
def played(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Chain]:
    """Four members, an open Wednesday: trades in every state, two of them lacking securities, two unmatched."""
    from tests.factories.chain import play_small
    from trades.services.allege_trades import allege_trades

    def play(made: Chain) -> None:
        play_small(made)
        allege_trades(at=made.at, business_date=made.day)

    with played_for_a_file(play, blocker=django_db_blocker) as made:
        yield made


@contextmanager
def played_for_a_file(play: Callable[[Chain], None], *, blocker: DjangoDbBlocker) -> Iterator[Chain]:
    """Make a market and play it once for a file."""
    from tests.factories.chain import make_chain

    def make() -> Chain:
        made = make_chain()
        play(made)
        return made

    with made_for_a_file(make, blocker=blocker) as made:
        yield made


@pytest.fixture
def chain(played: Chain, db: None) -> Chain:
    """The played market, as no test before has left it."""
    from reference.queries import forget_directory

    forget_directory()
    return replace(played, issued=[*played.issued])


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
