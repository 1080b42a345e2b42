"""A running server process: how it is started apart from the terminal, watched and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"


class EmbeddedServerError(RuntimeError):
    """An embedded server did not start or stop."""


def free_port() -> int:
    """Return a TCP port of the loopback address that nothing listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


def port_is_free(*, port: int, host: str = LOOPBACK) -> bool:
    """Say whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # Without this a port that a server left a minute ago counts as taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
    return True


def port_answers(*, port: int, host: str = LOOPBACK) -> bool:
    """Say whether something accepts a connection on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        return client.connect_ex((host, port)) == 0


def process_lives(*, process_id: int, program: str) -> bool:
    """Say whether the process runs and, where the system tells, still is that program.

    A process id alone is not enough: after a crash or a reboot it may belong to somebody else.
    """
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return True
    name, _, rest = status.partition("(")[2].rpartition(")")
    return name.startswith(program[:15]) and not rest.strip().startswith("Z")


def last_lines(*, log: Path, count: int = 8) -> str:
    """Return the end of a log file, for the message of an error."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Server:
    """One running server: what it is, where it answers and how it likes to be stopped."""

    program: str
    process_id: int
    port: int
    url: str
    stop_signal: int
    process: subprocess.Popen[bytes] | None = None
    # For the role that may only do what the product does; `url` is the owner's.
    app_url: str = ""

    def lives(self) -> bool:
        """Say whether the process still runs."""
        if self.process is not None:
            return self.process.poll() is None
        return process_lives(process_id=self.process_id, program=self.program)

    def stop(self, *, patience_seconds: float = 30.0) -> None:
        """Stop the process and wait until it is gone; kill it when it outstays the patience.

        Raises EmbeddedServerError when even that does not end it.
        """
        for sent, seconds in ((self.stop_signal, patience_seconds), (signal.SIGKILL, 10.0)):
            if not self.lives():
                return
            try:
                os.kill(self.process_id, sent)
            except ProcessLookupError:
                return
            give_up_at = time.monotonic() + seconds
            while self.lives() and time.monotonic() < give_up_at:
                time.sleep(0.02)
        if self.lives():
            raise EmbeddedServerError(f"{self.program} (process {self.process_id}) does not stop.")


def spawn(
    *,
    command: Sequence[str | Path],
    log: Path,
    before_exec: Callable[[], None] | None = None,
    environment: dict[str, str] | None = None,
    directory: Path = Path("/"),
) -> subprocess.Popen[bytes]:
    """Start a server in its own session, so that Ctrl-C in the terminal does not reach it first.

    Its output is appended to the log. Raises EmbeddedServerError when the program cannot be run.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Safe here: the processes that start servers have one thread.
                preexec_fn=before_exec,  # noqa: PLW1509
                env=environment,
                cwd=directory,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedServerError(f"{command[0]} cannot be run: {error}") from error


def wait_until(
    *,
    program: str,
    ready: Callable[[], bool],
    process: subprocess.Popen[bytes],
    log: Path,
    seconds: float = 60.0,
) -> None:
    """Wait until the server answers. Raises EmbeddedServerError with the end of its log otherwise."""
    give_up_at = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise EmbeddedServerError(f"{program} ended with code {process.returncode}:\n{last_lines(log=log)}")
        if time.monotonic() > give_up_at:
            process.kill()
            process.wait()
            raise EmbeddedServerError(f"{program} gave no answer in {seconds:.0f} s:\n{last_lines(log=log)}")
        time.sleep(0.02)
