"""Instructions as anyone would submit them, the batch they make, and what a decision means for each."""

from typing import Final, Literal, NamedTuple

import numpy as np

from settlement.core.batch import UNRESTRICTED, Batch, build_dvp_batch
from settlement.core.compiled import Flags, Ints, States
from settlement.core.lifecycle import Reason
from settlement.core.linked import group_linked
from settlement.core.links import merge_linked
from settlement.core.parts import move_part

Objective = Literal["value", "count", "priority"]
OBJECTIVES: Final[tuple[Objective, ...]] = ("value", "count", "priority")

DVP, FOP, PAY = range(3)
KINDS: Final = ("dvp", "fop", "pay")
NOTHING: Final = -1

REASONS: Final = ("", Reason.LACK.value, Reason.MONY.value, Reason.LINK.value, Reason.AWAITING.value)
SETTLED, LACK, MONY, LINK, CYCL = range(len(REASONS))


class Submission(NamedTuple):
    """n instructions, b balances and a assets; int64 unless said otherwise.

    kind[n]                     DVP, FOP (quantity only) or PAY (the deliverer pays the receiver cash)
    deliverer[n], receiver[n]   participants; they differ
    isin[n], currency[n]        assets; NOTHING where the kind moves no securities, or no cash
    quantity[n], cash[n], value[n]   0 or more; quantity 0 in a PAY, cash 0 in a FOP
    priority[n]                 1 first
    partial[n]                  bool: may settle in part; ignored in a PAY and where linked
    min_quantity[n], multiple[n]     a part is no smaller, and a multiple of this
    linked_with[n]              an instruction with which it settles together or not at all, or NOTHING
    account[b], asset[b], balance[b], floor[b]   each pair once; what is not listed is 0 with floor 0
    asset_is_cash[a]            bool
    """

    kind: Ints
    deliverer: Ints
    receiver: Ints
    isin: Ints
    currency: Ints
    quantity: Ints
    cash: Ints
    value: Ints
    priority: Ints
    partial: Flags
    min_quantity: Ints
    multiple: Ints
    linked_with: Ints
    account: Ints
    asset: Ints
    balance: Ints
    floor: Ints
    asset_is_cash: Flags


INSTRUCTION_COLUMNS: Final = Submission._fields[: Submission._fields.index("account")]


class SubmittedBatch(NamedTuple):
    """The batch of a submission: column_of[n], and what each of its m rows stands for."""

    batch: Batch
    column_of: Ints
    row_account: Ints
    row_asset: Ints
    row_is_cash: Flags


class Settled(NamedTuple):
    """What settled: quantity[n], cash[n] and value[n], int64; whole[n], bool: settled in full."""

    quantity: Ints
    cash: Ints
    value: Ints
    whole: Flags


class Movements(NamedTuple):
    """Movements of int64 amount, the two sides of each leg apart by half the length."""

    instruction: Ints
    account: Ints
    asset: Ints
    amount: Ints


def build_submitted_batch(*, submission: Submission, objective: Objective) -> SubmittedBatch:
    """Build the batch; a group of linked instructions is one column, all or nothing.

    objective: "value" adds up value, "count" instructions settled in full, "priority" is value, class by
    class. Raises AmountOutOfRange.
    """
    count = len(submission.kind)
    ones = np.ones(count, np.int64)
    group = group_submission(submission=submission)
    batch, row_account, row_asset = build_dvp_batch(
        deliverer_securities=submission.deliverer,
        receiver_securities=submission.receiver,
        deliverer_cash=submission.deliverer,
        receiver_cash=submission.receiver,
        security=submission.isin,
        quantity=submission.quantity,
        currency=submission.currency,
        cash=np.where(submission.kind == PAY, -submission.cash, submission.cash),
        priority=submission.priority if objective == "priority" else ones,
        value=ones if objective == "count" else submission.value,
        number=np.arange(count),
        known_account=submission.account,
        known_asset=submission.asset,
        known_balance=submission.balance,
        known_floor=submission.floor,
        least_quantity=np.where(submission.partial, submission.min_quantity, submission.quantity),
        multiple=submission.multiple,
    )
    column_of = np.arange(count)
    if np.any(submission.linked_with != NOTHING):
        batch, column_of = merge_linked(batch=batch, group=group)
    return SubmittedBatch(batch, column_of, row_account, row_asset, submission.asset_is_cash[row_asset])


def group_submission(*, submission: Submission) -> Ints:
    """Return the group of each instruction, int64[n]: linked ones, directly or over others, have the same."""
    linked = np.flatnonzero(submission.linked_with != NOTHING)
    return group_linked(count=len(submission.kind), first=linked, second=submission.linked_with[linked])


def settle_submission(*, submission: Submission, submitted: SubmittedBatch, settled_units: Ints) -> Settled:
    """Say what settled of each instruction; a part's cash is pro rata, rounded down to a minor unit.

    settled_units is int64, one entry a column of the batch.
    """
    units = submitted.batch.units[submitted.column_of]
    settled = settled_units[submitted.column_of]
    return Settled(
        quantity=move_part(whole=submission.quantity, units=units, part=settled),
        cash=move_part(whole=submission.cash, units=units, part=settled),
        value=move_part(whole=submission.value, units=units, part=settled),
        whole=settled == units,
    )


def list_movements(*, submission: Submission, quantity: Ints, cash: Ints) -> Movements:
    """List the movements of that quantity and cash of each instruction: all debits, then all credits."""
    delivered = np.flatnonzero(submission.kind != PAY)
    paid = np.flatnonzero(submission.kind != FOP)
    # In a payment the deliverer pays; against a delivery the receiver does.
    is_payment = submission.kind[paid] == PAY
    payer = np.where(is_payment, submission.deliverer[paid], submission.receiver[paid])
    payee = np.where(is_payment, submission.receiver[paid], submission.deliverer[paid])
    asset = np.concatenate((submission.isin[delivered], submission.currency[paid]))
    amount = np.concatenate((quantity[delivered], cash[paid]))
    return Movements(
        instruction=np.tile(np.concatenate((delivered, paid)), 2),
        account=np.concatenate((submission.deliverer[delivered], payer, submission.receiver[delivered], payee)),
        asset=np.tile(asset, 2),
        amount=np.concatenate((-amount, amount)),
    )


def name_reasons(*, submission: Submission, submitted: SubmittedBatch, settled: Settled, balance_after: Ints) -> States:
    """Return the place in REASONS of why each instruction did not settle in full.

    LACK: what remains of it would leave its deliverer short of securities; MONY: its payer short of cash;
    LINK: it alone could settle, but not what it is linked with; CYCL: nothing is short now, it waits for
    another cycle. balance_after is int64[m], by row of the batch.
    """
    batch = submitted.batch
    remaining = list_movements(
        submission=submission,
        quantity=submission.quantity - settled.quantity,
        cash=submission.cash - settled.cash,
    )
    debits = len(remaining.amount) // 2
    row = _find_rows(submission, submitted, remaining.account[:debits], remaining.asset[:debits])
    after = balance_after[row] + remaining.amount[:debits]
    limited = (batch.floor[row] != UNRESTRICTED) & (remaining.amount[:debits] != 0)
    short = limited & ((after < batch.floor[row]) | (batch.balance[row] < batch.floor[row]))
    reason = np.full(len(submission.kind), CYCL, np.int8)
    group_size = np.bincount(submitted.column_of)
    reason[group_size[submitted.column_of] > 1] = LINK
    is_cash = submitted.row_is_cash[row]
    reason[remaining.instruction[:debits][short & is_cash]] = MONY
    reason[remaining.instruction[:debits][short & ~is_cash]] = LACK
    reason[settled.whole] = SETTLED
    return reason


def _find_rows(submission: Submission, submitted: SubmittedBatch, account: Ints, asset: Ints) -> Ints:
    width = len(submission.asset_is_cash)
    return np.searchsorted(submitted.row_account * width + submitted.row_asset, account * width + asset)
