"""The lines of a long CSV file made ready to be written: most in whole columns, the rest one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.public_ids import new_public_id_array
from trades.core.fast_lane import FastLane
from trades.core.parsing import CsvLines
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
        plain, fields = lane.take(cells=lines.cells, rows=left)
        if plain.any():
            parts.append((left[plain], fields))
        left = left[~plain]
        alone, left = left[:SHORT], left[SHORT:]
        good, problems = _resolve_alone(lines=lines, places=alone.tolist(), lane=lane)
        refused |= problems
        if good:
            parts.append((np.array(list(good)), field_arrays(rows=list(good.values()))))
    places = np.concatenate([part for part, _ in parts]) if parts else np.array([], dtype=np.int64)
    order = np.argsort(places, kind="stable")
    taken = places[order].tolist()
    public_ids = new_public_id_array(count=len(taken))
    outcomes = outcomes_of(lines=taken, public_ids=public_ids, refused=refused)
    if not parts:
        return ResolvedChunk(outcomes, [], [], {})
    joined = {name: np.concatenate([fields[name] for _, fields in parts])[order] for name in parts[0][1]}
    return ResolvedChunk(outcomes, taken, [], complete_columns(fields=joined, public_ids=public_ids))


def _resolve_alone(
    *, lines: CsvLines, places: Sequence[int], lane: FastLane
) -> tuple[dict[int, ResolvedReport], dict[int, list[Problem]]]:
    """Resolve lines one by one and teach the lane; return the good ones and the problems of the others, by place."""
    reports = [line.report for line in lines.read(places=places)]
    resolved = dict(zip(places, resolve_reports(reports=reports, context=lane.context), strict=True))
    problems = {place: found for place, found in resolved.items() if isinstance(found, list)}
    good = {place: found for place, found in resolved.items() if isinstance(found, ResolvedReport)}
    right = [
        (report, good[place])
        for place, report in zip(places, reports, strict=True)
        if place in good and isinstance(report, TradeReport)
    ]
    lane.learn(cells=lines.cells, rows=np.array(list(good), dtype=np.int64), right=right)
    return good, problems
