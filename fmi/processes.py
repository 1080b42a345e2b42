"""A process of the product: how `make run` starts it, watches it and stops it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from fmi.embedded.pair import ROOT, VAR
from fmi.embedded.server import last_lines, spawn

LOGS = VAR / "log"
STOP_PATIENCE_SECONDS = 20.0

# linux/prctl.h
PR_SET_PDEATHSIG = 1


class RunError(RuntimeError):
    """`make run` cannot go on; the message is what the person in front of it reads."""


@dataclass
class Stop:
    """Set by a signal and looked at between all steps, so that nothing is cut off half way."""

    signals: int = 0

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Count the signal; a second one stops without patience."""
        self.signals += 1

    def is_asked(self) -> bool:
        """Say whether the run shall end."""
        return self.signals > 0


@dataclass
class Child:
    """A process of the product, in a group of its own, with its output in var/log/<name>.log."""

    name: str
    arguments: tuple[str, ...]
    extra: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """The file that the process writes to."""
        return LOGS / f"{self.name}.log"

    def start(self, environment: dict[str, str]) -> None:
        """Start the process; the log of the start before is kept beside the new one."""
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".previous.log"))
        self.process = spawn(
            command=[sys.executable, *self.arguments],
            log=self.log,
            before_exec=end_with_parent(),
            environment=environment | dict(self.extra),
            directory=ROOT,
        )

    def has_ended(self) -> bool:
        """Say whether the process, once started, is gone."""
        return self.process is not None and self.process.poll() is not None

    def ask_to_stop(self) -> None:
        """Ask the process to finish what it does."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait_or_kill(self, *, give_up_at: float, stop: Stop, asked_before: int) -> None:
        """Wait until the process is gone, then end whatever it left in its group.

        A killed worker loses nothing: its task is given again.
        """
        if self.process is None:
            return
        while self.process.poll() is None and time.monotonic() < give_up_at and stop.signals == asked_before:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def end_with_parent() -> Callable[[], None] | None:
    """Return what a child does first, so that it ends too when this process is killed outright."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)

    def bind_to_parent() -> None:
        library.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    return bind_to_parent


def raise_for_ended(started: list[Child]) -> None:
    """Raise RunError, with the end of its log, when a process is gone."""
    for child in started:
        if child.has_ended() and child.process is not None:
            raise RunError(
                f"The {child.name} process ended with code {child.process.returncode}. "
                f"The end of {child.log}:\n{last_lines(log=child.log, count=15)}"
            )


def stop_children(*, started: list[Child], stop: Stop) -> None:
    """Stop beat, then the worker, then the web process; a second signal ends the patience."""
    asked_before = stop.signals
    for child in reversed(started):
        child.ask_to_stop()
    give_up_at = time.monotonic() + STOP_PATIENCE_SECONDS
    for child in reversed(started):
        child.wait_or_kill(give_up_at=give_up_at, stop=stop, asked_before=asked_before)
