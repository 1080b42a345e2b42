"""The schedule as data: the day of T2S, what each step may settle, and how a standing one is brought up to date."""

from __future__ import annotations

import csv
from datetime import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from settlement.models import DayStep, ScheduledStep
from settlement.services import load_schedule as module
from settlement.services.business_day import next_step, open_business_day
from settlement.services.load_schedule import load_schedule
from tests.factories.chain import MONDAY, Chain, at_time

FRIDAY_EVE = at_time(MONDAY.replace(day=5), 18, 45)


def rows_of(**wanted: Any) -> dict[str, tuple[Any, ...]]:
    """Return code -> time, partials, movements, real time of the active steps."""
    return {
        row.code: (f"{row.time_of_day:%H:%M}", row.partials, row.movements, row.real_time)
        for row in ScheduledStep.objects.filter(active=True, **wanted)
    }


def test_the_night_has_two_cycles_in_sequences_and_parts_only_in_the_last(chain: Chain) -> None:
    """T2S: cycle 1 in sequences 0 to 4, cycle 2 in 4, X, Y, Z; partials from about 22:20 on."""
    assert rows_of(phase="Night-time settlement") == {
        "NIGHT_1_0": ("20:00", False, "PAYMENT", "NONE"),
        "NIGHT_1_1": ("20:10", False, "CORPORATE", "NONE"),
        "NIGHT_1_2": ("20:20", False, "PAYMENT", "NONE"),
        "NIGHT_1_3": ("20:30", False, "FREE", "NONE"),
        "NIGHT_1_4": ("20:45", False, "ALL", "NONE"),
        "NIGHT_2_4": ("22:00", False, "ALL", "NONE"),
        "NIGHT_2_X": ("22:20", True, "ALL", "NONE"),
        "NIGHT_2_Y": ("22:40", False, "PAYMENT", "NONE"),
        "NIGHT_2_Z": ("23:00", True, "ALL", "NONE"),
    }


def test_windows_and_cut_offs_of_the_day(chain: Chain) -> None:
    windows = ScheduledStep.objects.filter(window_minutes__gt=0).order_by("time_of_day")
    assert [(f"{row.time_of_day:%H:%M}", row.window_minutes) for row in windows] == [
        ("08:00", 30), ("10:00", 15), ("12:00", 15), ("14:00", 15), ("15:30", 30),
    ]  # fmt: skip
    day = rows_of(day_offset=0)
    assert day["RTS_OPEN"] == ("05:00", False, "ALL", "ALL")
    assert day["DVP_CUT_OFF"] == ("16:00", True, "ALL", "FREE"), "the last cycle settles all, afterwards only free"
    assert day["REIMBURSE"] == ("16:15", False, "ALL", "FREE")
    assert day["CASH_SWEEP"] == ("17:45", False, "PAYMENT", "FREE")
    assert day["FOP_CUT_OFF"] == ("18:00", False, "FREE", "NONE")
    assert day["PENALTIES"] == ("18:15", False, "ALL", "NONE")
    assert day["END_OF_DAY"] == ("18:30", False, "ALL", "NONE")


def test_loading_twice_changes_nothing_and_an_operators_change_stays(chain: Chain) -> None:
    count = load_schedule()
    ScheduledStep.objects.filter(code="DAY_0800").update(time_of_day=time(8, 5), window_minutes=45)
    assert load_schedule() == count == ScheduledStep.objects.count()
    row = ScheduledStep.objects.get(code="DAY_0800")
    assert (row.time_of_day, row.window_minutes) == (time(8, 5), 45)


def _as_first_brought() -> None:
    """Make the schedule the one that the first version brought, as the migration leaves it."""
    first = import_module("settlement.migrations.0006_business_day").FIRST_SCHEDULE
    ScheduledStep.objects.all().delete()
    for code, name, phase, action, day_offset, time_of_day in first:
        shipped = {
            "name": name, "phase": phase, "action": action, "day_offset": day_offset, "time_of_day": time_of_day,
            "partials": False, "window_minutes": 0, "movements": "ALL", "real_time": "NONE",
        }  # fmt: skip
        fields = shipped | {"time_of_day": time.fromisoformat(time_of_day)}
        ScheduledStep.objects.create(code=code, shipped=shipped, **fields)


def _file_rows() -> dict[str, tuple[str, bool, str, str]]:
    with module.SCHEDULE_FILE.open(newline="") as file:
        return {
            row["code"]: (row["time_of_day"], row["partials"] == "yes", row["movements"], row["real_time"])
            for row in csv.DictReader(file)
        }


def test_an_untouched_schedule_of_the_first_version_becomes_the_new_one(chain: Chain) -> None:
    _as_first_brought()
    load_schedule()
    assert rows_of() == _file_rows()
    assert not ScheduledStep.objects.get(code="NIGHT_1").active, "kept, since days have it in their plan"


def test_of_a_changed_schedule_only_the_changed_fields_stay(chain: Chain) -> None:
    _as_first_brought()
    ScheduledStep.objects.filter(code="DAY_0800").update(time_of_day=time(8, 15))
    ScheduledStep.objects.filter(code="NIGHT_2").update(time_of_day=time(22, 0))
    ScheduledStep.objects.filter(code="DAY_1400").update(active=False)
    ScheduledStep.objects.create(
        code="OWN", name="Our own", phase="Night-time settlement", action="CYCLE", day_offset=-1, time_of_day=time(23)
    )
    load_schedule()
    row = ScheduledStep.objects.get(code="DAY_0800")
    assert (row.time_of_day, row.partials, row.window_minutes) == (time(8, 15), True, 30)
    steps = rows_of()
    assert steps["NIGHT_2"][0] == "22:00", "moved by the operator: hers now"
    assert steps["NIGHT_2_4"][0] == "22:01", "the new step stands aside"
    assert steps["OWN"][0] == "23:00"
    assert steps["NIGHT_2_Z"][0] == "23:01"
    assert "DAY_1400" not in steps, "switched off by the operator"
    assert load_schedule() == len(steps)
    assert rows_of() == steps


def test_an_open_day_keeps_its_plan(chain: Chain) -> None:
    _as_first_brought()
    open_business_day(business_date=MONDAY, at=FRIDAY_EVE)
    load_schedule()
    assert DayStep.objects.count() == 15
    while (step := next_step(business_date=MONDAY)).name != "Night-time cycle 1":
        assert step.step_id is not None
        DayStep.objects.filter(pk=step.step_id).update(done_at=FRIDAY_EVE)
    assert step.code == "NIGHT_1"


@pytest.mark.parametrize("field", ["name", "partials", "movements", "real_time", "window_minutes"])
def test_a_field_that_a_later_version_changes_reaches_an_untouched_row(
    chain: Chain, field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = {"name": "Renamed", "partials": "no", "movements": "FREE", "real_time": "NONE", "window_minutes": "20"}
    text = module.SCHEDULE_FILE.read_text().splitlines()
    columns = text[0].split(",")
    place = next(number for number, line in enumerate(text) if line.startswith("DAY_1200,"))
    fields = text[place].split(",")
    fields[columns.index(field)] = later[field]
    if field == "partials":
        fields[columns.index("window_minutes")] = "0"
    text[place] = ",".join(fields)
    changed = tmp_path / "schedule.csv"
    changed.write_text("\n".join(text) + "\n")
    monkeypatch.setattr(module, "SCHEDULE_FILE", changed)
    load_schedule()
    value = getattr(ScheduledStep.objects.get(code="DAY_1200"), field)
    assert str(value) == {"no": "False"}.get(later[field], later[field])
