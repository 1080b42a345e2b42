"""The outcomes of a chunk are a sequence, whichever way they are asked for."""

import pytest

from reference.public_ids import new_public_id_array, uuids_of
from trades.core.report import Problem
from trades.services.capture_submission import LineOutcome, LineOutcomes
from trades.services.capture_trades import CaptureOutcome, outcomes_of

PROBLEM = Problem("unknown-security", "/security", "There is none.")


def test_refused_lines_stand_in_their_places_among_the_ids() -> None:
    public_ids = new_public_id_array(count=2)
    first, second = uuids_of(public_ids=public_ids)
    outcomes = outcomes_of(lines=[1, 3], public_ids=public_ids, refused={0: [PROBLEM], 2: [PROBLEM]})
    refused = CaptureOutcome("REFUSED", None, (PROBLEM,))
    wanted = [refused, CaptureOutcome("ACCEPTED", first), refused, CaptureOutcome("ACCEPTED", second)]
    assert list(outcomes) == wanted
    assert [outcomes[place] for place in range(len(outcomes))] == wanted
    assert (outcomes[1:], outcomes[-1]) == (wanted[1:], wanted[-1])
    with pytest.raises(IndexError):
        outcomes[4]
    lines = LineOutcomes(numbers=[2, 3, 5, 6], outcomes=outcomes)
    assert list(lines) == lines[:] == [LineOutcome(*pair) for pair in zip([2, 3, 5, 6], wanted, strict=True)]
    assert (lines[2], len(lines)) == (LineOutcome(5, refused), 4)
