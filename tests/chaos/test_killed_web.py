"""The web server killed outright in the midst of uploads and single reports: each report once, no half upload.

Clients repeat what got no answer under the same key. The seed is printed, and CHAOS_SEED sets it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from events.services.seal import seal_records
from events.services.verify import signing_key, trusted_keys, verify_and_keep
from fmi.invariants import check_invariants
from reference.queries import forget_directory
from tests.factories.market import login, make_market
from tests.factories.processes import Processes, environment_of_production, environment_of_workers, wait_until
from tests.factories.reporting import CSV, Load, assert_kept, session_headers
from tests.factories.seeds import draw_seed
from trades.core.parsing import CHUNK_LINES
from trades.models import Submission, Trade

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BROKER = 7
KILLS = 8
LINES = CHUNK_LINES * 5 // 2
SINGLE_CLIENTS = 3
START_SECONDS = 60.0


@pytest.fixture
def processes(tmp_path: Path, db: None) -> Iterator[Processes]:
    """Give the web server, not started; leave nothing of it behind."""
    forget_directory()
    named = environment_of_workers(database_name=str(connection.settings_dict["NAME"]), broker_database=BROKER)
    made = Processes(directory=tmp_path, environment=environment_of_production(**named, WEB_THREADS="4"))
    yield made
    made.stop()


def captured_lines() -> list[int]:
    """Return how many lines each upload has, so far."""
    return list(Submission.objects.order_by("pk").values_list("lines", flat=True))


def test_killed_in_the_midst_of_uploads_every_report_is_there_once(processes: Processes) -> None:
    """One client uploads files, others report trade by trade."""
    draw = random.Random(draw_seed())
    market = make_market()
    headers = session_headers(login(participant=market.alpha, name="alpha"))
    forget_directory()
    load = Load()
    plain = {"port": processes.port, "headers": headers, "fields": lambda trade_id: market.report(trade_id=trade_id)}
    bulk = load.add(name="U@alpha", lines=LINES, form=CSV, **plain)
    for number in range(SINGLE_CLIENTS):
        load.add(name=f"S{number}@alpha", **plain)

    def serving() -> bool:
        """Do as an init system does, and tell whether there is an answer."""
        load.check()
        processes.start("web")
        return processes.ask("/health") == 200

    def in_the_midst() -> bool:
        """Tell whether an upload has begun that is not at its end."""
        load.check()
        return any(0 < found < LINES for found in captured_lines())

    wait_until(serving, seconds=START_SECONDS, processes=processes, what="the web server")
    load.start()
    harms = {"all": 0, "one": 0}
    cut, ready_seconds = 0, []
    for number in range(KILLS):
        if number % 2 == 0:
            wait_until(in_the_midst, seconds=START_SECONDS, processes=processes, what="the midst of an upload")
            time.sleep(draw.uniform(0, 0.3))
        else:
            before = load.acknowledged()
            wait_until(lambda: load.acknowledged() > before, seconds=START_SECONDS, processes=processes, what="answers")  # noqa: B023
            time.sleep(draw.uniform(0, 1.5))
        if draw.random() < 0.7 or not processes.kill_one_child("web"):
            processes.kill("web")
            harms["all"] += 1
        else:
            harms["one"] += 1
        killed_at = time.monotonic()
        cut += in_the_midst()
        if number == KILLS - 1:
            load.end()
        wait_until(serving, seconds=START_SECONDS, processes=processes, what="the web server, once more")
        ready_seconds.append(time.monotonic() - killed_at)
    load.stop()
    total = assert_kept(load=load, reporter_ids={"alpha": market.alpha.pk})
    # Every upload came to its end, as one submission, with all of its lines taken by it and none repeated.
    assert Submission.objects.count() == len(bulk.uploads) == len(set(bulk.uploads.values()))
    assert set(Submission.objects.values_list("lines", "accepted", "problem")) == {(LINES, LINES, "")}
    assert not Submission.objects.filter(finished_at=None).exists()
    assert Trade.objects.filter(submission__isnull=False).count() == LINES * len(bulk.uploads)
    assert [finding for finding in check_invariants() if finding.violations] == []
    heads = Path(os.environ["AUDIT_HEADS"])
    assert seal_records(key=signing_key(), heads=heads, now=timezone.now()).fault == ""
    verified = verify_and_keep(keys=trusted_keys(), heads=heads)
    assert (verified.fault, verified.records > 0) == ("", True)
    print(
        f"web server killed {KILLS} times ({harms['all']} whole, {harms['one']} one process): {total} reports, "
        f"{len(bulk.uploads)} uploads of {LINES} lines, {cut} found cut off half way and gone on with, "
        f"answering again after {max(ready_seconds):.1f} s at most; answers {dict(load.answers())}"
    )
    assert cut > 0
