"""Beat's schedule on a wall clock that may be set back."""

from typing import Any

from celery.beat import PersistentScheduler


class SteadyScheduler(PersistentScheduler):
    """Celery's own scheduler, which goes on from the new time where the wall clock was set back.

    Celery's would send nothing until the clock has come again to where it was: an hour set back is an hour without
    deliveries, sweeps and business time. What ran last counts as having run just now, so that nothing is sent twice.
    """

    def tick(self, *args: Any, **options: Any) -> float:
        """Send what is due; return the seconds until the next call."""
        ahead = [
            entry for entry in self.schedule.values() if entry.last_run_at and entry.last_run_at > entry.default_now()
        ]
        for entry in ahead:
            entry.last_run_at = entry.default_now()
        if ahead:
            # Its times are of the old clock; it is made anew from the entries.
            self._heap = None
        return float(super().tick(*args, **options))
