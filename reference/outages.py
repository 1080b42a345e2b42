"""When PostgreSQL does not answer: told from errors of ours, and answered with 503 instead of 500."""

from __future__ import annotations

import logging

from django.db import DatabaseError, InterfaceError, OperationalError

from reference.refusals import Refusal

# Classes of SQLSTATE (PostgreSQL, appendix A): connection exceptions, insufficient resources; and the server that ends
# a session or takes none (admin_shutdown, crash_shutdown, cannot_connect_now).
OUTAGE_CLASSES = ("08", "53")
OUTAGE_STATES = frozenset({"57P01", "57P02", "57P03"})
log = logging.getLogger(__name__)


class DatabaseUnavailable(Refusal):
    """The database does not answer at this moment. Send the request again, under the same Idempotency-Key.

    Nothing is half-written: each change is one transaction. Whether that of this very request was committed is not
    known where the connection broke in the midst of it; under an Idempotency-Key the answer is the same either way.
    """

    code = "database-unavailable"
    status = 503


def outage_of(error: BaseException | None) -> DatabaseUnavailable | None:
    """Return the refusal where an error says that the database is not there, None for any other error."""
    if not isinstance(error, DatabaseError | InterfaceError):
        return None
    state = getattr(error.__cause__, "sqlstate", None)
    if isinstance(error, InterfaceError):
        is_outage = "closed" in str(error)
    elif state is None:
        # Libpq's own errors have no SQLSTATE: no connection was made, or it was lost.
        is_outage = isinstance(error, OperationalError)
    else:
        is_outage = state in OUTAGE_STATES or state.startswith(OUTAGE_CLASSES)
    if not is_outage:
        return None
    log.error("the database does not answer: %s", str(error).strip().replace("\n", " "))
    return DatabaseUnavailable()
