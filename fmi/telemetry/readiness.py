"""GET /health: does this process answer? GET /ready: does it reach what it needs, and does a worker turn?

/health asks nobody else: whoever restarts a process on it restarts it for its own fault only. /ready is what a load
balancer and a start ask: 503 with what is wrong takes this process out of the rotation and leaves it running.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from fmi.celery import HEARTBEAT_KEY
from fmi.telemetry.counters import valkey

OK = "ok"


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state of each part, "ok" or what is wrong; the messages that no worker has taken (None: unknown)."""

    parts: dict[str, str]
    queued: int | None
    worker: dict[str, Any] | None

    @property
    def ready(self) -> bool:
        """Tell whether all parts are in order."""
        return all(state == OK for state in self.parts.values())


@never_cache
@login_not_required
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200: this process lives."""
    return JsonResponse({"status": OK, "version": settings.VERSION})


@never_cache
@login_not_required
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 with status ok, or 503 with status degraded and what is wrong."""
    found = read_readiness()
    document = {"status": OK if found.ready else "degraded", "version": settings.VERSION, **found.parts}
    answer = JsonResponse(document, status=200 if found.ready else 503)
    # Asked every few seconds; that it is not ready is an answer, not an error of this request.
    answer._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return answer


def read_readiness() -> Readiness:
    """Return the state of the database, its migrations, the broker and the worker."""
    database, migrations = _database_states()
    broker, worker, beat, queued = _broker_and_worker()
    parts = {"database": database, "migrations": migrations, "broker": broker, "worker": worker}
    return Readiness(parts=parts, queued=queued, worker=beat)


def _database_states() -> tuple[str, str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            applied = set(cursor.fetchall())
    except DatabaseError as error:
        missing = getattr(error.__cause__, "sqlstate", None) == "42P01"
        return (OK, "not applied") if missing else ("unreachable", "unknown")
    waiting = sorted(f"{app}.{name}" for app, name in known_migrations() - applied)
    return OK, f"not applied: {', '.join(waiting[:3])}" if waiting else OK


@lru_cache
def known_migrations() -> frozenset[tuple[str, str]]:
    """Return the migrations of this code, read once: it does not change under a running process."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _broker_and_worker() -> tuple[str, str, dict[str, Any] | None, int | None]:
    """Read the worker's heartbeat and the queue; that read is the broker's own check, for both are one server."""
    try:
        beat = cache.get(HEARTBEAT_KEY)
        queued = int(valkey().llen(settings.CELERY_TASK_DEFAULT_QUEUE))
    except (RedisError, OSError):
        return "unreachable", "unknown", None, None
    return OK, OK if beat else "no heartbeat", beat, queued
