"""A host's addresses, asked for with a time limit: the system's own question has none.

Each question has a thread of its own, which whoever asked leaves behind when the time is over. The resolver gives up by
itself after its attempts (resolv.conf), some tens of seconds; until then the thread waits, holds nothing that another
question needs, and does not keep the process from ending. As the sender has sixteen places, and keeps one for as long
as it waits itself, sixteen new ones in ten seconds are the most.
"""

from __future__ import annotations

import socket
from queue import Empty, SimpleQueue
from threading import Thread


def look_up_host(*, host: str, port: int, seconds: float) -> list[str]:
    """Return the addresses of a host, each once, as the resolver orders them.

    Raises OSError where it has none, TimeoutError where the answer does not come in so many seconds, ValueError for
    a name that cannot be asked for.
    """
    answers: SimpleQueue[list[str] | OSError | ValueError] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, ValueError) as problem:
            answers.put(problem)

    Thread(target=ask, name="host lookup", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError("the name server does not answer") from None
    if isinstance(answer, list):
        return answer
    raise answer
