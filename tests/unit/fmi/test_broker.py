"""Valkey lost while a message waits for its answer: what the worker then does is an error of the connection."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Consumer, Queue
from kombu.transport.redis import Transport as KombusTransport
from redis.exceptions import ConnectionError as ConnectionLost

from fmi.broker import Transport
from fmi.embedded import start_valkey


def lose_broker(*, transport: type, directory: Path) -> tuple[Connection, Any]:
    """Take a message, wait for more on two channels, lose the broker, and tidy up as the worker does.

    Return the connection and the message. The channel that was made last is tidied up first, and fails.
    """
    server = start_valkey(directory=directory, throw_away=True)
    connection, taken = Connection(server.url, transport=transport), []
    channels: list[Any] = [connection.default_channel, connection.channel()]
    for channel in channels:
        queue = Queue(f"letters-{channel.channel_id}", channel=channel)
        Consumer(channel, [queue], callbacks=[lambda _, message: taken.append(message)]).consume()
    connection.Producer().publish({}, routing_key=f"letters-{channels[0].channel_id}", exchange="")
    for patience_seconds in (5, 0.1):
        with contextlib.suppress(TimeoutError):
            connection.drain_events(timeout=patience_seconds)
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    with contextlib.suppress(ConnectionLost):
        connection.collect()
    return connection, taken[0]


def close(connection: Connection, _message: Any) -> None:
    connection.close()


def acknowledge(connection: Connection, message: Any) -> None:
    with contextlib.suppress(AttributeError):
        connection.close()
    message.ack_log_error(logging.getLogger(__name__), connection.connection_errors)


@pytest.mark.parametrize("step", [close, acknowledge])
def test_a_lost_broker_ends_no_worker(tmp_path: Path, step: Callable[[Connection, Any], None]) -> None:
    with pytest.raises(AttributeError):
        step(*lose_broker(transport=KombusTransport, directory=tmp_path / "kombus"))
    step(*lose_broker(transport=Transport, directory=tmp_path / "ours"))
