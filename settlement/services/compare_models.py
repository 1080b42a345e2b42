"""Dry runs: what is pending, settled on paper under each model of delivery versus payment. Nothing is booked."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from events.services.audit import record_action
from events.services.outbox import record_fact
from ledger.models import Account
from reference.core.actor import Actor
from reference.locks import take_lock
from reference.queries import ClockReading, directory
from settlement.contracts import ComparisonOrdered
from settlement.core.batch import Batch
from settlement.core.delivery_versus_payment import ModelOutcome, measure_outcome, settle_under_model
from settlement.core.parts import move_part
from settlement.models import DryRun, Movements
from settlement.refusals import ComparisonUnderWay
from settlement.services.load_due import Due, load_due, sort_due
from settlement.services.prepare_batch import CycleBatch, prepare_batch
from settlement.services.prepare_credit import load_credit_lines
from settlement.services.settle_cycle import CYCLE_LOCK, sum_by_currency

logger = logging.getLogger(__name__)

Int64Array = NDArray[np.int64]
Flags = NDArray[np.bool_]

COMPARE_LOCK_KEY = 7_250_019_733_022
SECONDS_A_MODEL = 10.0
# What is compared: the model, whether credit may be drawn, and its name.
VARIANTS = (
    (1, True, "Model 1: both legs gross, at once"),
    (1, False, "Model 1 without credit"),
    (2, True, "Model 2: securities gross, cash net"),
    (3, True, "Model 3: both net at the end"),
)


def order_comparison(*, actor: Actor, clock: ClockReading) -> DryRun:
    """Order a dry run over what is pending now; a worker computes it. Raises ComparisonUnderWay."""
    with transaction.atomic():
        take_lock(name="settlement.compare")
        if DryRun.objects.filter(state="RUNNING").exists():
            raise ComparisonUnderWay
        run = DryRun.objects.create(business_date=clock.business_date, at=clock.at, by=actor.name)
        record_action(
            actor=actor,
            action="comparison.ordered",
            at=clock.at,
            business_date=clock.business_date,
            object_type="dryrun",
            object_id=run.pk,
            summary="The models of delivery versus payment are compared over what is pending.",
        )
        record_fact(fact=ComparisonOrdered(run=run.pk))
    return run


def run_comparisons() -> int:
    """Compute the dry runs that were ordered; return how many. One process at a time; cut off, it is done again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [COMPARE_LOCK_KEY])
        if not cursor.fetchone()[0]:
            return 0
        try:
            ordered = list(DryRun.objects.filter(state="RUNNING").order_by("id"))
            for run in ordered:
                _compute(run=run)
            return len(ordered)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [COMPARE_LOCK_KEY])


def _compute(*, run: DryRun) -> None:
    """Compute one dry run and write its result, or why there is none."""
    try:
        result = compare_models(run=run)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"[:200]
        DryRun.objects.filter(pk=run.pk, state="RUNNING").update(state="FAILED", problem=problem)
        # A dry run that fails is shown as failed; what really settles must not stop for it.
        logger.exception("dry run %s failed", run.pk)
        return
    DryRun.objects.filter(pk=run.pk, state="RUNNING").update(state="DONE", progress_percent=100, result=result)


def compare_models(*, run: DryRun) -> dict[str, Any]:
    """Return the outcome of each variant over what is due on the run's date, all or nothing, as a JSON object.

    Amounts in minor units by currency code: settled, unwound, credit used, and the cash that must stand ready to
    book what settles one by one (liquidity_gross) or at the net (liquidity_net).
    """
    due, with_credit, without_credit = _load(run=run)
    outcomes = []
    for place, (model, credit, name) in enumerate(VARIANTS):
        DryRun.objects.filter(pk=run.pk, state="RUNNING").update(progress_percent=100 * (place + 1) // 6)
        prepared = with_credit if credit else without_credit
        started = time.monotonic()
        outcome = _settle(prepared=prepared, model=model)
        seconds = time.monotonic() - started
        outcomes.append(
            {"model": model, "credit": credit, "name": name, "seconds": round(seconds, 3)}
            | _describe(prepared=prepared, outcome=outcome)
        )
    return {
        "due": len(due.id),
        "tried": len(with_credit.due.id),
        "due_minor": sum_by_currency(currency=due.currency, amount=np.abs(due.cash)),
        "models": outcomes,
    }


def _load(*, run: DryRun) -> tuple[Due, CycleBatch, CycleBatch]:
    """Load what is due once, as one cycle would see it, with credit and without; nothing stays locked."""
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        due = load_due(business_date=run.business_date)
        sorted_out = sort_due(due=due, business_date=run.business_date, movements=Movements.ALL)
        lines = load_credit_lines(business_date=run.business_date, at=run.at)
        both = [
            prepare_batch(due=due, sorted_out=sorted_out, partials=False, lines=each, business_date=run.business_date)
            for each in (lines, lines.only(np.zeros(0, np.int64)))
        ]
    return due, both[0], both[1]


class _Rows(NamedTuple):
    """What the rows of a batch are: cash of which currency (0 for none), collateral, and whose; shape (m,)."""

    currency: Int64Array
    collateral: Flags
    participant: Int64Array


def _rows_of(prepared: CycleBatch) -> _Rows:
    """Tell balance rows, rows of links and rows of collateral apart."""
    count, balances, credit = len(prepared.batch.balance), len(prepared.account), prepared.credit
    owners = dict(Account.objects.filter(pk__in=prepared.account.tolist()).values_list("pk", "participant_id"))
    currency = np.zeros(count, np.int64)
    is_cash = np.isin(prepared.asset, list(directory().currencies))
    currency[:balances] = np.where(is_cash, prepared.asset, 0)
    collateral = np.arange(count) >= credit.first_row
    participant = np.zeros(count, np.int64)
    participant[:balances] = [owners[account] for account in prepared.account.tolist()]
    participant[credit.first_row :] = participant[credit.cash_row]
    return _Rows(currency, collateral, np.unique(participant, return_inverse=True)[1].astype(np.int64))


def _settle(*, prepared: CycleBatch, model: int) -> ModelOutcome:
    """Settle a batch under a model. Collateral is looked at where cash is: in model 2 at the end, at its net."""
    rows = _rows_of(prepared)
    return settle_under_model(
        model=model,
        batch=prepared.batch,
        row_is_cash=(rows.currency > 0) | rows.collateral,
        row_participant=rows.participant,
        seconds=SECONDS_A_MODEL,
    )


def _describe(*, prepared: CycleBatch, outcome: ModelOutcome) -> dict[str, Any]:
    """Return what an outcome comes to, instruction by instruction and currency by currency."""
    due, column = prepared.due, prepared.column_of
    units, settled = prepared.batch.units[column], outcome.settled_units[column]
    unwound = outcome.unwound[column]
    cash = np.abs(due.cash)
    rows = _rows_of(prepared)
    measured = {
        directory().currencies[int(currency)].code: measure_outcome(
            batch=_without_collateral(prepared.batch, rows),
            row_is_cash=rows.currency == currency,
            settled_units=outcome.settled_units,
            unwound=outcome.unwound,
            bound=None,
        )
        for currency in np.unique(rows.currency[rows.currency > 0])
    }
    return {
        "settled": int((settled == units).sum()),
        "settled_minor": sum_by_currency(
            currency=due.currency, amount=move_part(whole=cash, units=units, part=settled)
        ),
        "unwound": int(unwound.sum()),
        "unwound_minor": sum_by_currency(currency=due.currency[unwound], amount=cash[unwound]),
        "credit_minor": {code: each.credit_used for code, each in measured.items()},
        "liquidity_gross_minor": {code: each.liquidity_gross for code, each in measured.items()},
        "liquidity_net_minor": {code: each.liquidity_net for code, each in measured.items()},
        "short_participants": outcome.short_participants,
        "left_without_the_short": outcome.excluded_number,
        "gap": 1 - outcome.worth / outcome.bound if outcome.bound else None,
    }


def _without_collateral(batch: Batch, rows: _Rows) -> Batch:
    """Return the batch with rows of collateral that nothing moves, for a measure of cash alone."""
    return replace(batch, amount=np.where(rows.collateral[batch.row], 0, batch.amount))
