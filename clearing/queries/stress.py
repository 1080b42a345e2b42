"""Stress losses as an actor may see them: scenario by member, and Cover-2 by scenario."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.db import connection

from clearing.core.stress import cover_two
from clearing.models import MarginRun, MarginRunKind, StressLoss, StressScenario
from clearing.queries.fund import read_losses
from reference.core.actor import Actor
from reference.queries import directory

# A row an evening and currency: the largest loss beyond margin of one group, that of two, and what stood against it
# by the sizing that was in force.
EVENINGS_SQL = """
    WITH grouped AS (
        SELECT l.run_id, r.business_date, l.currency_id, l.scenario_id, sum(l.uncovered_minor)::bigint AS lost
        FROM clearing_stressloss l JOIN clearing_marginrun r ON r.id = l.run_id AND r.kind = 'EVENING'
        WHERE r.business_date BETWEEN %(since)s AND %(until)s
        GROUP BY l.run_id, r.business_date, l.currency_id, l.scenario_id, l."group"
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY run_id, currency_id, scenario_id ORDER BY lost DESC) AS place
        FROM grouped
    ), two AS (
        SELECT run_id, business_date, currency_id, scenario_id, sum(lost)::bigint AS two, max(lost) AS largest
        FROM ranked WHERE place <= 2 GROUP BY 1, 2, 3, 4
    )
    SELECT t.currency_id, t.business_date, max(t.largest)::bigint, max(t.two)::bigint, max(s.size_minor)::bigint,
           max(s.size_minor + s.own_resources_minor)::bigint
    FROM two t
    LEFT JOIN LATERAL (
        SELECT size_minor, own_resources_minor FROM clearing_fundsizing s
        WHERE s.currency_id = t.currency_id AND s.run_id <= t.run_id ORDER BY s.id DESC LIMIT 1) s ON true
    GROUP BY t.run_id, t.business_date, t.currency_id ORDER BY t.currency_id, t.run_id
"""


@dataclass(frozen=True)
class EveningCover:
    """One evening in one currency: the largest loss beyond margin, the two largest, and what stood against them.

    size_minor and resources_minor (with the CCP's own) are those of the sizing in force; None before the first.
    """

    currency_id: int
    business_date: date
    largest_minor: int
    cover_two_minor: int
    size_minor: int | None
    resources_minor: int | None


def cover_by_evening(*, since: date, until: date) -> list[EveningCover]:
    """Return every stressed evening between two days, by currency, oldest first. One query."""
    with connection.cursor() as cursor:
        cursor.execute(EVENINGS_SQL, {"since": since, "until": until})
        return [EveningCover(*row) for row in cursor.fetchall()]


@dataclass(frozen=True)
class Cell:
    """What one member loses in one scenario."""

    loss_minor: int
    margin_minor: int
    uncovered_minor: int


@dataclass(frozen=True)
class ScenarioRow:
    """One scenario: the members' losses that an actor sees, and of all groups the two largest beyond margin.

    groups: the two; empty for a participant, who sees the sum and not whose it is.
    """

    scenario: StressScenario
    cells: Mapping[str, Cell]
    cover_two_minor: int
    largest_minor: int
    uncovered_minor: int
    groups: Sequence[str]


@dataclass(frozen=True)
class StressTable:
    """The last evening's stress test in one currency."""

    currency: str
    members: Sequence[str]
    rows: Sequence[ScenarioRow]

    @property
    def cover_two_minor(self) -> int:
        """Return the two largest losses beyond margin in the worst scenario."""
        return max((row.cover_two_minor for row in self.rows), default=0)

    @property
    def worst(self) -> ScenarioRow | None:
        """Return the scenario that sizes the fund; None where nothing is lost beyond margin."""
        row = max(self.rows, key=lambda row: row.cover_two_minor, default=None)
        return row if row is not None and row.cover_two_minor else None


@dataclass(frozen=True)
class StressView:
    """The last stressed evening, its tables by currency, and the scenarios that were not known on that day."""

    run: MarginRun | None
    tables: Sequence[StressTable]
    later: Sequence[StressScenario]


def last_stressed_run(*, business_date: date) -> MarginRun | None:
    """Return the last evening run up to a day that has stress losses."""
    return (
        MarginRun.objects.filter(
            kind=MarginRunKind.EVENING, business_date__lte=business_date, stress_losses__isnull=False
        )
        .order_by("-id")
        .first()
    )


def read_stress(*, actor: Actor, business_date: date) -> StressView:
    """Return the last evening's stress test. A member sees its own losses and the totals of all."""
    run = last_stressed_run(business_date=business_date)
    known = run.business_date if run is not None else business_date
    later = list(StressScenario.objects.filter(to_date__gt=known))
    if run is None:
        return StressView(run=None, tables=[], later=later)
    seen: defaultdict[int, dict[int, dict[str, Cell]]] = defaultdict(lambda: defaultdict(dict))
    source = directory()
    rows = StressLoss.objects.filter(run=run).values_list(
        "currency_id", "scenario_id", "member_id", "loss_minor", "margin_minor", "uncovered_minor"
    )
    for currency_id, scenario_id, member_id, *amounts in rows:
        cells = seen[currency_id][scenario_id]
        if actor.sees_all or member_id == actor.participant_id:
            cells[source.participants[member_id].code] = Cell(*amounts)
    scenarios = {row.pk: row for row in StressScenario.objects.filter(losses__run=run).distinct()}
    tables = [
        _table(currency_id=currency_id, cells=seen[currency_id], scenarios=scenarios, run=run, named=actor.sees_all)
        for currency_id in sorted(seen, key=lambda key: source.currencies[key].code)
    ]
    return StressView(run=run, tables=tables, later=later)


def _table(
    *, currency_id: int, cells: Mapping[int, Mapping[str, Cell]], scenarios: Mapping[int, StressScenario],
    run: MarginRun, named: bool,
) -> StressTable:  # fmt: skip
    """Build one currency's table; losses beyond margin are compared group by group."""
    losses = read_losses(currency_id=currency_id, since=run.business_date, until=run.business_date)
    rows = []
    for place, (_, scenario_id) in enumerate(losses.rows):
        two = cover_two(losses=losses.table[place : place + 1])
        hit = [losses.groups[group] for group in two.groups if losses.table[place, group] > 0]
        rows.append(
            ScenarioRow(
                scenario=scenarios[scenario_id],
                cells=cells[scenario_id],
                cover_two_minor=int(two.amount),
                largest_minor=int(two.largest),
                uncovered_minor=int(np.sum(losses.table[place])),
                groups=hit if named else (),
            )
        )
    members = sorted({code for row in rows for code in row.cells})
    return StressTable(currency=directory().currencies[currency_id].code, members=members, rows=rows)
