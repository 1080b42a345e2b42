"""GET /health: does this process reach what it needs, and does a worker turn?"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from fmi.celery import HEARTBEAT_KEY


@never_cache
@login_not_required
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 with status ok, or 503 with status degraded and what is wrong."""
    state = read_health()
    return JsonResponse(state, status=200 if state["status"] == "ok" else 503)


def read_health() -> dict[str, Any]:
    """Return the state of the database, the broker and the worker, each "ok" or what is wrong."""
    database = _database_state()
    broker, worker = _broker_and_worker_state()
    is_ok = database == broker == worker == "ok"
    return {
        "status": "ok" if is_ok else "degraded",
        "version": settings.VERSION,
        "database": database,
        "broker": broker,
        "worker": worker,
    }


def _database_state() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def _broker_and_worker_state() -> tuple[str, str]:
    """Read the worker's heartbeat; that read is the broker's own check, for both are one server."""
    try:
        beat = cache.get(HEARTBEAT_KEY)
    except (RedisError, OSError):
        return "unreachable", "unknown"
    return "ok", "ok" if beat else "no heartbeat"
