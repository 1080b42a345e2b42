"""PostgreSQL 18 and Valkey from their Python wheels, for a laptop, a test run and a benchmark.

Nothing here imports Django: the servers must run before the settings name them.

    start_postgres(directory=..., port=...)   start_valkey(directory=..., port=...)   Server.stop()
    python -m fmi.embedded up | down | env | status
"""

from fmi.embedded.postgres import start_postgres
from fmi.embedded.server import EmbeddedServerError, Server, free_port, port_is_free
from fmi.embedded.valkey import start_valkey

__all__ = [
    "EmbeddedServerError",
    "Server",
    "free_port",
    "port_is_free",
    "start_postgres",
    "start_valkey",
]
