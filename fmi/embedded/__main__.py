"""The embedded servers by hand.

    python -m fmi.embedded up | down | env | status [--directory DIRECTORY]
    python -m fmi.embedded with [--durable] -- COMMAND…

`eval "$(python -m fmi.embedded up)"` starts a pair and sets the variables that name it; `with` runs
a command on a new pair that is thrown away afterwards, and returns the command's exit code.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fmi.embedded.pair import VAR, Pair, local_settings, pin_pair, running_pair, stop_pair
from fmi.embedded.postgres import start_postgres
from fmi.embedded.server import EmbeddedServerError
from fmi.embedded.valkey import start_valkey


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m fmi.embedded",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("up", "down", "env", "status", "with"))
    parser.add_argument("--directory", type=Path, default=VAR, help="where the data lie, var/ by default")
    parser.add_argument("--durable", action="store_true", help="with: write to the disk as in production")
    own, rest = _split(sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_args(own)
    directory = options.directory.resolve()
    if (options.command == "with") != bool(rest):
        parser.error("`with`, and it alone, is followed by -- and the command to run")
    try:
        if options.command == "with":
            return run_with_servers(command=rest, directory=directory, durable=options.durable)
        return _manage_pair(command=options.command, directory=directory)
    except EmbeddedServerError as error:
        print(error, file=sys.stderr)
        return 1


def _split(arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Cut the arguments at the first `--`: what is ours, and the command to run."""
    if "--" not in arguments:
        return arguments, ()
    cut = list(arguments).index("--")
    return arguments[:cut], arguments[cut + 1 :]


def run_with_servers(*, command: Sequence[str], directory: Path, durable: bool) -> int:
    """Run a command on a new pair of servers and return its exit code; the pair is thrown away.

    The pair lies in a new directory under `directory`. Ctrl-C and SIGTERM reach the command, and
    the servers are stopped once it has ended. Raises EmbeddedServerError when one does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="throw-away-", dir=directory))
    place.chmod(0o711)
    servers = []
    process: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: object) -> None:
        if process is not None and process.poll() is None:
            process.send_signal(number)

    # From a terminal Ctrl-C reaches the command by itself; here it is only kept from ending us first.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    signal.signal(signal.SIGTERM, pass_on)
    try:
        servers.append(start_postgres(directory=place / "postgres", throw_away=not durable))
        servers.append(start_valkey(directory=place / "valkey", throw_away=not durable))
        environment = os.environ | local_settings(directory=place)
        environment |= {"DATABASE_URL": servers[0].url, "REDIS_URL": servers[1].url}
        process = subprocess.Popen(list(command), env=environment)
        return process.wait()
    except OSError as error:
        raise EmbeddedServerError(f"{command[0]} cannot be run: {error}") from error
    finally:
        for server in reversed(servers):
            server.stop()
        shutil.rmtree(place, ignore_errors=True)


def _manage_pair(*, command: str, directory: Path) -> int:
    if command == "up":
        print(_exports(pin_pair(directory=directory), directory))
    elif command == "down":
        if not stop_pair(directory=directory):
            print("The servers are in use; who uses them last stops them.", file=sys.stderr)
    elif command == "env":
        pair = running_pair(directory=directory)
        if pair.postgres is None or pair.valkey is None:
            print("The servers do not run: python -m fmi.embedded up", file=sys.stderr)
            return 1
        print(_exports(pair, directory))
    else:
        print(_status(running_pair(directory=directory)))
    return 0


def _exports(pair: Pair, directory: Path) -> str:
    variables = local_settings(directory=directory) | pair.environment()
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def _status(pair: Pair) -> str:
    lines = []
    for name, server in (("PostgreSQL", pair.postgres), ("Valkey", pair.valkey)):
        where = f"port {server.port}, process {server.process_id}" if server else "does not run"
        lines.append(f"{name}: {where}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
