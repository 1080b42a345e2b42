"""docs/api.md: its very commands, in a shell, against a real server; and its answers, compared with the real ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.routing import Desk

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "@@block "
PASSWORD = "a walk of many steps"
PATIENCE_SECONDS = 180

pytestmark = pytest.mark.slow


def make_walkers() -> Desk:
    """Make a market whose clock stands at ten on a Monday, three who log in, and something to trade with."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher
    from django.contrib.auth.models import User

    from reference.queries import forget_directory
    from settlement.services.load_schedule import load_schedule
    from tests.factories.reference import MembershipFactory, UserFactory
    from tests.factories.routing import make_desk
    from tests.factories.settled import fund

    desk = make_desk()
    load_schedule()
    fund(desk.market)
    desk.offer("XAAA", 50, "9.99")
    # The server hashes as the product does, not as the tests do.
    password = PBKDF2PasswordHasher().encode(PASSWORD, "0" * 22)
    for name, participant in (("operator", None), ("alpha", desk.market.alpha), ("bravo", desk.market.bravo)):
        user = UserFactory.create(username=name)
        User.objects.filter(pk=user.pk).update(password=password)
        MembershipFactory.create(
            user=user, participant=participant, role="PARTICIPANT" if participant else "OPERATOR"
        )  # fmt: skip
    forget_directory()
    return desk


@pytest.fixture
def walk(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    """Serve the market, with what the workers do done here; give the variables that the documentation asks for."""
    from tests.factories.serving import serving

    stop = threading.Event()
    with serving(name="test_walk", prepare=make_walkers, blocker=django_db_blocker) as (port, desk):
        worker = threading.Thread(target=work, args=(stop,))
        worker.start()
        try:
            yield {
                "FMI": f"http://127.0.0.1:{port}", "PASSWORD": PASSWORD, "OPERATOR": "operator", "BUYER": "ALPHA",
                "SELLER": "BRAVO", "CLIENT": desk.client.code, "ISIN": desk.market.equity.code, "CURRENCY": "EUR",
                "PRICE": "9.99",
            }  # fmt: skip
        finally:
            stop.set()
            worker.join()


def work(stop: threading.Event) -> None:
    """Do what beat and the workers do, until told to stop: the tasks that follow facts, and the clock."""
    from django.db import connection

    from fmi.business_day import run_flow
    from fmi.tasks import follow_clock

    try:
        while not stop.wait(0.2):
            try:
                run_flow()
                follow_clock()
            except Exception:  # As in a worker: the next round tries again, and the walk tells.
                traceback.print_exc()
    finally:
        connection.close()


def blocks_of(document: str) -> list[tuple[str, str]]:
    """Return the kinds and texts of a document's code blocks, from the walk on."""
    return BLOCK.findall(document)


def holds(real: Any, shown: Any, place: str = "") -> None:
    """Assert that an answer has at least what is shown of it: `…` is anything."""
    if isinstance(shown, dict):
        assert isinstance(real, dict), place
        assert set(shown) <= set(real), f"{place}: no {sorted(set(shown) - set(real))} in {real}"
        for name, inner in shown.items():
            holds(real[name], inner, f"{place}/{name}")
    elif isinstance(shown, list):
        assert isinstance(real, list), f"{place}: {real}"
        assert len(real) >= len(shown), f"{place}: {real}"
        for position, inner in enumerate(shown):
            holds(real[position], inner, f"{place}/{position}")
    elif shown != "…":
        assert real == shown, f"{place}: {real!r}, not {shown!r}"


@pytest.mark.django_db
def test_every_address_that_the_documentation_names_is_there(client: Client) -> None:
    text = (ROOT / "docs/api.md").read_text()
    named = set(re.findall(r"/problems/[a-z-]+", text)) | {"/problems/", "/api/schema", "/api/docs", "/login/"}
    assert len(named) >= 7
    for path in named:
        assert path in text
        assert client.get(path).status_code in (200, 302), path


def test_the_walk_of_the_documentation(walk: dict[str, str]) -> None:
    sign = blocks_of((ROOT / "docs/security.md").read_text())[0]
    script = ["set -eu", sign[1]]
    shown: list[Any] = []
    for kind, text in blocks_of((ROOT / "docs/api.md").read_text()):
        if kind == "sh":
            script.append(f"printf '\\n{MARK}%s\\n' {len(shown)}\n{text}")
            shown.append(None)
        else:
            shown[-1] = json.loads(text)
    assert sum(one is not None for one in shown) >= 12
    command = ["timeout", str(PATIENCE_SECONDS), "bash", "-c", "\n".join(script)]
    done = subprocess.run(command, env=os.environ | walk, capture_output=True, text=True, check=False)
    written = dict(part.split("\n", 1) for part in done.stdout.split(MARK)[1:])
    assert done.returncode == 0, f"{done.stderr[-1500:]}\n{list(written.items())[-2:]}"
    for number, expected in enumerate(shown):
        if expected is not None:
            holds(json.loads(written[str(number)]), expected, f"block {number}")
    assert_that_one_of_eight_wins(walk)


def assert_that_one_of_eight_wins(walk: dict[str, str]) -> None:
    """Assert that of eight changes at once that rest on the same reading exactly one is made."""
    from reference.models import Participant
    from tests.factories.market import login

    path, operator = "/api/v1/static-data/participants/CHARLIE", login(name="second-operator")
    tag = operator.get(path)["ETag"]
    cookie = operator.cookies["sessionid"].value
    answers: list[int] = []

    def change(number: int) -> None:
        script = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PATCH", walk["FMI"] + path,
                  "-H", f"Cookie: sessionid={cookie}; csrftoken={'t' * 32}", "-H", f"X-CSRFToken: {'t' * 32}",
                  "-H", f"If-Match: {tag}", "-H", "Content-Type: application/json",
                  "-d", json.dumps({"name": f"Charlie {number}"})]  # fmt: skip
        answers.append(int(subprocess.run(script, capture_output=True, check=True, text=True).stdout))

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [412] * 7
    assert Participant.objects.get(code="CHARLIE").name.startswith("Charlie ")
