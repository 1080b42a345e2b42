"""Decide over the batch of two files and write what settles to a third; no database takes part."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from settlement.core.batch import AmountOutOfRange
from settlement.core.decide import warm_up
from settlement.core.delivery_versus_payment import ModelOutcome, book_units, settle_under_model, warm_up_models
from settlement.core.submission import (
    REASONS,
    Objective,
    Submission,
    SubmittedBatch,
    build_submitted_batch,
    name_reasons,
    settle_submission,
)
from settlement.files.outcome import check_outcome, check_output, sum_exactly, write_outcome
from settlement.files.refusals import IntegerOutOfRange
from settlement.files.submission import read_submission

LEAST_SECONDS: Final = 5.0
SECONDS_EACH: Final = 70e-6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: counts are instructions; values are minor units, a part's pro rata.

    settled_number     settled in full; settled_in_part counts the others of which a part settled
    worth              what the objective adds up: values, instructions, or values with each priority counted
                       MOST_TIMES (settlement/core/strategy.py) as much as the next
    bound              no decision is worth more; None under model 3
    gap                (bound - worth) / bound, None without a bound
    floors_hold        found by adding up the output in exact integers, apart from the decision
    accounts_below     began below their floor, took credits only
    seconds            deciding; seconds_read and seconds_written besides
    """

    model: int
    objective: Objective
    currencies: list[str]
    instructions: int
    settled_number: int
    settled_in_part: int
    submitted_value: int
    settled_value: int
    value_share: float
    worth: int
    bound: int | None
    gap: float | None
    floors_hold: bool
    accounts_below: int
    liquidity_gross: int
    liquidity_net: int
    credit_used: int
    unwound: int
    reasons: dict[str, int]
    seconds: float
    seconds_read: float
    seconds_written: float


def optimise_files(
    *, instructions: Path, balances: Path, output: Path, model: int, objective: Objective,
    seconds: float | None, seed: int, clock: Callable[[], float],
) -> Outcome:  # fmt: skip
    """Read, decide in no more than so many seconds (None: as the size asks), check, write.

    Raises OptimiseRefused, and nothing is written then. clock gives seconds from any start; the kernels are
    compiled before it is first read for deciding.
    """
    check_output(path=output, inputs=(instructions, balances))
    began = clock()
    files = read_submission(instructions=instructions, balances=balances)
    read = clock()
    warm_up()
    warm_up_models()
    warm = clock()
    limit = seconds or LEAST_SECONDS + len(files.ids) * SECONDS_EACH
    submitted, found = _decide(instructions, files.submission, model, objective, limit, seed)
    decided = clock()
    settled = settle_submission(submission=files.submission, submitted=submitted, settled_units=found.settled_units)
    accounts_below = check_outcome(submission=files.submission, settled=settled)
    reason = name_reasons(
        submission=files.submission,
        submitted=submitted,
        settled=settled,
        balance_after=book_units(batch=submitted.batch, settled_units=found.settled_units),
    )
    write_outcome(path=output, ids=files.ids, settled=settled, reason=reason)
    counts = np.bincount(reason, minlength=len(REASONS)).tolist()
    submitted_value = sum_exactly(amounts=files.submission.value)
    settled_value = sum_exactly(amounts=settled.value)
    reached = {"value": settled_value, "priority": found.worth, "count": int(settled.whole.sum())}[objective]
    return Outcome(
        model=model,
        objective=objective,
        currencies=files.currencies,
        instructions=len(files.ids),
        settled_number=int(settled.whole.sum()),
        settled_in_part=int(((settled.quantity > 0) & ~settled.whole).sum()),
        submitted_value=submitted_value,
        settled_value=settled_value,
        value_share=settled_value / submitted_value if submitted_value else 1.0,
        worth=reached,
        bound=found.bound,
        gap=None if found.bound is None else (found.bound - reached) / max(found.bound, 1),
        floors_hold=True,
        accounts_below=accounts_below,
        liquidity_gross=found.liquidity_gross,
        liquidity_net=found.liquidity_net,
        credit_used=found.credit_used,
        unwound=int(found.unwound[submitted.column_of].sum()),
        reasons={name: count for name, count in zip(REASONS, counts, strict=True) if name},
        seconds=decided - warm,
        seconds_read=read - began,
        seconds_written=clock() - decided,
    )


def _decide(
    path: Path, submission: Submission, model: int, objective: Objective, seconds: float, seed: int
) -> tuple[SubmittedBatch, ModelOutcome]:
    """Build the batch and settle it; sums that leave the range name the file they come from."""
    try:
        submitted = build_submitted_batch(submission=submission, objective=objective)
        found = settle_under_model(
            model=model,
            batch=submitted.batch,
            row_is_cash=submitted.row_is_cash,
            row_participant=submitted.row_account,
            seconds=seconds,
            seed=seed,
        )
    except AmountOutOfRange as error:
        raise IntegerOutOfRange(f"{path.name}: {error}") from error
    return submitted, found
