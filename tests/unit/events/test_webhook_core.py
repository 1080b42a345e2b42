"""Where webhooks may go, when they are tried again, and when an endpoint is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from events.core.webhook_retries import (
    GIVE_UP_AFTER,
    MOST_ATTEMPTS,
    STEPS_SECONDS,
    Breaker,
    move_breaker,
    wait_seconds,
)
from events.core.webhook_targets import is_public, read_target

NOW = datetime(2008, 9, 15, 9, tzinfo=UTC)
PRIVATE = (
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1", "192.0.2.1",
    "192.168.1.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1",
    "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::1",
    "2001:0:53aa:64c::1", "2001:db8::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
)  # fmt: skip


@pytest.mark.parametrize("text", PRIVATE)
def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    assert not is_public(ip_address(text))
    host = f"[{text}]" if ":" in text else text
    if "%" not in text:
        with pytest.raises(ValueError, match="public"):
            read_target(url=f"https://{host}/x", allow_http=False, allow_private=False)
        assert read_target(url=f"https://{host}/x", allow_http=False, allow_private=True).path == "/x"


@pytest.mark.parametrize("text", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:80b::200e"])
def test_a_public_address_will_do(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/", "ftp://hooks.example/", "https://", "https:///x", "https://u:p@hooks.example/",
        "https://u@hooks.example/", "https://hooks.example/#x", "https://hooks.example:22/", "https://hooks.example:99999/",
        "https://localhost/", "https://a.localhost./", "https://hooks.example/\r\nx: y", "https://hooks.example/ä",
        "https://hooks.example\\@evil.example/", "https://-x.example/", "https://x..example/", "https://[::1/",
        "https://hooks.example/" + "x" * 500, "hooks.example",
    ],
)  # fmt: skip
def test_other_addresses_are_refused_in_words(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|port"):
        read_target(url=url, allow_http=False, allow_private=False)


def test_a_good_address_is_read() -> None:
    target = read_target(url="https://Hooks.example:8443/in?a=1", allow_http=False, allow_private=False)
    assert (target.host, target.port, target.path) == ("hooks.example", 8443, "/in?a=1")
    assert target.authority == "hooks.example:8443"
    assert read_target(url="http://x.example", allow_http=True, allow_private=False).authority == "x.example"
    assert (
        read_target(url="https://[2606:4700::1]/", allow_http=False, allow_private=False).authority == "[2606:4700::1]"
    )


def test_waits_are_drawn_evenly_up_to_their_step_and_repeat() -> None:
    for attempts, step in enumerate(STEPS_SECONDS, start=1):
        waits = [wait_seconds(message_id=str(place), attempts=attempts) or 0.0 for place in range(400)]
        assert min(waits) >= 1
        assert max(waits) <= step
        assert sum(waits) / len(waits) == pytest.approx(step / 2, rel=0.15)
        assert len(set(waits)) > 300
    assert wait_seconds(message_id="a", attempts=3) == wait_seconds(message_id="a", attempts=3)
    assert wait_seconds(message_id="a", attempts=MOST_ATTEMPTS) is None
    assert wait_seconds(message_id="a", attempts=1, retry_after_seconds=300) == 300
    assert wait_seconds(message_id="a", attempts=1, retry_after_seconds=10**9) == 86_400


def test_the_circuit_opens_probes_and_closes() -> None:
    four = move_breaker(breaker=Breaker(), successes=[False] * 4, now=NOW)
    assert (four.failures, four.opened_until) == (4, None)
    # Those that were under way when it opened do not open it again.
    opened = move_breaker(breaker=four, successes=[False] * 3, now=NOW)
    assert (opened.failures, opened.opened_until) == (7, NOW + timedelta(seconds=30))
    probe_at = NOW + timedelta(seconds=31)
    again = move_breaker(breaker=opened, successes=[False], now=probe_at)
    assert again.opened_until == probe_at + timedelta(seconds=240)
    assert move_breaker(breaker=again, successes=[True], now=probe_at) == Breaker()
    longest = move_breaker(breaker=Breaker(failures=90, failing_since=NOW), successes=[False], now=NOW)
    assert longest.opened_until == NOW + timedelta(seconds=1800)
    assert not longest.is_given_up
    assert move_breaker(breaker=longest, successes=[False], now=NOW + GIVE_UP_AFTER).is_given_up
    assert not move_breaker(breaker=longest, successes=[False, True], now=NOW + GIVE_UP_AFTER).is_given_up
