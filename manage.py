#!/usr/bin/env python
"""Django's command line.

With nothing configured (no SECRET_KEY, DATABASE_URL or REDIS_URL) a command that needs the database
uses the servers under var/: those of a running `make run`, or its own for as long as it takes.
"""

import os
import sys

WITHOUT_SERVERS = {"help", "version", "check", "collectstatic", "spectacular"}
# What changes tables themselves, or reads all of them before there is another role: done as their owner.
AS_OWNER = {"flush", "migrate", "pgtrigger", "prepare", "table_hashes"}
# What needs neither servers nor a setting, whatever the environment has.
WITHOUT_SETTINGS = {"backtest", "cover2", "margin", "optimise"}
# Names for servers that such a command never asks.
NO_SERVERS = {"DATABASE_URL": "postgresql://127.0.0.1/fmi", "REDIS_URL": "redis://127.0.0.1/0"}


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fmi.settings")
    from django.core.management import execute_from_command_line

    from fmi.embedded import EmbeddedServerError
    from fmi.embedded.pair import is_local, leased_pair, local_settings
    from reference.origin import Door, Origin, enter_origin
    from reference.public_ids import new_public_id

    enter_origin(Origin(door=Door.COMMAND, client="".join(sys.argv[1:2]), correlation_id=new_public_id()))
    if sys.argv[1:2] and sys.argv[1] in WITHOUT_SETTINGS:
        os.environ["DEBUG"] = "true"
        execute_from_command_line(sys.argv)
        return
    if sys.argv[1:2] and sys.argv[1] in AS_OWNER:
        os.environ["AS_OWNER"] = "true"
    if not is_local():
        execute_from_command_line(sys.argv)
        return
    os.environ.update({name: os.environ.get(name) or value for name, value in local_settings().items()})
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command in WITHOUT_SERVERS or command.startswith("-") or {"--help", "--proof"} & set(sys.argv):
        os.environ.update(NO_SERVERS)
        execute_from_command_line(sys.argv)
        return
    try:
        with leased_pair() as pair:
            os.environ.update(pair.environment())
            execute_from_command_line(sys.argv)
    except EmbeddedServerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
