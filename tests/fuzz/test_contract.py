"""Whatever is sent to any operation, the answer is what the schema promises, and never a server error.

`make fuzz`: FUZZ_CASES (1,000) of each operation, each sent with a login and without; FUZZ_SEED repeats a run,
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

pytestmark = pytest.mark.slow
GROUPS = 41
SHORT_CASES, SHORT_STEP = 3, 6
SEED = int(os.environ.get("FUZZ_SEED") or secrets.randbelow(2**31))
CASES = int(os.environ.get("FUZZ_CASES") or 1000)
ONLY = os.environ.get("FUZZ_ONLY", "")
ONCE = 20_081_010
TOKEN = "t" * 32
# One in seven by a key that may do next to nothing.
LOGINS = ("operator", "alpha") * 3 + ("narrow",)
# What the small market has none of.
MADE: dict[str, dict[str, Any]] = {
    "/api/v1/webhooks": {"url": "https://hooks.example.com/fmi", "events": ["TradesMatched"]},
    "/api/v1/static-data/traders": {"broker": "ALPHA", "code": "FUZZ", "name": "Fuzz"},
}
# Requests whose answers the description did not have.
FOUND: list[tuple[str, dict[str, Any]]] = [
    ("GET /api/v1/events/stream", {"query": {"format": "none"}}),
    ("GET /order/{public_id}", {"path_parameters": {"public_id": "none"}}),
]


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
    from tests.factories.signing import by_basic, make_key
    from trades.models import Venue

    def session_of(client: Any) -> dict[str, str]:
        session = client.cookies[live.SESSION_COOKIE_NAME].value
        cookie = f"{live.SESSION_COOKIE_NAME}={session}; {live.CSRF_COOKIE_NAME}={TOKEN}"
        return {"Cookie": cookie, "X-CSRFToken": TOKEN}

    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), undone():
        patch.setattr(live, "RATE_LIMITS", dict.fromkeys(live.RATE_LIMITS, "1000000000/60"))
        cache.clear()
        logging.disable()
        chain = make_chain()
        play_small(chain)
        make_executed(chain, make_buyer(chain), reference="O-1", parts=2)
        operator = login(name="operator")
        alpha = login(participant=Participant.objects.get(code="ALPHA"), name="alpha")
        narrow = make_key("market:read", name="alpha")
        logins = {
            "operator": session_of(operator), "alpha": session_of(alpha),
            "narrow": by_basic(narrow.key.client_id, narrow.secret), "": {},
        }  # fmt: skip
        for address, fields in MADE.items():
            assert operator.post(address, fields, content_type="application/json").status_code == 201, address
        made = Fuzz(logins=logins, reader=operator)
        made.by_field["mic"] = list(Venue.objects.values_list("mic", flat=True))
        yield made
        logging.disable(logging.NOTSET)


def play(fuzz: Fuzz, operations: list[Any], *, number: int, cases: int, groups: tuple[tuple[str, ...], ...]) -> None:
    from tests.factories.fuzzing import report

    outcomes: dict[str, dict[str, Outcome]] = {}
    for operation in operations:
        outcomes[operation.label] = fuzz.run(operation, cases=cases, number=number, groups=groups)
        report(outcomes={operation.label: outcomes[operation.label]}, number=number, write=print)
    broken = [
        f"{label} as {login}: {title}\n{words}"
        for label, by_login in outcomes.items()
        for login, outcome in by_login.items()
        for title, words in outcome.failures.items()
    ]
    assert not broken, f"FUZZ_SEED={number}\n" + "\n\n".join(broken)


def test_every_operation_keeps_to_the_schema(fuzz: Fuzz) -> None:
    """Each operation once, in its plainest form, one in six with two cases more; in every run the same."""
    operations = fuzz.operations()
    for cases, some in ((1, operations), (SHORT_CASES, operations[::SHORT_STEP])):
        play(fuzz, some, number=ONCE, cases=cases, groups=(("operator", "alpha", ""),))


@pytest.mark.parametrize(("label", "sent"), FOUND)
def test_what_it_once_found_is_mended(fuzz: Fuzz, label: str, sent: dict[str, Any]) -> None:
    from tests.factories.fuzzing import Outcome

    operation = next(one for one in fuzz.operations() if one.label == label)
    outcome = Outcome()
    fuzz.try_case(operation.Case(**sent), fuzz.logins["operator"], outcome)
    assert (outcome.cases, outcome.failures) == (1, {})


@pytest.mark.fuzz
@pytest.mark.parametrize("group", range(GROUPS))
def test_a_thousand_cases(fuzz: Fuzz, group: int) -> None:
    operations = [one for one in fuzz.operations()[group::GROUPS] if ONLY in one.label]
    play(fuzz, operations, number=SEED, cases=CASES, groups=(LOGINS, ("",)))
