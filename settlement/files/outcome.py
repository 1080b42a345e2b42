"""What a decision over files comes to: checked on its own in exact integers, then written."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from settlement.core.compiled import Flags, Ints, States
from settlement.core.submission import (
    FOP,
    NOTHING,
    PAY,
    REASONS,
    Settled,
    Submission,
    group_submission,
    list_movements,
)
from settlement.files.refusals import OutcomeBroken, OutputUnwritable

_HALF: Final = 32
_CHUNK: Final = 65_536


def check_outcome(*, submission: Submission, settled: Settled) -> int:
    """Check what is to be written against every rule of the input; return how many accounts began short.

    Nothing of the decision but quantity and cash is used, and no sum is trusted to fit: amounts are added
    up in halves and put together as Python integers. An account below its floor before must not lose.
    Raises OutcomeBroken.
    """
    _check_parts(submission, settled)
    moves = list_movements(submission=submission, quantity=settled.quantity, cash=settled.cash)
    width = len(submission.asset_is_cash)
    moved = moves.account * width + moves.asset
    listed = submission.account * width + submission.asset
    accounts, place = np.unique(np.concatenate((moved, listed)), return_inverse=True)
    change = _sum_by_place(moves.amount, place[: len(moved)], len(accounts))
    balance, floor = [0] * len(accounts), [0] * len(accounts)
    own = place[len(moved) :].tolist()
    for at, held, least in zip(own, submission.balance.tolist(), submission.floor.tolist(), strict=True):
        balance[at], floor[at] = held, least
    below = 0
    for at, (held, moved_by, least) in enumerate(zip(balance, change, floor, strict=True)):
        below += held < least
        if held + moved_by < min(held, least):
            raise OutcomeBroken(f"Account {int(accounts[at])} would end at {held + moved_by}, below {least}.")
    return below


def sum_exactly(*, amounts: Ints) -> int:
    """Add up int64 amounts to a Python integer of any size."""
    return _sum_by_place(amounts, np.zeros(len(amounts), np.int64), 1)[0]


def _sum_by_place(amount: Ints, place: Ints, places: int) -> list[int]:
    high = np.zeros(places, np.int64)
    low = np.zeros(places, np.int64)
    np.add.at(high, place, amount >> _HALF)
    np.add.at(low, place, amount & ((1 << _HALF) - 1))
    return [(h << _HALF) + part for h, part in zip(high.tolist(), low.tolist(), strict=True)]


def _check_parts(submission: Submission, settled: Settled) -> None:
    """Check each instruction for itself: bounds, parts, pro rata cash, links."""
    quantity, cash = settled.quantity, settled.cash
    delivers, pays = submission.kind != PAY, submission.kind != FOP
    none = (quantity == 0) & (cash == 0)
    whole = (quantity == submission.quantity) & (cash == submission.cash)
    in_part = ~none & ~whole
    linked = submission.linked_with != NOTHING
    group = group_submission(submission=submission)
    parts_allowed = submission.partial & delivers & (np.bincount(group, minlength=len(group))[group] == 1)
    part_fits = (
        (quantity >= submission.min_quantity)
        & (quantity < submission.quantity)
        & (quantity % submission.multiple == 0)
        & parts_allowed
    )
    faults = {
        "a part that may not settle": in_part & ~part_fits,
        "a quantity or cash out of bounds": (quantity < 0) | (quantity > submission.quantity)
        | (cash < 0) | (cash > submission.cash) | (quantity * ~delivers != 0) | (cash * ~pays != 0),
        "one of two linked instructions": linked & (none != none[submission.linked_with]),
        "an instruction called whole that is not": settled.whole & ~whole,
    }  # fmt: skip
    for what, wrong in faults.items():
        _refuse(what, wrong)
    for i in np.flatnonzero(in_part & pays).tolist():
        # Python integers: the product of two amounts may leave int64.
        fair = int(submission.cash[i]) * int(quantity[i])
        if abs(int(cash[i]) * int(submission.quantity[i]) - fair) > int(submission.quantity[i]):
            raise OutcomeBroken(f"The cash of instruction {i + 1} is not pro rata.")


def _refuse(what: str, wrong: Flags) -> None:
    if wrong.any():
        raise OutcomeBroken(f"Instruction {int(np.argmax(wrong)) + 1} would settle as {what}.")


def check_output(*, path: Path, inputs: tuple[Path, ...]) -> None:
    """Refuse an output that cannot be written, before any work is done. Raises OutputUnwritable."""
    if path.is_dir() or not path.parent.is_dir():
        raise OutputUnwritable(f"{path}: no file can stand there.")
    if any(path.exists() and each.exists() and path.samefile(each) for each in inputs):
        raise OutputUnwritable(f"{path} is an input.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OutputUnwritable(f"{path}: no permission to write.")


def write_outcome(*, path: Path, ids: list[str], settled: Settled, reason: States) -> None:
    """Write a line per instruction, in the order of the input: all of them or, on a fault, none."""
    # A device or a pipe cannot be replaced, only written to.
    in_place = path.exists() and not path.is_file()
    target = path if in_place else path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with target.open("w", encoding="utf-8", newline="") as file:
            file.writelines(_lines(ids, settled, reason))
        if not in_place:
            target.replace(path)
    except OSError as error:
        raise OutputUnwritable(f"{path}: {error.strerror}.") from error
    finally:
        if not in_place:
            target.unlink(missing_ok=True)


def _lines(ids: list[str], settled: Settled, reason: States) -> Iterator[str]:
    yield "id,settled_quantity,settled_cash,reason\n"
    for start in range(0, len(ids), _CHUNK):
        piece = slice(start, start + _CHUNK)
        columns = (settled.quantity[piece].tolist(), settled.cash[piece].tolist(), reason[piece].tolist())
        yield "".join(
            f"{_quote(name)},{quantity},{cash},{REASONS[why]}\n"
            for name, quantity, cash, why in zip(ids[piece], *columns, strict=True)
        )


def _quote(name: str) -> str:
    """Return a cell as RFC 4180 has it."""
    if '"' in name or "," in name or "\n" in name or "\r" in name:
        return '"' + name.replace('"', '""') + '"'
    return name
