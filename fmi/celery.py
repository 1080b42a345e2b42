"""The Celery application: a wake-up call for work that is due in the database."""

from __future__ import annotations

import json
import os
from typing import Any

from celery import Celery, bootsteps
from celery.signals import worker_init
from celery.worker import WorkController

from fmi.telemetry import carry, task_counts  # noqa: F401 (they listen to the signals of tasks)
from fmi.telemetry.counters import valkey

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fmi.settings")

HEARTBEAT_KEY = "worker-heartbeat"
# Each worker's last heartbeat, by its name: a worker that was killed is told from the time of it.
WORKERS_HASH = "fmi:workers"
HEARTBEAT_INTERVAL_SECONDS = 5
HEARTBEAT_EXPIRES_SECONDS = 20


class Heartbeat(bootsteps.StartStopStep):
    """Says every few seconds, in a cache key that expires, that this worker's main loop turns."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, parent: WorkController, **options: Any) -> None:
        self.timer_entry: Any = None

    def start(self, parent: WorkController) -> None:
        """Beat once, and from then on by the worker's own timer."""
        self._beat(parent)
        timer: Any = parent.timer
        self.timer_entry = timer.call_repeatedly(HEARTBEAT_INTERVAL_SECONDS, self._beat, (parent,))

    def stop(self, parent: Any) -> None:
        """Stop beating and say at once that the worker has left."""
        from django.core.cache import cache

        if self.timer_entry is not None:
            self.timer_entry.cancel()
            self.timer_entry = None
            cache.delete(HEARTBEAT_KEY)
            valkey().hdel(WORKERS_HASH, str(parent.hostname))

    @staticmethod
    def _beat(worker: Any) -> None:
        from django.core.cache import cache
        from django.utils import timezone

        beat = {"host": str(worker.hostname), "at": timezone.now().isoformat()}
        cache.set(HEARTBEAT_KEY, beat, timeout=HEARTBEAT_EXPIRES_SECONDS)
        told = {"at": beat["at"], "children": int(worker.concurrency or 0)}
        valkey().hset(WORKERS_HASH, str(worker.hostname), json.dumps(told))


app = Celery("fmi")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(Heartbeat)


@worker_init.connect
def compile_cores(**_: Any) -> None:
    """Compile the settlement core before the first cycle needs it; the worker's children inherit it."""
    from settlement.core.decide import warm_up

    warm_up()
