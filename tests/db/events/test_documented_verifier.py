"""What docs/events.md gives receivers to copy verifies what is really sent; so does the receiver for a laptop."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from events.services.manage_webhooks import rotate_secret
from events.services.send_webhooks import send_due
from events.services.webhook_calls import Message, send_message
from tests.factories.market import make_market
from tests.factories.receiver import Receiver, start_receiver
from tests.factories.webhooks import acting, subscribe, tell, user

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).resolve().parents[3] / "docs/events.md"
OTHER_SECRET = "whsec_" + "b3Ro" * 8


@pytest.fixture
def receiver(db: None, settings: Any) -> Iterator[Receiver]:
    make_market()
    settings.WEBHOOK_ALLOW_PRIVATE = True
    found = start_receiver()
    yield found
    found.stop()


@pytest.fixture
def is_genuine() -> Callable[[str, dict[str, str], bytes], bool]:
    """The function as it stands on the page."""
    (block,) = [code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "hmac" in code]
    names: dict[str, Any] = {}
    exec(compile(block, str(PAGE), "exec"), names)
    found: Callable[[str, dict[str, str], bytes], bool] = names["is_genuine"]
    return found


def test_the_ten_lines_of_the_page_tell_genuine_from_changed(
    receiver: Receiver, is_genuine: Callable[[str, dict[str, str], bytes], bool]
) -> None:
    owner: User = user("operator")
    made = subscribe(owner, receiver.url)
    tell(3)
    assert send_due(now=timezone.now()) == 1
    (sent,) = receiver.received
    headers, body = sent.headers, sent.body
    assert is_genuine(made.secret, headers, body)
    assert not is_genuine(OTHER_SECRET, headers, body)
    assert not is_genuine(made.secret, headers, body.replace(b"3", b"4"))
    assert not is_genuine(made.secret, headers | {"webhook-id": "another"}, body)
    later = str(int(headers["webhook-timestamp"]) + 1)
    assert not is_genuine(made.secret, headers | {"webhook-timestamp": later}, body)
    assert not is_genuine(made.secret, headers | {"webhook-signature": "v1,"}, body)
    # While a rotation has its grace, either secret does.
    new = rotate_secret(public_id=made.endpoint.public_id, grace=timedelta(hours=1), **acting(owner))
    tell(4)
    assert send_due(now=timezone.now()) == 1
    last = receiver.received[-1]
    assert is_genuine(made.secret, last.headers, last.body)
    assert is_genuine(new.secret, last.headers, last.body)
    # Rightly signed, and too old.
    tell(5)
    assert send_due(now=timezone.now() - timedelta(minutes=6)) == 1
    old = receiver.received[-1]
    assert not is_genuine(new.secret, old.headers, old.body)


def test_the_receiver_for_a_laptop_prints_what_is_signed_and_refuses_the_rest(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    secret = "whsec_" + "eHh4" * 8
    monkeypatch.delenv("WEBHOOK_SECRET", raising=False)
    with pytest.raises(CommandError, match="WEBHOOK_SECRET"):
        call_command("listen_webhooks", "--port", "0")
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    out = io.StringIO()
    listening = threading.Thread(
        target=call_command,
        args=("listen_webhooks", "--port", "0", "--count", "3"),
        kwargs={"stdout": out},
        daemon=True,
    )
    listening.start()
    give_up_at = time.monotonic() + 10
    while (found := re.search(r"Listening on (http://127\.0\.0\.1:\d+/)", out.getvalue())) is None:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
    good = Message(1, 1, "msg_1", found[1], '{"type":"fmi.Ping","words":"Zürich"}'.encode(), (secret,))
    assert send_message(message=good, at=timezone.now()).status == 204
    assert send_message(message=replace(good, secrets=(OTHER_SECRET,)), at=timezone.now()).status == 401
    assert send_message(message=good, at=timezone.now() - timedelta(minutes=6)).status == 401
    listening.join(timeout=10)
    assert not listening.is_alive(), "it ends after as many as it was asked for"
    lines = out.getvalue().splitlines()[1:]
    assert lines[0] == 'msg_1 {"type": "fmi.Ping", "words": "Zürich"}'
    assert [line.partition(":")[0] for line in lines[1:]] == ["refused", "refused"]
