"""Requests in a process of their own that is killed on its way, at a place that a test names."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

from django.db import connection


def die(*_: Any, **__: Any) -> None:
    """Be killed outright."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(act: Callable[..., Any]) -> Callable[..., Any]:
    """Do it, then die."""

    def acted(*arguments: Any, **named: Any) -> None:
        act(*arguments, **named)
        die()

    return acted


def run_killed(*, patch: Callable[[], None], act: Callable[[], Any]) -> None:
    """Patch the product and act, in a process of its own with a connection of its own, which is killed by then."""

    def run() -> None:
        inherited = connection.connection
        connection.connection = None
        patch()
        act()
        # The patched place was not passed: say so by another end.
        os._exit(inherited is None)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(timeout=60)
    assert process.exitcode == -signal.SIGKILL, "the place of the kill was not passed"
