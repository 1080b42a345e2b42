"""Bring the schedule of the business day up to date; what an operator changed stays."""

import csv
from datetime import time
from pathlib import Path
from typing import Any

from django.db import transaction

from settlement.models import ScheduledStep

SCHEDULE_FILE = Path(__file__).resolve().parent.parent / "schedule.csv"

Shipped = dict[str, Any]


def load_schedule() -> int:
    """Bring the schedule up to date with schedule.csv; return how many steps a day has.

    Each row remembers what it was like when it came (`shipped`), as a package manager does with its files of
    settings. So a field that still is what came takes its new value, one that an operator changed keeps it, a
    step that is no longer brought and was never changed becomes inactive, and a new one is added, a minute or
    more later where an operator's step has its time. A day that is open keeps its plan.
    """
    wanted = _read_file()
    with transaction.atomic():
        standing = {row.code: row for row in ScheduledStep.objects.select_for_update().order_by("code")}
        retired = [code for code, row in standing.items() if code not in wanted and _is_untouched(row) and row.active]
        changed = [standing[code] for code in wanted if code in standing and wanted[code] != standing[code].shipped]
        changed = [row for row in changed if row.shipped]
        missing = [code for code in wanted if code not in standing]
        if retired or changed or missing:
            _merge(wanted=wanted, standing=standing, retired=retired, changed=changed, missing=missing)
    return ScheduledStep.objects.filter(active=True).count()


def _read_file() -> dict[str, Shipped]:
    """Return each step of the file by its code, in the form in which a row remembers it."""
    with SCHEDULE_FILE.open(newline="") as file:
        return {
            row["code"]: {
                "name": row["name"],
                "phase": row["phase"],
                "action": row["action"],
                "day_offset": int(row["day_offset"]),
                "time_of_day": row["time_of_day"],
                "partials": row["partials"] == "yes",
                "window_minutes": int(row["window_minutes"]),
                "movements": row["movements"],
                "real_time": row["real_time"],
            }
            for row in csv.DictReader(file)
        }


def _merge(
    *,
    wanted: dict[str, Shipped],
    standing: dict[str, ScheduledStep],
    retired: list[str],
    changed: list[ScheduledStep],
    missing: list[str],
) -> None:
    """Write the differences: first free the times of what goes or moves, then take them."""
    active = {row.code: row.active for row in changed}
    ScheduledStep.objects.filter(code__in=[*retired, *active]).update(active=False)
    free_again = {*retired, *active}
    taken = {
        (row.day_offset, row.time_of_day) for row in standing.values() if row.active and row.code not in free_again
    }
    for row in changed:
        new = wanted[row.code]
        for field in [field for field, value in new.items() if _shown(row, field) == row.shipped.get(field, value)]:
            setattr(row, field, _stored(field, new[field]))
        row.shipped = new
    added = [
        ScheduledStep(
            code=code, shipped=wanted[code], **{field: _stored(field, value) for field, value in wanted[code].items()}
        )
        for code in missing
    ]
    for row in [*(row for row in changed if active[row.code]), *added]:
        while (row.day_offset, row.time_of_day) in taken:
            row.time_of_day = _a_minute_later(row.time_of_day)
        taken.add((row.day_offset, row.time_of_day))
    for row in changed:
        row.active = active[row.code]
    ScheduledStep.objects.bulk_update(changed, [*next(iter(wanted.values())), "shipped", "active"])
    ScheduledStep.objects.bulk_create(added, ignore_conflicts=True)


def _is_untouched(row: ScheduledStep) -> bool:
    """Tell whether a row came with the product and is as it came."""
    return bool(row.shipped) and all(_shown(row, field) == value for field, value in row.shipped.items())


def _shown(row: ScheduledStep, field: str) -> Any:
    """Return a field of a row in the form in which it remembers it."""
    value = getattr(row, field)
    return value.isoformat("minutes") if isinstance(value, time) else value


def _stored(field: str, value: Any) -> Any:
    """Return a remembered value as the row holds it."""
    return time.fromisoformat(value) if field == "time_of_day" else value


def _a_minute_later(moment: time) -> time:
    """Return the time of day one minute later."""
    hours, minutes = divmod(moment.hour * 60 + moment.minute + 1, 60)
    return time(hours % 24, minutes)
