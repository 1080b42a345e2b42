"""The lines of a long CSV file made ready to be written: most in whole columns, the rest one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.public_ids import new_public_ids
from trades.core.fast_lane import FastLane
from trades.core.parsing import CsvLines, columns_at
from trades.core.report import Problem, ResolvedReport, TradeReport
from trades.services.capture_trades import ResolvedChunk, outcomes_of, resolve_reports
from trades.services.copy_trades import complete_columns, field_arrays

# Fewer lines gain nothing; of more, so many at a time teach the lane.
SHORT = 1_000


def prepare_lines(*, lines: CsvLines, lane: FastLane) -> ResolvedChunk:
    """Resolve lines by the fast lane where they may take it, one by one where not. Touches no database."""
    parts: list[tuple[NDArray[np.int64], Mapping[str, NDArray[Any]]]] = []
    refused: dict[int, list[Problem]] = {}
    left = np.arange(len(lines))
    while len(left):
        plain, fields = lane.take(rows=columns_at(columns=lines.columns, places=left.tolist()))
        if plain.any():
            parts.append((left[plain], fields))
        left = left[~plain]
        alone, left = left[:SHORT], left[SHORT:]
        good, problems = _resolve_alone(lines=lines, places=alone.tolist(), lane=lane)
        refused |= problems
        if good:
            parts.append((np.array(list(good)), field_arrays(rows=list(good.values()))))
    if not parts:
        return ResolvedChunk(outcomes_of(public_ids=[], refused=refused), [], [], {})
    places = np.concatenate([part for part, _ in parts])
    order = np.argsort(places, kind="stable")
    joined = {name: np.concatenate([fields[name] for _, fields in parts])[order] for name in parts[0][1]}
    public_ids = new_public_ids(count=len(places))
    return ResolvedChunk(
        outcomes=outcomes_of(public_ids=public_ids, refused=refused),
        lines=places[order].tolist(),
        rows=[],
        columns=complete_columns(fields=joined, public_ids=public_ids),
    )


def _resolve_alone(
    *, lines: CsvLines, places: Sequence[int], lane: FastLane
) -> tuple[dict[int, ResolvedReport], dict[int, list[Problem]]]:
    """Resolve lines one by one and teach the lane; return the good ones and the problems of the others, by place."""
    reports = [line.report for line in lines.read(places=places)]
    good: dict[int, ResolvedReport] = {}
    problems: dict[int, list[Problem]] = {}
    resolved = resolve_reports(reports=reports, context=lane.context)
    for place, report, found in zip(places, reports, resolved, strict=True):
        if isinstance(found, list):
            problems[place] = found
        else:
            good[place] = found
            if isinstance(report, TradeReport):
                lane.learn(row=lines.row(place=place), report=report, resolved=found)
    return good, problems
