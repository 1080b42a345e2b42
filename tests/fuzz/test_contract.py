"""Whatever is sent to any operation, the answer is what the schema promises, and never a server error.

`make fuzz`: FUZZ_CASES (1,000) of each operation, each sent with a login and without; FUZZ_SEED repeats a run,
FUZZ_ONLY names operations by parts of them with commas between, test-results/fuzz.log tells what comes of each as it
goes. A short run of it is a test among the others.
"""

from __future__ import annotations

import logging
import os
import secrets
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.factories.fuzzing import Fuzz

pytestmark = pytest.mark.slow
GROUPS = 41
SHORT_CASES, SHORT_STEP = 3, 6
# Of the run, so that processes side by side have the same.
DRAWN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex()
SEED = int(os.environ.get("FUZZ_SEED") or zlib.crc32(DRAWN.encode()))
CASES = int(os.environ.get("FUZZ_CASES") or 1000)
ONLY = os.environ.get("FUZZ_ONLY", "").split(",")
ONCE = 20_081_010
LOG = Path(__file__).resolve().parents[2] / "test-results/fuzz.log"
# One in eight by a key that may do next to nothing, and one by a key that may do all and signs it.
LOGINS = ("operator", "alpha") * 3 + ("narrow", "signed")
# No request of them succeeds, and why.
NEVER = {
    "DELETE /api/v1/static-data/accounts/{key}": "an account stays",
    "DELETE /api/v1/static-data/currencies/{key}": "a currency stays",
}
# What changed requests that succeed into ones whose answers the description did not have.
FOUND: list[tuple[str, dict[str, Any]]] = [
    ("GET /api/v1/events/stream", {"query": {"format": "none"}}),
    ("GET /order/{public_id}", {"path_parameters": {"public_id": "none"}}),
    # A venue settles nothing: it has no account.
    ("POST /api/v1/clearing/defaults/{id}/collateral-sales", {"body": {"buyer": "XAAA"}}),
]


@pytest.fixture(scope="module")
def fuzz(django_db_setup: None, django_db_blocker: Any) -> Iterator[Fuzz]:
    """Make a market in a transaction around the file, and log an operator and a participant in."""
    from django.conf import settings as live
    from django.contrib.auth.models import User
    from django.core.cache import cache
    from django.test import Client

    from reference.core.actor import Role
    from reference.core.key_material import derive_signing_key
    from reference.core.scopes import scopes_of_role
    from tests.factories.fuzz_market import make_fuzz_market
    from tests.factories.fuzzing import Fuzz, undone
    from tests.factories.market import login
    from tests.factories.reporting import session_headers
    from tests.factories.signing import by_basic, make_key
    from trades.models import Venue

    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), undone():
        patch.setattr(live, "RATE_LIMITS", dict.fromkeys(live.RATE_LIMITS, "1000000000/60"))
        cache.clear()
        logging.disable()
        keys = make_fuzz_market().keys
        operator, alpha = login(name="operator"), Client()
        alpha.force_login(User.objects.get(username="alpha"))
        narrow = make_key("market:read", name="alpha")
        wide = make_key(*scopes_of_role(role=Role.OPERATOR), name="operator")
        named = {"api_key": narrow.key.client_id, "api_secret": narrow.secret}
        tokens = Client().post("/api/v1/auth/token", named, "application/json").json()
        logins = {
            "operator": session_headers(operator), "alpha": session_headers(alpha), "narrow": by_basic(*named.values()),
            "signed": by_basic(wide.key.client_id, wide.secret), "": {},
        }  # fmt: skip
        made = Fuzz(logins=logins, reader=operator, keys=keys | named | tokens)
        made.doors.application.keys[logins["signed"]["Authorization"]] = derive_signing_key(secret=wide.secret)
        made.by_field["mic"] = list(Venue.objects.values_list("mic", flat=True))
        yield made
        logging.disable(logging.NOTSET)


def play(
    fuzz: Fuzz, operations: list[Any], *, number: int, cases: int, groups: tuple[tuple[str, ...], ...],
    write: Callable[[str], None] = print,
) -> None:  # fmt: skip
    from tests.factories.fuzzing import report

    broken = []
    for operation in operations:
        outcomes = fuzz.run(operation, cases=cases, number=number, groups=groups)
        report(outcomes={operation.label: outcomes}, number=number, write=write)
        found = [
            f"{operation.label} as {login}: {title}\n{words}"
            for login, outcome in outcomes.items()
            for title, words in outcome.failures.items()
        ]
        for words in found:
            write(words)
        broken += found
    assert not broken, f"FUZZ_SEED={number}\n" + "\n\n".join(broken)


def test_every_operation_keeps_to_the_schema(fuzz: Fuzz) -> None:
    """Each operation once, in its plainest form, one in six with two cases more; in every run the same."""
    operations = fuzz.operations()
    for cases, some in ((1, operations), (SHORT_CASES, operations[::SHORT_STEP])):
        play(fuzz, some, number=ONCE, cases=cases, groups=(("operator", "alpha", "signed", ""),))


def test_every_operation_succeeds_as_the_schema_says(fuzz: Fuzz) -> None:
    """What each answers when it succeeds is checked, and not only how it refuses."""
    from tests.factories.fuzz_good import BEFORE, BODIES, QUERIES

    assert {*NEVER, *BODIES, *QUERIES, *BEFORE} <= set(fuzz.by_label), "an operation is gone"
    refused, broken = [], []
    for label, operation in fuzz.by_label.items():
        outcome = fuzz.run_good(operation)
        broken += [f"{label}: {title}\n{words}" for title, words in outcome.failures.items()]
        [status] = outcome.statuses
        if (status >= 300) != (label in NEVER):
            refused.append(f"{label}: {status} {fuzz.last[:600]!r}")
    assert not broken, "\n\n".join(broken)
    assert not refused, "\n".join(refused)


@pytest.mark.parametrize(("label", "sent"), FOUND)
def test_what_it_once_found_is_mended(fuzz: Fuzz, label: str, sent: dict[str, Any]) -> None:
    from tests.factories.fuzzing import Outcome

    good, outcome = fuzz.good[label], Outcome()
    fields = good.fields()
    for part, changed in sent.items():
        fields[part] = (fields.get(part) or {}) | changed
    fuzz.try_case(fuzz.by_label[label].Case(**fields), fuzz.logins[good.by], outcome)
    assert (outcome.cases, outcome.failures) == (1, {})


@pytest.mark.fuzz
@pytest.mark.parametrize("group", range(GROUPS))
def test_a_thousand_cases(fuzz: Fuzz, group: int) -> None:
    """What comes of each operation is written to LOG as it goes: all of it takes an hour."""

    def write(words: str) -> None:
        with LOG.open("a") as log:
            log.write(f"{words}\n")

    LOG.parent.mkdir(exist_ok=True)
    operations = [one for one in fuzz.operations()[group::GROUPS] if any(part in one.label for part in ONLY)]
    play(fuzz, operations, number=SEED, cases=CASES, groups=(LOGINS, ("",)), write=write)
