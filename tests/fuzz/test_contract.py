"""Whatever is sent to any operation, the answer is what the schema promises, and never a server error.

`make fuzz`: FUZZ_CASES (1,000) of each operation with and as many without a login; FUZZ_SEED repeats a run,
FUZZ_ONLY names a part of the operations. A short run of it is a test among the others.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.factories.fuzzing import Fuzz, Outcome

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
GROUPS = 41
SHORT_CASES = 3
SEED = int(os.environ.get("FUZZ_SEED") or secrets.randbelow(2**31))
CASES = int(os.environ.get("FUZZ_CASES") or 1000)
ONLY = os.environ.get("FUZZ_ONLY", "")
ONCE = 20_081_010
TOKEN = "t" * 32


@pytest.fixture(scope="module")
def fuzz(django_db_setup: None, django_db_blocker: Any) -> Iterator[Fuzz]:
    """Play a small market in a transaction around the file, and log an operator and a participant in."""
    from django.conf import settings as live
    from django.core.cache import cache

    from reference.models import Participant
    from tests.factories.chain import make_chain, play_small
    from tests.factories.executing import make_buyer, make_executed
    from tests.factories.fuzzing import Fuzz, undone
    from tests.factories.market import login

    def cookies_of(client: Any) -> dict[str, str]:
        return {live.SESSION_COOKIE_NAME: client.cookies[live.SESSION_COOKIE_NAME].value, live.CSRF_COOKIE_NAME: TOKEN}

    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), undone():
        patch.setattr(live, "RATE_LIMITS", dict.fromkeys(live.RATE_LIMITS, "1000000000/60"))
        cache.clear()
        logging.disable()
        chain = make_chain()
        play_small(chain)
        make_executed(chain, make_buyer(chain), reference="O-1", parts=2)
        operator = login(name="operator")
        alpha = login(participant=Participant.objects.get(code="ALPHA"), name="alpha")
        logins = {"operator": cookies_of(operator), "alpha": cookies_of(alpha), "": {}}
        yield Fuzz(logins=logins, reader=operator)
        logging.disable(logging.NOTSET)


def play(fuzz: Fuzz, operations: list[Any], *, number: int, cases: int, logins: tuple[tuple[str, ...], ...]) -> None:
    from tests.factories.fuzzing import report

    outcomes: dict[str, dict[str, Outcome]] = {}
    for operation in operations:
        found = {"/".join(names) or "nobody": fuzz.run(operation, cases=cases, number=number, names=names)
                 for names in logins}  # fmt: skip
        outcomes[operation.label] = found
        report(outcomes={operation.label: found}, number=number, write=print)
    broken = [
        f"{label} as {login}: {title}\n{words}"
        for label, by_login in outcomes.items()
        for login, outcome in by_login.items()
        for title, words in outcome.failures.items()
    ]
    assert not broken, f"FUZZ_SEED={number}\n" + "\n\n".join(broken)


def test_every_second_operation_keeps_to_the_schema(fuzz: Fuzz) -> None:
    """Every second operation, in every run the same three cases: seconds, where `make fuzz` sends all of it hours."""
    play(fuzz, fuzz.operations()[::2], number=ONCE, cases=SHORT_CASES, logins=(("operator", "alpha", ""),))


@pytest.mark.fuzz
@pytest.mark.parametrize("group", range(GROUPS))
def test_a_thousand_cases(fuzz: Fuzz, group: int) -> None:
    operations = [one for one in fuzz.operations()[group::GROUPS] if ONLY in one.label]
    play(fuzz, operations, number=SEED, cases=CASES, logins=(("operator", "alpha"), ("",)))
