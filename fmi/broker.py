"""Celery's transport over Valkey, whose worker lives on when Valkey is lost while messages wait for their answer.

When the connection is lost the worker closes it twice. The first time may fail half way; the second gives back what was
not acknowledged, and for that asks a transport that has no connection any more where to connect to. The AttributeError
ends the worker, for nothing expects it. The same meets a task that ends meanwhile and acknowledges its message. Told as
an error of the connection it is let pass, and the worker connects anew.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as ConnectionLost


class Channel(redis.Channel):
    """A channel that says by name that its connection is gone."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if self.connection is None or self.connection.client is None:
            raise ConnectionLost("The connection to the broker is closed.")
        return dict(super()._connparams(asynchronous=asynchronous))  # type: ignore[misc]


class Transport(redis.Transport):
    """What CELERY_BROKER_TRANSPORT names."""

    Channel = Channel
